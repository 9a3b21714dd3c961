import { type EventStore, openEventStore, type RecordedEvent } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import type { MaintainingReport } from '../support/maintaining-child.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** How often a process is killed, all on one store. */
const KILLS = 25

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_201)

test.each(['sqlite', 'lmdb'] as const)(
  'a %s store is whole when its process is killed while it scavenges, drops and builds indexes',
  async (engine) => {
    await using folder = await temporaryFolder()
    const random = seededRandom(seed)
    const start = (kill: number): Child<MaintainingReport> =>
      startChild('maintaining-child.ts', folder.path, engine, String(seed + kill))
    const heads = new Map<string, number>()
    const seen = { unfinished: 0, scavenged: 0, events: 0 }
    // The next child loads its program while the one before it works.
    let next = start(1)
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const child = next
      next = start(kill + 1)
      try {
        const reports = await killSomewhere(child, random)
        await using store = await openEventStore(folder.path, { engine })
        expect((await store.check()).problems).toEqual([])
        if ((await store.info()).indexes.length < 3) seen.unfinished += 1
        await lookAtHeads(store, heads, reports)
        for (const said of reports) if (said.event === 'scavenged') seen.scavenged += said.events
        if (kill % 5 !== 0) continue
        await store.reindex({ add: ['category', 'type', 'tag'] })
        seen.scavenged += (await store.scavenge()).events
        seen.events = await lookAtIndexes(store)
        expect((await store.check()).problems).toEqual([])
      } catch (cause) {
        next.signal('SIGKILL')
        throw new Error(`Kill ${kill} of seed ${seed} has damaged the store`, { cause })
      }
    }
    next.signal('SIGKILL')
    await next.ended
    console.log(`${engine}, seed ${seed}: ${JSON.stringify(seen)}`)
    // The kills must have hit what they were meant to hit.
    expect(seen.unfinished).toBeGreaterThan(2)
    expect(seen.scavenged).toBeGreaterThan(0)
    expect(seen.events).toBeGreaterThan(0)
  },
  300_000,
)

/** Returns what the child said. */
async function killSomewhere(
  child: Child<MaintainingReport>,
  random: () => number,
): Promise<readonly MaintainingReport[]> {
  await child.reported(({ event }) => event === 'ready')
  child.tell('go')
  await child.reported(({ event }) => event === 'open')
  await new Promise((resolve) => setTimeout(resolve, 50 + 450 * random()))
  child.signal('SIGKILL')
  await child.ended
  return child.reports
}

/** Versions go on where they were: whatever was acknowledged is there, and at most the append that was under way besides. */
async function lookAtHeads(
  store: EventStore,
  heads: Map<string, number>,
  reports: readonly MaintainingReport[],
): Promise<void> {
  const begun = new Map<string, number>()
  for (const said of reports) {
    if (!('change' in said) || said.change.kind !== 'append') continue
    const { streamId, count } = said.change
    if (said.event === 'begun') begun.set(streamId, count)
    else {
      begun.delete(streamId)
      heads.set(streamId, (heads.get(streamId) ?? 0) + count)
    }
  }
  for await (const { streamId, version } of store.streams({ deleted: true })) {
    const known = heads.get(streamId) ?? 0
    expect([known, known + (begun.get(streamId) ?? 0)], streamId).toContain(version)
    heads.set(streamId, version)
  }
}

/** Every index leads to exactly the events that can be read. Returns how many those are. */
async function lookAtIndexes(store: EventStore): Promise<number> {
  const all = await store.all.read().toArray()
  const placesOf = (events: readonly RecordedEvent[]): string[] =>
    events.map(({ streamId, version }) => `${streamId}@${version}`)
  for (let type = 0; type < 3; type += 1) {
    const found = await store.eventType(`Type${type}`).read().toArray()
    expect(placesOf(found)).toEqual(placesOf(all.filter((event) => event.type === `Type${type}`)))
  }
  for (let tag = 0; tag < 5; tag += 1) {
    const found = await store
      .query({ items: [{ tags: [`tag-${tag}`] }] })
      .read()
      .toArray()
    expect(placesOf(found)).toEqual(placesOf(all.filter(({ tags }) => tags.includes(`tag-${tag}`))))
  }
  expect(placesOf(await store.category('stream').read().toArray())).toEqual(placesOf(all))
  return all.length
}
