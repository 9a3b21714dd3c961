import { describe, expect } from 'vitest'
import { sleep } from '../../src/runtime.ts'
import { keeps, keepsUnless, law, meddled, until } from '../support/sink-world.ts'

const LEASE_MS = 1_000

describe('two that run the same', () => {
  law('do everything once, whoever is faster', async (world) => {
    const { store, another, handled, append } = world
    const runs = await Promise.all(
      [1, 2, 3].map(() => store.projectInto(another(), keeps(), { leaseMs: LEASE_MS })),
    )
    const data: number[] = []
    for (let at = 0; at < 100; at += 1) {
      data.push(at)
      const position = await append(at)
      if (at % 9 === 0) await Promise.all(runs.map((run) => run.waitFor(position)))
    }
    await Promise.all(runs.map(async (run) => run.waitFor(await append('last'))))
    expect(handled().filter((one) => one !== 'last')).toEqual(data)
    for (const run of runs) await run.close()
  })

  law('find who moves it, and one stands by', async (world) => {
    const { store, sink, append, handled } = world
    await using one = await store.projectInto(sink, keeps())
    await one.waitFor(await append(1))
    await using two = await store.projectInto(sink, keeps())
    const position = await append(2)
    await Promise.all([one.waitFor(position), two.waitFor(position)])
    const states = (await Promise.all([one.status(), two.status()])).map(({ state }) => state)
    expect(states.toSorted()).toEqual(['live', 'standing-by'])
    expect(handled()).toEqual([1, 2])
  })

  law('the one that stands by takes over when nothing is moved for a lease', async (world) => {
    const { store, sink, append, handled, runtime } = world
    let isStuck = false
    let letGo = (_: Error): void => {}
    const hang = (): Promise<never> =>
      new Promise((_, reject) => {
        letGo = reject
      })
    const stuck = meddled(sink, {
      commit: (real, ...given) => (isStuck ? hang() : real.commit(...given)),
    })
    const one = await store.projectInto(stuck, keeps(), { leaseMs: LEASE_MS })
    await using two = await store.projectInto(sink, keeps(), { leaseMs: LEASE_MS })
    const first = await append(1)
    await Promise.all([one.waitFor(first), two.waitFor(first)])
    await until(world, 'two stands by', async () => {
      if ((await two.status()).state === 'standing-by') return true
      await append('again')
      return false
    })
    isStuck = true
    const before = handled().length
    const since = runtime.monotonic()
    await append(2)
    await until(world, 'it was taken over', () => handled().length > before)
    const tookMs = runtime.monotonic() - since
    expect(tookMs).toBeGreaterThanOrEqual(LEASE_MS - LEASE_MS / 3)
    expect(tookMs).toBeLessThan(2 * LEASE_MS)
    expect((await two.status()).state).toBe('live')
    // Whoever closes waits for what is under way.
    const closing = one.close()
    letGo(new Error('the connection is gone'))
    await closing
  })

  law('an idle one is not taken for one that has died', async (world) => {
    const { store, sink, append, handled, runtime } = world
    let commits = 0
    const counted = meddled(sink, {
      commit: (real, ...given) => {
        commits += 1
        return real.commit(...given)
      },
    })
    await using one = await store.projectInto(sink, keeps(), { leaseMs: LEASE_MS })
    await using two = await store.projectInto(counted, keeps(), { leaseMs: LEASE_MS })
    const first = await append(1)
    await Promise.all([one.waitFor(first), two.waitFor(first)])
    // Whichever stands by stays where it is, however long nothing happens.
    await until(world, 'one of them stands by', async () => {
      const states = [(await one.status()).state, (await two.status()).state]
      return states.includes('standing-by')
    })
    const roles = [(await one.status()).state, (await two.status()).state]
    const before = commits
    await sleep(runtime, 20 * LEASE_MS)
    expect([(await one.status()).state, (await two.status()).state]).toEqual(roles)
    expect(commits).toBe(before)
    const position = await append(2)
    await Promise.all([one.waitFor(position), two.waitFor(position)])
    expect(handled()).toEqual([1, 2])
    expect([(await one.status()).state, (await two.status()).state]).toEqual(roles)
  })

  law('one of them gets past what the other stands at', async (world) => {
    const { store, sink, append, handled } = world
    const faults: unknown[] = []
    const broken = keepsUnless((data) => {
      if (data === 'bad') throw new Error('it has not been mended here')
    })
    await using one = await store.projectInto(sink, broken, {
      leaseMs: LEASE_MS,
      onFault: (fault) => faults.push(fault),
    })
    await append('bad')
    await until(world, 'it stands', () => faults.length === 1)
    await using two = await store.projectInto(sink, keeps(), { leaseMs: LEASE_MS })
    const position = await append(2)
    await two.waitFor(position)
    await until(world, 'the first one has seen it', async () => (await one.status()).state === 'standing-by')
    expect((await one.status()).fault).toBeUndefined()
    await one.waitFor(position)
    expect(handled()).toEqual(['bad', 2])
    await expect(one.skip()).rejects.toMatchObject({ code: 'projection-not-faulted' })
  })

  law('one that stood still between reading and committing changes nothing', async (world) => {
    const { store, sink, append, handled } = world
    let letGo = (): void => {}
    const held = meddled(sink, {
      commit: async (real, ...given) => {
        await new Promise<void>((resolve) => {
          letGo = resolve
        })
        return real.commit(...given)
      },
    })
    await using slow = await store.projectInto(held, keeps(), { leaseMs: LEASE_MS })
    await append(1, 2)
    await using quick = await store.projectInto(sink, keeps(), { leaseMs: LEASE_MS })
    const position = await append(3)
    await quick.waitFor(position)
    letGo()
    await slow.waitFor(position)
    expect(handled()).toEqual([1, 2, 3])
    expect((await slow.status()).state).toBe('standing-by')
  })
})
