import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { describe, expect, test } from 'vitest'
import { startChild } from '../support/child-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { WATCHED_KEY, WATCHED_PATH, type WatcherReport } from '../support/watched.ts'
import { ENGINES } from './history.ts'

const WAKE_UPS = 40
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

interface SnapshotReport {
  readonly event: 'first' | 'again' | 'later'
  readonly events: number
}

describe.each(ENGINES)('two processes with one %s store', (engine) => {
  test('wake each other: a commit in one fires a watch in the other', async () => {
    await using folder = await temporaryFolder()
    await using store = await openEventStore(folder.path, { engine })
    const key = (await store.kv.createOrOpenDirectory(WATCHED_PATH)).pack(WATCHED_KEY)
    await using watcher = startChild<WatcherReport>('watching-child.ts', folder.path, engine)
    const random = seededRandom(seed)
    const latenciesMs: number[] = []
    for (let value = 0; value < WAKE_UPS; value += 1) {
      await watcher.reported((report) => report.event === 'watching' && report.value === value)
      await pause(20 * random())
      await store.kv.transact((tx) => tx.set(key, Uint8Array.of(value + 1)))
      const committedAt = process.hrtime.bigint()
      const fired = await watcher.reported((report) => report.event === 'fired' && report.value === value)
      if (fired.event === 'fired') latenciesMs.push(Number(BigInt(fired.at) - committedAt) / 1e6)
    }
    latenciesMs.sort((a, b) => a - b)
    const [median, most] = [latenciesMs[WAKE_UPS / 2]!, latenciesMs.at(-1)!]
    console.log(`${engine}: woken after ${median.toFixed(1)} ms (median), ${most.toFixed(1)} ms at most`)
    expect(latenciesMs).toHaveLength(WAKE_UPS)
  })

  test('do not see into each other’s snapshots, nor wait for them', async () => {
    await using folder = await temporaryFolder()
    const append = async (events: number): Promise<void> => {
      await using store = await openEventStore(folder.path, { engine })
      await store.stream('log').append(Array.from({ length: events }, () => ({ type: 'Noted' })))
      expect((await store.check()).problems).toEqual([])
    }
    await append(50)
    await using child = startChild<SnapshotReport>('snapshot-child.ts', folder.path, engine)
    const heard = async (event: SnapshotReport['event']): Promise<number> =>
      (await child.reported((report) => report.event === event)).events
    expect(await heard('first')).toBe(50)
    await append(30)
    await append(20)
    child.tell('look')
    expect(await heard('again')).toBe(50)
    child.tell('renew')
    expect(await heard('later')).toBe(100)
    await child.ended
  })
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
