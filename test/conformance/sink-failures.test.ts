import type { Database } from 'better-sqlite3'
import type { ProjectionFault } from 'eventdb'
import { describe, expect } from 'vitest'
import { sleep } from '../../src/runtime.ts'
import {
  keeps,
  keepsUnless,
  law,
  type Meddling,
  meddled,
  type SinkWorld,
  until,
} from '../support/sink-world.ts'

class Away extends Error {
  override readonly name = 'Away'
}

/** Runs a projection into a sink in which somebody meddles, and keeps what it is told. */
async function running(world: SinkWorld, meddling: Meddling<Database>, projection = keeps()) {
  const problems: unknown[] = []
  const faults: ProjectionFault[] = []
  const run = await world.store.projectInto(meddled(world.sink, meddling), projection, {
    onProblem: (problem) => problems.push(problem),
    onFault: (fault) => faults.push(fault),
  })
  return { run, problems, faults, [Symbol.asyncDispose]: () => run.close() }
}

describe('a database that fails', () => {
  law('before a commit is asked again after pauses that double', async (world) => {
    const { runtime, handled, append } = world
    const tries: number[] = []
    await using sunk = await running(world, {
      commit: (real, ...given) => {
        tries.push(runtime.monotonic())
        if (tries.length <= 4) throw new Away()
        return real.commit(...given)
      },
    })
    const position = await append(1, 2)
    await until(world, 'it was tried', () => tries.length === 2)
    expect(await sunk.run.status()).toMatchObject({ state: 'failing', problem: { name: 'Away' }, lag: 2 })
    await sunk.run.waitFor(position)
    expect(handled()).toEqual([1, 2])
    const pauses = tries.slice(1).map((at, index) => Math.round((at - tries[index]!) / 1_000))
    expect(pauses).toEqual([1, 2, 4, 8])
    expect(sunk.problems).toHaveLength(4)
    expect(sunk.faults).toEqual([])
    expect(await sunk.run.status()).toMatchObject({ state: 'live', problem: undefined })
  })

  law('after a commit has done it all the same', async (world) => {
    const { handled, append, runtime } = world
    let isLost = true
    await using sunk = await running(world, {
      commit: async (real, ...given) => {
        const answer = await real.commit(...given)
        if (isLost) throw new Away()
        return answer
      },
    })
    await sunk.run.waitFor(await append(1, 2))
    await sunk.run.waitFor(await append(3))
    isLost = false
    await sunk.run.waitFor(await append(4))
    expect(handled()).toEqual([1, 2, 3, 4])
    expect([sunk.problems, sunk.faults]).toEqual([[], []])
    // Nobody else has moved it, so nobody is stood by for.
    expect(runtime.monotonic()).toBeLessThan(1_000)
    expect((await sunk.run.status()).state).toBe('live')
  })

  law('after a commit, and does not say what became of it, is asked until it does', async (world) => {
    const { handled, append } = world
    let left = 0
    await using sunk = await running(world, {
      commit: async (real, ...given) => {
        const answer = await real.commit(...given)
        if (handled().length === 2) left = 3
        if (left > 0) throw new Away()
        return answer
      },
      checkpoint: (real, id) => {
        left -= 1
        if (left >= 0) throw new Away()
        return real.checkpoint(id)
      },
    })
    await sunk.run.waitFor(await append(1, 2))
    expect((await sunk.run.status()).state).not.toBe('standing-by')
    await sunk.run.waitFor(await append(3))
    expect(handled()).toEqual([1, 2, 3])
    expect(sunk.problems).toHaveLength(3)
    expect(sunk.faults).toEqual([])
    expect((await sunk.run.status()).state).toBe('live')
  })

  law('in the middle of a transaction is no fault of an event', async (world) => {
    const { handled, append } = world
    let isLost = false
    await using sunk = await running(
      world,
      {
        checkpoint: (real, id) => {
          if (isLost) throw new Away()
          return real.checkpoint(id)
        },
      },
      keepsUnless((data) => {
        isLost = data === 2 && sunk.problems.length < 2
        if (isLost) throw new Away()
      }),
    )
    const position = await append(1, 2, 3)
    await until(world, 'it has failed', () => sunk.problems.length === 1)
    isLost = false
    await until(world, 'it has failed again', () => sunk.problems.length === 2)
    isLost = false
    await sunk.run.waitFor(position)
    expect(handled()).toEqual([1, 2, 3])
    expect(sunk.faults).toEqual([])
  })

  law('and says that its transaction is lost is no fault of an event, however often', async (world) => {
    const { handled, append } = world
    let left = 3
    const lost = new Away()
    const meddling: Meddling<Database> = {
      commit: (real, ...given) =>
        real.commit(...given).catch((error: unknown) => {
          throw left >= 0 ? lost : error
        }),
    }
    const projection = keepsUnless(() => {
      left -= 1
      if (left >= 0) throw new Error('the connection is not there any more')
    })
    await using sunk = await running(world, meddling, projection)
    await sunk.run.waitFor(await append(1))
    expect(handled()).toEqual([1])
    expect(sunk.problems).toEqual([lost, lost, lost])
    expect(sunk.faults).toEqual([])
  })

  law('once when all is written is no fault of an event', async (world) => {
    const { handled, append } = world
    let fails = 3
    await using sunk = await running(world, {
      commit: (real, id, expected, write) =>
        real.commit(id, expected, async (tx) => {
          const next = await write(tx)
          fails -= 1
          if (fails % 2 === 0 && fails >= 0) throw new Away()
          return next
        }),
    })
    await sunk.run.waitFor(await append(1, 2, 3, 4))
    expect(handled()).toEqual([1, 2, 3, 4])
    expect(sunk.problems.length).toBeGreaterThan(0)
    expect(sunk.faults).toEqual([])
  })

  law('and wraps what a handler has thrown is understood', async (world) => {
    const { append } = world
    await using sunk = await running(
      world,
      {
        commit: (real, ...given) =>
          real.commit(...given).catch((cause: unknown) => {
            throw new Error('The transaction has failed', { cause })
          }),
      },
      keepsUnless((data) => {
        if (data === 'bad') throw new Error('bad')
      }),
    )
    await append('bad')
    await until(world, 'it stands', () => sunk.faults.length === 1)
    expect(sunk.faults[0]!.error.message).toBe('bad')
  })

  law('may call what is to be written again, in another transaction', async (world) => {
    const { handled, append } = world
    let calls = 0
    await using sunk = await running(world, {
      commit: async (real, id, expected, write) => {
        const once = (): Promise<boolean> =>
          real.commit(id, expected, async (tx) => {
            const next = await write(tx)
            calls += 1
            if (calls % 2 === 1) throw new Away()
            return next
          })
        return once().catch(once)
      },
    })
    await sunk.run.waitFor(await append(1, 2, 3))
    expect(handled()).toEqual([1, 2, 3])
    expect((await sunk.run.status()).handled).toBe(3)
    expect([sunk.problems, sunk.faults]).toEqual([[], []])
  })

  law(
    'is no fault of an event whose handler has failed because another process was faster',
    async (world) => {
      const { store, sink, db, handled, append } = world
      db.exec('create unique index once on handled (data)')
      await using quick = await store.projectInto(sink, keeps())
      // It does not look at the checkpoint before it writes.
      await using sunk = await running(world, {
        commit: async (_real, _id, _expected, write) => {
          await quick.waitFor(position)
          await write(db)
          return true
        },
      })
      const position = await append(1, 2)
      await sunk.run.waitFor(position)
      expect(handled()).toEqual([1, 2])
      expect([sunk.faults, sunk.problems]).toEqual([[], []])
      expect((await sunk.run.status()).state).toBe('standing-by')
    },
  )

  law('while handlers are at work is waited for, so that none is called twice at a time', async (world) => {
    const { append, runtime } = world
    const [seen, calls]: [string[], unknown[]] = [[], []]
    const on = {
      A: async () => {
        seen.push('begins')
        await sleep(runtime, 500)
        seen.push('ends')
      },
    }
    const meddling: Meddling<Database> = {
      commit: async (real, id, expected, write) => {
        calls.push(expected)
        if (calls.length > 1) return real.commit(id, expected, write)
        // The connection is lost, and the handler does not know yet.
        void write(world.db)
        throw new Away()
      },
    }
    await using sunk = await running(world, meddling, keeps({ on }))
    await sunk.run.waitFor(await append(1))
    expect(seen).toEqual(['begins', 'ends', 'begins', 'ends'])
    expect(sunk.problems).toEqual([new Away()])
    expect(sunk.faults).toEqual([])
  })

  law('rejects projectInto if it cannot say how far it is', async (world) => {
    const away = meddled(world.sink, { checkpoint: () => Promise.reject(new Away()) })
    await expect(world.store.projectInto(away, keeps())).rejects.toThrow(Away)
  })
})

describe('a sink that does not do what it must', () => {
  law('is refused if it has not written what it says it has', async (world) => {
    const { handled, append } = world
    await using sunk = await running(world, { commit: async () => true })
    const position = await append(1)
    const waiting = sunk.run.waitFor(position)
    await expect(waiting).rejects.toMatchObject({ code: 'invalid-argument' })
    expect(await sunk.run.ended).toMatchObject({ reason: 'refused', error: { code: 'invalid-argument' } })
    await expect(sunk.run.waitFor(position)).rejects.toMatchObject({ code: 'invalid-argument' })
    expect(sunk.problems).toHaveLength(1)
    expect(handled()).toEqual([])
  })

  law('is refused if it keeps a failure to itself', async (world) => {
    await using sunk = await running(
      world,
      {
        commit: async (real, id, expected, write) =>
          real.commit(id, expected, (tx) => write(tx).catch(() => 'nonsense')),
      },
      keepsUnless(() => {
        throw new Error('the handler has failed')
      }),
    )
    await world.append(1)
    expect(await sunk.run.ended).toMatchObject({ reason: 'refused' })
  })

  law('is refused if it says neither yes nor no', async (world) => {
    const { append } = world
    await using sunk = await running(world, {
      commit: async (real, ...given) => {
        await real.commit(...given)
      },
    })
    await append(1)
    const { error } = await sunk.run.ended
    expect((error as Error).message).toBe(
      'The "commit" of a sink must resolve with true or false, not undefined',
    )
  })

  law('is told of if it always says no', async (world) => {
    const { append, handled } = world
    // As `checkpoint = null` does in SQL, which is never true.
    let isBroken = true
    await using sunk = await running(world, {
      commit: (real, id, expected, write) =>
        expected === undefined && isBroken ? false : real.commit(id, expected, write),
    })
    const position = await append(1)
    await until(world, 'it was told', () => sunk.problems.length === 3)
    expect((sunk.problems[0] as Error).message).toContain('yet gives just that')
    isBroken = false
    await sunk.run.waitFor(position)
    expect(handled()).toEqual([1])
  })

  law('is refused if its checkpoint is no text', async (world) => {
    for (const checkpoint of [7, {}, true, new Uint8Array(2)]) {
      const sink = meddled(world.sink, { checkpoint: () => checkpoint })
      await expect(world.store.projectInto(sink, keeps())).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    const nothing = meddled(world.sink, { checkpoint: () => null })
    await (await world.store.projectInto(nothing, keeps())).close()
  })

  law('is refused if it is none', async ({ store, sink }) => {
    for (const given of [undefined, null, {}, { checkpoint: () => {} }, 'sink']) {
      await expect(store.projectInto(given as never, keeps())).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    for (const given of [undefined, {}, 'p', { definition: { initialState: () => 0 } }]) {
      await expect(store.projectInto(sink, given as never)).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
    const options = [{ leaseMs: 1 }, { leaseMs: 1.5 }, { cacheMax: 1 }, { onFault: 1 }, { signal: {} }]
    for (const given of options) {
      await expect(store.projectInto(sink, keeps(), given as never)).rejects.toMatchObject({
        code: 'invalid-argument',
      })
    }
  })
})
