import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import { startChild } from '../support/child-process.ts'
import { batchesOf, begin, killSomewhere, type ProjectingChild } from '../support/killed-projections.ts'
import { expectSums, sums } from '../support/projected-sums.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** How often a process is killed, all on one store. */
const KILLS = 50

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_501)

test.each(['sqlite', 'lmdb'] as const)(
  'a projection of a %s store is what an uninterrupted run makes it, when the process that runs it is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'store')
    const random = seededRandom(seed)
    const start = (role: string, number: number): ProjectingChild =>
      startChild('projecting-child.ts', path, engine, role, String(seed + number))
    await (await openEventStore(path, { engine })).close()
    const writer = start('write', 0)
    await begin(writer)
    const seen = { batches: 0, behind: 0, events: 0 }
    // The next child loads its program while the one before it works.
    let next = start('project', 1)
    try {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const child = next
        next = start('project', kill + 1)
        await killSomewhere(child, random)
        seen.batches += batchesOf(child)
        await using store = await openEventStore(path, { engine })
        const handled = await expectSums(store)
        const written = await store.category('sum').read().toArray()
        if (handled < written.length) seen.behind += 1
        if (kill % 5 === 0) expect((await store.check()).problems).toEqual([])
      }
      writer.tell('stop')
      await writer.ended
    } catch (cause) {
      throw new Error(`The projection is damaged with seed ${seed}`, { cause })
    } finally {
      next.signal('SIGKILL')
      writer.signal('SIGKILL')
      await Promise.all([next.ended, writer.ended])
    }
    seen.events = await finish(path, engine)
    console.log(`${engine}, seed ${seed}: ${JSON.stringify(seen)}`)
    // The kills must have hit what they were meant to hit.
    expect(seen.batches).toBeGreaterThan(0)
    expect(seen.behind).toBeGreaterThan(0)
  },
  600_000,
)

/** Handles all that is left, and finds that everything was handled once. Returns how many events that are. */
async function finish(path: string, engine: 'sqlite' | 'lmdb'): Promise<number> {
  await using store = await openEventStore(path, { engine })
  const events = await store.category('sum').read().toArray()
  await using running = await store.project(
    sums(async () => {}),
    { leaseMs: 1_000 },
  )
  await running.waitFor(events.at(-1)!.position, { timeoutMs: 90_000 })
  expect(await expectSums(store)).toBe(events.length)
  expect((await running.status()).handled).toBe(events.length)
  expect((await store.check()).problems).toEqual([])
  return events.length
}
