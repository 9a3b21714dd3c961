import { type SimulatedRuntime, simulatedRuntime } from 'eventdb/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { COMMIT_RECORDS_BEGIN, COMMIT_RECORDS_END, commitRecordKey } from '../../src/kv/commit-record.ts'
import { type Engine, openOptimisticStore, type TransactionalStore } from '../../src/kv/index.ts'
import { WRITE_SET_RETENTION_MS } from '../../src/limits.ts'
import { bytes, contents, gate, hex, setAll, text } from '../../src/testing/kv/laws.ts'

/** Two processes with clocks of their own: the first can be stopped while the second goes on. */
let engine: Engine
let times: readonly [SimulatedRuntime, SimulatedRuntime]
let stopped: TransactionalStore
let running: TransactionalStore

beforeEach(() => {
  engine = { ...memoryEngine(), capabilities: { durable: true, multiProcess: true }, close: () => {} }
  times = [simulatedRuntime({ seed: 1 }), simulatedRuntime({ seed: 2 })]
  stopped = openOptimisticStore(engine, { runtime: times[0] })
  running = openOptimisticStore(engine, { runtime: times[1] })
})

/** The running process commits once a second for so long that the first of its records are cleared. */
async function goOnFor(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    await times[1].run(running.transact((tx) => setAll(tx, `second=${second}`)))
    await times[1].advance(1_000)
  }
}

describe('a process that was stopped', () => {
  test('and missed records does not commit what it read before', async () => {
    const [held, reached] = [gate(), gate()]
    const reading = stopped.transact(
      async (tx) => {
        await tx.get(bytes('a'))
        reached.open()
        await held.passed
        setAll(tx, 'b=from the past')
      },
      { attemptsMax: 1 },
    )
    await reached.passed
    await times[1].run(running.transact((tx) => setAll(tx, 'a=theirs')))
    await goOnFor(60)
    held.open()
    const [outcome] = await times[0].run(Promise.allSettled([reading]))
    expect(outcome).toMatchObject({ reason: { code: 'transaction-too-old', retryable: true } })
    expect(await times[1].run(contents(running))).toBe('a=theirs second=59')
  })

  test('and missed records runs its transaction again and loses no update', async () => {
    const [held, reached] = [gate(), gate()]
    const incrementing = stopped.transact(async (tx) => {
      const before = Number(text(await tx.get(bytes('second'))) ?? -1)
      reached.open()
      await held.passed
      setAll(tx, `second=${before + 1}`)
    })
    await reached.passed
    await goOnFor(60)
    held.open()
    await times[0].run(incrementing)
    expect(await times[1].run(contents(running))).toBe('second=60')
  })

  test('and missed records fires its watches and forgets what it knew', async () => {
    let foreign = 0
    stopped.coherence.onForeignCommit(() => {
      foreign += 1
    })
    const watch = await times[0].run(stopped.readTransact((tx) => tx.watch(bytes('untouched'))))
    await goOnFor(60)
    await times[0].advance(1_000)
    await watch.fired
    expect([foreign, stopped.coherence.version]).toEqual([1, 60])
  })

  test('but missed no record commits what nobody has touched', async () => {
    const [held, reached] = [gate(), gate()]
    const reading = stopped.transact(
      async (tx) => {
        await tx.get(bytes('a'))
        reached.open()
        await held.passed
        setAll(tx, 'b=mine')
      },
      { attemptsMax: 1 },
    )
    await reached.passed
    await goOnFor(10)
    held.open()
    await times[0].run(reading)
    expect(await times[1].run(contents(running))).toBe('b=mine second=9')
  })
})

describe('commit records', () => {
  const records = (): readonly string[] => {
    const snapshot = engine.openSnapshot()
    const rows = snapshot.range(COMMIT_RECORDS_BEGIN, COMMIT_RECORDS_END, 1_000, false)
    snapshot.close()
    return rows.map(({ key }) => hex(key))
  }

  test('are kept without a hole for as long as other processes may need them, and then cleared', async () => {
    await goOnFor(10)
    expect(records()).toHaveLength(10)
    await goOnFor(90)
    const kept = records()
    expect(kept.length).toBeGreaterThanOrEqual(WRITE_SET_RETENTION_MS / 1_000)
    expect(kept.length).toBeLessThan(20)
    expect(kept).toEqual(kept.map((_, index) => hex(commitRecordKey(101 - kept.length + index))))
  })

  test('are never all cleared: versions go on after any pause', async () => {
    let foreign = 0
    running.coherence.onForeignCommit(() => {
      foreign += 1
    })
    for (let version = 1; version <= 5; version += 1) {
      await goOnFor(1)
      await times[1].advance(WRITE_SET_RETENTION_MS * 10)
      expect(await times[1].run(running.readTransact((tx) => tx.readVersion()))).toBe(version)
    }
    expect(foreign).toBe(0)
    expect(records().at(-1)).toBe(hex(commitRecordKey(5)))
  })
})
