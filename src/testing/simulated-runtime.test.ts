import { describe, expect, test } from 'vitest'
import { sleep } from '../runtime.ts'
import { seededRandom, simulatedRuntime } from './simulated-runtime.ts'

describe('simulatedRuntime()', () => {
  test('advance() runs what becomes due, in the order of time, and no more', async () => {
    const runtime = simulatedRuntime({ seed: 1, startMs: 1_000 })
    const calls: string[] = []
    runtime.schedule(20, () => calls.push(`late at ${runtime.now()}`))
    runtime.schedule(10, () => {
      calls.push(`early at ${runtime.now()}`)
      runtime.schedule(5, () => calls.push(`nested at ${runtime.now()}`))
    })
    const cancel = runtime.schedule(12, () => calls.push('cancelled'))
    cancel()
    await runtime.advance(15)
    expect(calls).toEqual(['early at 1010', 'nested at 1015'])
    await runtime.advance(60_000)
    expect(calls.at(-1)).toBe('late at 1020')
    expect([runtime.now(), runtime.monotonic()]).toEqual([61_015, 60_015])
  })

  test('advance() lets promise callbacks drain between two callbacks', async () => {
    const runtime = simulatedRuntime({ seed: 1 })
    const calls: string[] = []
    runtime.defer(() => {
      void Promise.resolve().then(async () => {
        await undefined
        calls.push('promise of the first')
      })
    })
    runtime.defer(() => calls.push('second'))
    await runtime.advance(0)
    expect(calls).toEqual(['promise of the first', 'second'])
  })

  test('runUntilIdle() goes on as long as anyone but housekeeping waits', async () => {
    const runtime = simulatedRuntime({ seed: 1 })
    let sweeps = 0
    const sweep = (): void => {
      sweeps += 1
      runtime.scheduleBackground(100, sweep)
    }
    runtime.scheduleBackground(100, sweep)
    void sleep(runtime, 1_050)
    await runtime.runUntilIdle()
    expect([sweeps, runtime.monotonic()]).toEqual([10, 1_050])
  })

  test('run() passes time until the promise settles, and its outcome on', async () => {
    const runtime = simulatedRuntime({ seed: 1 })
    expect(await runtime.run(sleep(runtime, 60_000).then(() => 'slept'))).toBe('slept')
    expect(runtime.monotonic()).toBe(60_000)
    const failing = sleep(runtime, 1).then(() => Promise.reject(new Error('no')))
    await expect(runtime.run(failing)).rejects.toThrow('no')
  })

  test('jumpClock() moves the wall clock alone', () => {
    const runtime = simulatedRuntime({ seed: 1, startMs: 5_000 })
    runtime.jumpClock(-2_000)
    expect([runtime.now(), runtime.monotonic()]).toEqual([3_000, 0])
  })

  test('with shuffle runs simultaneous callbacks in an order that the seed chooses', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const runtime = simulatedRuntime({ seed, shuffle: true })
      let order = ''
      for (const name of 'abcdefgh') runtime.defer(() => (order += name))
      await runtime.runUntilIdle()
      return order
    }
    const orders = await Promise.all([1, 2, 3, 1].map(orderOf))
    expect(new Set(orders).size).toBe(3)
    expect(orders[3]).toBe(orders[0])
  })
})

describe('seededRandom()', () => {
  test('gives the same numbers in [0, 1) for the same seed', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => {
      const random = seededRandom(seed)
      return Array.from({ length: 1_000 }, random)
    })
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
    expect(Math.min(...first!)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...first!)).toBeLessThan(1)
    expect(first!.reduce((sum, each) => sum + each) / 1_000).toBeCloseTo(0.5, 1)
  })
})
