import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import type { InlineReport } from '../support/inline-report.ts'
import { expectSums, inlineSums } from '../support/projected-sums.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** How often it is killed, all on one store. */
const KILLS = 25
/** It is killed after so many appends, at most. */
const APPENDS_MOST = 20

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_261_124)

type InlineChild = Child<InlineReport>

test.each(['sqlite', 'lmdb'] as const)(
  'an inline projection of a %s store is what a plain loop makes of the log, whenever the process that appends is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'store')
    const random = seededRandom(seed)
    const start = (number: number): InlineChild =>
      startChild('inline-child.ts', path, engine, 'disturb', String(seed + number))
    await (await openEventStore(path, { engine })).close()
    const seen = { acknowledged: 0, disturbed: 0, behind: 0, inForce: 0 }
    // The next child loads its program while the one before it works.
    let next = start(1)
    try {
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const child = next
        next = start(kill + 1)
        await killSomewhere(child, random)
        seen.acknowledged += appendedBy(child)
        seen.disturbed += child.reports.filter(({ event }) => event === 'disturbed').length
        const found = await look(path, engine, kill % 5 === 0)
        if (found.wasInForce) seen.inForce += 1
        else seen.behind += 1
        expect(found.events).toBeGreaterThanOrEqual(seen.acknowledged)
      }
    } catch (cause) {
      throw new Error(`The projection is damaged with seed ${seed}`, { cause })
    } finally {
      next.signal('SIGKILL')
      await next.ended
    }
    console.log(`${engine}, seed ${seed}: ${JSON.stringify(seen)}`)
    // The kills must have hit what they were meant to hit.
    expect(Math.min(seen.acknowledged, seen.disturbed, seen.inForce, seen.behind)).toBeGreaterThan(0)
  },
  300_000,
)

/** Most are killed while they append, some before they have come into force. */
async function killSomewhere(child: InlineChild, random: () => number): Promise<void> {
  await child.reported(({ event }) => event === 'ready')
  child.tell('go')
  await child.reported(({ event }) => event === 'open')
  if (random() < 0.85) {
    const enough = 1 + Math.floor(APPENDS_MOST * random())
    await child.reported(() => appendedBy(child) >= enough)
  }
  // Right after a reset, or somewhere.
  if (random() < 0.5) await child.reported(({ event }) => event === 'disturbed')
  else await new Promise((resolve) => setTimeout(resolve, 40 * random()))
  child.signal('SIGKILL')
  await child.ended
}

function appendedBy({ reports }: InlineChild): number {
  const last = reports.findLast(({ event }) => event === 'appended')
  return last?.event === 'appended' ? last.events : 0
}

/** Finds everything to be whole as it was left behind, and again when it is in force. */
async function look(
  path: string,
  engine: 'sqlite' | 'lmdb',
  checks: boolean,
): Promise<{ readonly events: number; readonly wasInForce: boolean }> {
  await using store = await openEventStore(path, { engine })
  const projection = inlineSums(1)
  const before = await store
    .projection('sums')
    .status()
    .catch(() => undefined)
  if (before?.state === 'inline') await expectSums(store, projection)
  await using running = await store.project(projection, { leaseMs: 1_000 })
  if (before?.state === 'paused') await running.resume()
  const { position } = (await store.all.read().last()) ?? { position: 0n }
  await running.waitFor(position, { timeoutMs: 90_000 })
  const events = await expectSums(store, projection)
  if (checks) expect((await store.check()).problems).toEqual([])
  return { events, wasInForce: before?.state === 'inline' }
}
