import assert from 'node:assert/strict'
import { type Body, bytes, contents, hex, hole, type Laws, put, setAll, valueAt } from './laws.ts'

/** Callbacks at the commit. */
export function afterCommitLaws({ law }: Laws): void {
  law(
    'afterCommit() calls back in order, when the commit is readable, before transact() resolves',
    async ({ kv }) => {
      const calls: string[] = []
      let seen: Promise<string> | undefined
      await kv.transact((tx) => {
        tx.afterCommit(() => calls.push('first'))
        setAll(tx, 'a=1')
        tx.afterCommit(() => {
          calls.push('second')
          seen = contents(kv)
        })
      })
      calls.push('resolved')
      assert.deepEqual(calls, ['first', 'second', 'resolved'])
      assert.equal(await seen, 'a=1')
    },
  )

  law('afterCommit() gives the stamps that were written', async ({ kv }) => {
    const stamps: string[] = []
    await kv.transact((tx) => {
      tx.setStampedValue(bytes('a'), hole(), 0)
      tx.setStampedValue(bytes('b'), hole(5), 0)
      tx.afterCommit((commit) => stamps.push(hex(commit.stamp()), hex(commit.stamp(5))))
    })
    const rows = await kv.readTransact(async (tx) => [await tx.get(bytes('a')), await tx.get(bytes('b'))])
    assert.deepEqual(
      stamps,
      rows.map((row) => hex(row!)),
    )
  })

  law('afterCommit() gives the version of the commit, at which it can be read', async ({ kv }) => {
    const versions: number[] = []
    for (const rows of ['a=1', 'a=2']) {
      await kv.transact((tx) => {
        setAll(tx, rows)
        tx.afterCommit((commit) => versions.push(commit.version))
      })
      assert.equal(await kv.readTransact((tx) => tx.readVersion()), versions.at(-1))
      assert.equal(kv.coherence.version, versions.at(-1))
    }
    assert.ok(versions[0]! < versions[1]!)
  })

  law(
    'afterCommit() callbacks of concurrent transactions run in the order of their commits',
    async ({ kv }) => {
      const order: number[] = []
      const one = (number: number): Promise<void> =>
        kv.transact((tx) => {
          tx.set(bytes('last'), bytes(String(number)))
          tx.afterCommit(() => order.push(number))
        })
      await Promise.all(Array.from({ length: 30 }, (_, number) => one(number)))
      assert.equal(order.length, 30)
      assert.equal(await valueAt(kv, 'last'), String(order.at(-1)))
    },
  )

  law(
    'afterCommit() is not called for a run that conflicts, only for the one that commits',
    async ({ kv }) => {
      let runs = 0
      const called: number[] = []
      await kv.transact(async (tx) => {
        runs += 1
        const run = runs
        tx.afterCommit(() => called.push(run))
        await tx.get(bytes('a'))
        if (run < 3) await put(kv, 'a=theirs')
        tx.set(bytes('b'), bytes('mine'))
      })
      assert.deepEqual(called, [3])
    },
  )

  law('afterCommit() is not called for a transaction that is cancelled or gives up', async ({ kv }) => {
    const called: string[] = []
    const cancelled = kv.transact((tx) => {
      tx.set(bytes('a'), bytes('1'))
      tx.afterCommit(() => called.push('cancelled'))
      throw new Error('no')
    })
    await assert.rejects(cancelled)
    const hopeless = kv.transact(
      async (tx) => {
        tx.afterCommit(() => called.push('gave up'))
        await tx.get(bytes('a'))
        await put(kv, 'a=theirs')
        tx.set(bytes('b'), bytes('mine'))
      },
      { attemptsMax: 2 },
    )
    await assert.rejects(hopeless, { code: 'conflict' })
    assert.deepEqual(called, [])
  })

  law('afterCommit() calls back for a transaction that wrote nothing, which has no stamp', async ({ kv }) => {
    let refused = false
    await kv.transact(async (tx) => {
      await tx.get(bytes('a'))
      tx.afterCommit((commit) => {
        assert.throws(() => commit.stamp(), { code: 'invalid-argument' })
        refused = true
      })
    })
    assert.ok(refused)
  })

  law(
    'afterCommit() gives no stamp that the transaction did not write, as others may get it',
    async ({ kv }) => {
      const refused: number[] = []
      const commitAndAsk = (userVersions: readonly number[], write: Body): Promise<void> =>
        kv.transact((tx) => {
          write(tx)
          tx.afterCommit((commit) => {
            for (const userVersion of userVersions) {
              assert.throws(() => commit.stamp(userVersion), { code: 'invalid-argument' })
              refused.push(userVersion)
            }
          })
        })
      await commitAndAsk([0, 7], (tx) => setAll(tx, 'a=1'))
      await commitAndAsk([4], (tx) => tx.setStampedValue(bytes('a'), hole(3), 0))
      assert.deepEqual(refused, [0, 7, 4])
    },
  )

  law('afterCommit() may start another transaction, which sees the commit', async ({ kv }) => {
    let next: Promise<void> | undefined
    await kv.transact((tx) => {
      setAll(tx, 'a=1')
      tx.afterCommit(() => {
        next = kv.transact(async (following) => {
          following.set(bytes('b'), (await following.get(bytes('a')))!)
        })
      })
    })
    await next
    assert.equal(await contents(kv), 'a=1 b=1')
  })

  law(
    'afterCommit() may start another transaction without own commits being taken for foreign ones',
    async ({ kv }) => {
      let [foreign, next]: [number, Promise<unknown> | undefined] = [0, undefined]
      const stop = kv.coherence.onForeignCommit(() => {
        foreign += 1
      })
      await kv.transact((tx) => {
        setAll(tx, 'a=1')
        tx.afterCommit(() => {
          next = contents(kv)
        })
      })
      await next
      stop()
      assert.equal(foreign, 0)
    },
  )
}
