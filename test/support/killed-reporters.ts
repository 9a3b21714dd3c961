import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect } from 'vitest'
import { startChild } from './child-process.ts'
import { batchesOf, begin, killSomewhere, type ProjectingChild } from './killed-projections.ts'
import { expectReported, type Reporting, reportedSums } from './reported-sums.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** What is to be killed, and how often. */
export interface Killing<Tx> {
  readonly engine: 'sqlite' | 'lmdb'
  /** The path of a file, or an address. Its tables are there. */
  readonly database: string
  readonly reporting: Reporting<Tx>
  readonly kills: number
  readonly seed: number
}

/**
 * Kills a process again and again that runs a projection into a database, while another one goes on writing events. Whenever it was killed, the
 * database holds what a plain loop makes of the events up to its checkpoint, and in the end of all events.
 */
export async function killReporters<Tx>(killing: Killing<Tx>): Promise<void> {
  const { engine, database, reporting, kills, seed } = killing
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'store')
  const random = seededRandom(seed)
  const start = (number: number): ProjectingChild =>
    startChild('reporting-child.ts', path, engine, database, String(seed + number))
  await (await openEventStore(path, { engine })).close()
  const writer: ProjectingChild = startChild('projecting-child.ts', path, engine, 'write', String(seed))
  await begin(writer)
  const seen = { batches: 0, behind: 0 }
  // The next child loads its program while the one before it works.
  let next = start(1)
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      const child = next
      next = start(kill + 1)
      await killSomewhere(child, random)
      seen.batches += batchesOf(child)
      await using store = await openEventStore(path, { engine })
      const reported = await expectReported(store, reporting)
      if (reported < (await store.category('sum').read().toArray()).length) seen.behind += 1
    }
    writer.tell('stop')
    await writer.ended
  } catch (cause) {
    throw new Error(`The read model is damaged with seed ${seed}`, { cause })
  } finally {
    next.signal('SIGKILL')
    writer.signal('SIGKILL')
    await Promise.all([next.ended, writer.ended])
  }
  const events = await finish(path, killing)
  console.log(`${engine}, seed ${seed}: ${JSON.stringify({ ...seen, events })}`)
  // The kills must have hit what they were meant to hit.
  expect(seen.batches).toBeGreaterThan(0)
  expect(seen.behind).toBeGreaterThan(0)
}

async function finish<Tx>(path: string, { engine, reporting }: Killing<Tx>): Promise<number> {
  await using store = await openEventStore(path, { engine })
  const events = await store.category('sum').read().toArray()
  await using running = await store.projectInto(reporting.sink, reportedSums(reporting), { leaseMs: 1_000 })
  await running.waitFor(events.at(-1)!.position, { timeoutMs: 90_000 })
  expect(await expectReported(store, reporting)).toBe(events.length)
  expect((await running.status()).handled).toBe(events.length)
  return events.length
}
