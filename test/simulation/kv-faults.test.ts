import { Faults, faultyEngine, type SimulatedRuntime, simulatedRuntime } from 'eventdb/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { type Engine, openOptimisticStore, type TransactionalStore } from '../../src/kv/index.ts'
import { LOCK_WAIT_MS_MAX, SNAPSHOTS_MAX } from '../../src/limits.ts'
import { sleep } from '../../src/runtime.ts'
import { bytes, contents, everything, gate, hex, hole, setAll, text } from '../../src/testing/kv/laws.ts'

let runtime: SimulatedRuntime
let faults: Faults
let engine: Engine
let kv: TransactionalStore

beforeEach(() => {
  runtime = simulatedRuntime({ seed: 1 })
  faults = new Faults()
  const shared = { ...memoryEngine(), capabilities: { durable: true, multiProcess: true }, close: () => {} }
  engine = faultyEngine(shared, faults)
  kv = openOptimisticStore(engine, { runtime })
})

const put = (rows: string, store = kv): Promise<void> => store.transact((tx) => setAll(tx, rows))
const list = (store = kv): Promise<string> => runtime.run(contents(store))
const runAll = <T>(promises: readonly Promise<T>[]): Promise<PromiseSettledResult<T>[]> =>
  runtime.run(Promise.allSettled(promises))
const codes = (outcomes: readonly PromiseSettledResult<unknown>[]): string[] =>
  outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'committed' : outcome.reason.code))

describe('a write that fails before its commit', () => {
  test('changes nothing and comes out as the StorageError that it is', async () => {
    await runtime.run(put('a=1'))
    faults.failWrite('disk-full')
    let called = 0
    const [outcome] = await runAll([
      kv.transact((tx) => {
        setAll(tx, 'a=2 b=2')
        tx.afterCommit(() => {
          called += 1
        })
      }),
    ])
    expect(outcome).toMatchObject({ reason: { code: 'storage-failed', details: { problem: 'disk-full' } } })
    expect([called, kv.coherence.version]).toEqual([0, 1])
    expect(await list()).toBe('a=1')
  })

  test('of a group is tried again one by one, so that only the culprit fails', async () => {
    // The group fails, then its members 1 and 2 commit, then the third fails.
    faults.failWrite('disk-full', 1)
    faults.failWrite('disk-full', 4)
    const outcomes = await runAll([put('a=1'), put('b=1'), put('c=1'), put('d=1')])
    expect(codes(outcomes)).toEqual(['committed', 'committed', 'storage-failed', 'committed'])
    expect(faults.writes).toBe(5)
    expect(await list()).toBe('a=1 b=1 d=1')
  })

  test('of a group with stamps gives its members stamps that are written and reported alike', async () => {
    faults.failWrite('disk-full', 1)
    const reported: string[] = []
    const one = (name: string): Promise<void> =>
      kv.transact((tx) => {
        tx.setStampedKey(bytes(`log/${text(hole(2))}`), 4, bytes(name))
        tx.setStampedValue(bytes(name), hole(2), 0)
        tx.afterCommit((commit) => reported.push(hex(commit.stamp(2))))
      })
    expect(codes(await runAll([one('x'), one('y')]))).toEqual(['committed', 'committed'])
    const rows = await runtime.run(kv.readTransact((tx) => tx.getRange(everything).toArray()))
    const [first, second, x, y] = rows
    expect([first, second].map((row) => hex(row!.key.subarray(4)))).toEqual(reported)
    expect([x, y].map((row) => hex(row!.value))).toEqual(reported)
    expect(reported[0]! < reported[1]!).toBe(true)
  })

  test('does not wake watches', async () => {
    const watch = await runtime.run(kv.readTransact((tx) => tx.watch(bytes('a'))))
    let fired = false
    void watch.fired.then(() => {
      fired = true
    })
    faults.failWrite('disk-full')
    await runAll([put('a=1')])
    await runtime.advance(1_000)
    expect(fired).toBe(false)
    await runtime.run(put('a=2'))
    expect(fired).toBe(true)
  })
})

describe('a commit whose outcome is unknown', () => {
  test.each(['unknown-lost', 'unknown-kept'] as const)('is not tried again: %s', async (fault) => {
    faults.failWrite(fault)
    let runs = 0
    const outcomes = await runAll([
      kv.transact(async (tx) => {
        runs += 1
        await tx.get(bytes('a'))
        setAll(tx, 'a=1')
      }),
      put('b=1'),
    ])
    expect(codes(outcomes)).toEqual(['commit-unknown', 'commit-unknown'])
    expect([runs, faults.writes]).toEqual([1, 1])
    expect(await list()).toBe(fault === 'unknown-kept' ? 'a=1 b=1' : '')
  })

  test('but happened is learned of as a foreign commit, so that nothing old is relied on', async () => {
    let foreign = 0
    kv.coherence.onForeignCommit(() => {
      foreign += 1
    })
    const [known, watch] = await runtime.run(
      kv.readTransact(async (tx) => [await tx.readVersion(), tx.watch(bytes('a'))] as const),
    )
    faults.failWrite('unknown-kept')
    await runAll([put('a=1')])
    const relying = kv.transact(
      (tx) => {
        tx.addReadConflictKey(bytes('a'), { since: known })
        setAll(tx, 'b=1')
      },
      { attemptsMax: 1 },
    )
    expect(codes(await runAll([relying]))).toEqual(['conflict'])
    await runtime.run(watch.fired)
    expect([foreign, kv.coherence.version]).toEqual([1, known + 1])
  })

  test('but happened does not give its stamps to anyone else', async () => {
    const stamped = (key: string): Promise<void> =>
      kv.transact((tx) => tx.setStampedValue(bytes(key), hole(), 0))
    faults.failWrite('unknown-kept')
    await runAll([stamped('a')])
    await runtime.run(stamped('b'))
    const rows = await runtime.run(kv.readTransact((tx) => tx.getRange(everything).toArray()))
    expect(hex(rows[0]!.value) < hex(rows[1]!.value)).toBe(true)
  })
})

describe('a write lock that another process holds', () => {
  test('is waited for', async () => {
    faults.holdLock(20)
    expect(codes(await runAll([put('a=1'), put('b=1')]))).toEqual(['committed', 'committed'])
    expect(faults.writes).toBe(1)
    expect(await list()).toBe('a=1 b=1')
  })

  test(`for more than ${LOCK_WAIT_MS_MAX} ms fails the commit with StorageError locked`, async () => {
    faults.holdLock(1_000_000)
    const startedAt = runtime.monotonic()
    const [outcome] = await runAll([put('a=1')])
    expect(outcome).toMatchObject({ reason: { code: 'storage-failed', details: { problem: 'locked' } } })
    expect(runtime.monotonic() - startedAt).toBeGreaterThanOrEqual(LOCK_WAIT_MS_MAX)
    faults.holdLock(0)
    await runtime.run(put('b=1'))
    expect(await list()).toBe('b=1')
  })

  test('is waited for anew after a commit that was given up while waiting', async () => {
    const controller = new AbortController()
    faults.holdLock(3)
    const waiting = kv.transact((tx) => setAll(tx, 'a=1'), { signal: controller.signal })
    const outcome = runAll([waiting])
    await runtime.advance(1)
    controller.abort(new Error('given up'))
    expect(await outcome).toMatchObject([{ reason: { message: 'given up' } }])
    await runtime.advance(LOCK_WAIT_MS_MAX + 1_000)
    faults.holdLock(3)
    await runtime.run(put('b=1'))
    expect(await list()).toBe('b=1')
  })

  test('is waited for anew after a commit that failed when it got the lock', async () => {
    faults.holdLock(3)
    faults.failWrite('disk-full')
    expect(codes(await runAll([put('a=1')]))).toEqual(['storage-failed'])
    await runtime.advance(LOCK_WAIT_MS_MAX + 1_000)
    faults.holdLock(3)
    await runtime.run(put('b=1'))
    expect(await list()).toBe('b=1')
  })

  test('is waited for anew after a commit that got it', async () => {
    faults.holdLock(3)
    await runtime.run(put('a=1'))
    await runtime.advance(LOCK_WAIT_MS_MAX + 1_000)
    faults.holdLock(3)
    await runtime.run(put('b=1'))
    expect(await list()).toBe('a=1 b=1')
  })

  test('does not let transactions in that come to their commit while close() waits', async () => {
    const held = gate()
    faults.holdLock(20)
    const late = kv.transact(async (tx) => {
      await held.passed
      setAll(tx, 'b=1')
    })
    const early = put('a=1')
    await runtime.advance(5)
    const outcomes = runAll([early, late, kv.close()])
    held.open()
    expect(codes(await outcomes)).toEqual(['committed', 'closed', 'committed'])
    expect(await list(openOptimisticStore(engine, { runtime }))).toBe('a=1')
  })

  test('does not keep close() from letting waiting commits finish', async () => {
    faults.holdLock(20)
    const commit = put('a=1')
    await runtime.advance(5)
    expect(codes(await runAll([commit, kv.close()]))).toEqual(['committed', 'committed'])
    expect(await list(openOptimisticStore(engine, { runtime }))).toBe('a=1')
  })
})

describe('a read that fails', () => {
  test('rejects with its StorageError, and the next one works', async () => {
    await runtime.run(put('a=1'))
    for (const read of [
      () => kv.readTransact((tx) => tx.get(bytes('a'))),
      () => kv.readTransact((tx) => tx.getRange(everything).toArray()),
      () => kv.transact(async (tx) => tx.set(bytes('b'), (await tx.get(bytes('a')))!)),
    ]) {
      faults.failReads()
      expect(codes(await runAll<unknown>([read()]))).toEqual(['storage-failed'])
    }
    expect(await list()).toBe('a=1')
  })

  test('while looking for foreign commits wakes the watches, as nobody knows what has changed', async () => {
    const other = openOptimisticStore(engine, { runtime })
    const watch = await runtime.run(kv.readTransact((tx) => tx.watch(bytes('a'))))
    await runtime.run(put('elsewhere=1', other))
    faults.failReads()
    await runtime.run(watch.fired)
    const again = await runtime.run(kv.readTransact((tx) => tx.watch(bytes('a'))))
    await runtime.run(put('a=1', other))
    await runtime.run(again.fired)
  })
})

describe('a byte that the disk has changed', () => {
  test('is shown as it is: checksums belong to the layers above', async () => {
    await runtime.run(put('a=123'))
    faults.flipByte(bytes('a'), 1)
    expect(await list()).toBe('a=1\xcd3')
  })
})

describe('very many snapshots', () => {
  test('crowd out the oldest transactions, which run again', async () => {
    let runs = 0
    const slow = (key: string): Promise<void> =>
      kv.transact(async (tx) => {
        runs += 1
        await tx.get(bytes(`${key}0`))
        await sleep(runtime, 2_000)
        await tx.get(bytes(key))
        tx.set(bytes(key), bytes('1'))
      })
    const transactions: Promise<void>[] = []
    const count = SNAPSHOTS_MAX + 20
    for (let number = 0; number < count; number += 1) {
      transactions.push(slow(`k${number}`))
      await runtime.run(put('other=1'))
    }
    const outcomes = await runAll(transactions)
    expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true)
    expect(runs).toBeGreaterThan(count)
    expect((await list()).split(' ')).toHaveLength(count + 1)
  })
})
