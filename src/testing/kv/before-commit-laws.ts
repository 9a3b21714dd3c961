import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { bytes, contents, type Laws, put, setAll } from './laws.ts'

/** The last words of a transaction. */
export function beforeCommitLaws(laws: Laws): void {
  orderLaws(laws)
  failureLaws(laws)
  lateLaws(laws)
}

function orderLaws({ law }: Laws): void {
  law(
    'beforeCommit() calls when the body has returned, in order, before anything is committed',
    async ({ kv }) => {
      const calls: string[] = []
      const result = await kv.transact(async (tx) => {
        tx.beforeCommit(async () => {
          calls.push('first')
          await contents(kv)
          calls.push(`first ${await contents(kv)}`)
        })
        tx.beforeCommit(() => {
          calls.push('second')
        })
        tx.afterCommit(() => calls.push('committed'))
        setAll(tx, 'a=1')
        await contents(kv)
        calls.push('body')
        return 'result'
      })
      assert.deepEqual(calls, ['body', 'first', 'first ', 'second', 'committed'])
      assert.equal(result, 'result')
      assert.equal(await contents(kv), 'a=1')
    },
  )

  law('beforeCommit() may read what the body wrote, and write', async ({ kv }) => {
    await put(kv, 'a=1')
    await kv.transact((tx) => {
      tx.beforeCommit(async () => {
        const own = (await tx.get(bytes('b')))!
        tx.set(bytes('c'), own)
        tx.clear(bytes('a'))
      })
      setAll(tx, 'b=2')
    })
    assert.equal(await contents(kv), 'b=2 c=2')
  })

  law('beforeCommit() alone makes a transaction write', async ({ kv }) => {
    let version: number | undefined
    await kv.transact((tx) => {
      tx.beforeCommit(() => setAll(tx, 'a=1'))
      tx.afterCommit((commit) => {
        version = commit.version
      })
    })
    assert.equal(await contents(kv), 'a=1')
    assert.equal(kv.coherence.version, version)
  })

  law('beforeCommit() may add others, which come after all that are there', async ({ kv }) => {
    const calls: string[] = []
    await kv.transact((tx) => {
      tx.beforeCommit(() => {
        calls.push('a')
        tx.beforeCommit(async () => {
          calls.push('c')
          tx.beforeCommit(() => {
            calls.push('d')
            setAll(tx, 'd=4')
          })
        })
      })
      tx.beforeCommit(() => {
        calls.push('b')
      })
    })
    assert.deepEqual(calls, ['a', 'b', 'c', 'd'])
    assert.equal(await contents(kv), 'd=4')
  })

  law('beforeCommit() runs again in each attempt, and what it reads counts as read', async ({ kv }) => {
    const calls: string[] = []
    await put(kv, 'a=0')
    await kv.transact(async (tx) => {
      const attempt = calls.length + 1
      tx.beforeCommit(async () => {
        const seen = new TextDecoder().decode((await tx.get(bytes('a')))!)
        calls.push(seen)
        if (attempt < 3) await put(kv, `a=${attempt}`)
        tx.set(bytes('b'), bytes(seen))
      })
    })
    assert.deepEqual(calls, ['0', '1', '2'])
    assert.equal(await contents(kv), 'a=2 b=2')
  })
}

function failureLaws({ law, simulatedLaw }: Laws): void {
  for (const kind of ['throws', 'rejects'] as const) {
    law(`what beforeCommit() ${kind} cancels the transaction, and comes out`, async ({ kv }) => {
      const reason = new Error('not this')
      const calls: string[] = []
      const failing = kv.transact((tx) => {
        setAll(tx, 'a=1')
        tx.beforeCommit(() => {
          calls.push('first')
          if (kind === 'throws') throw reason
          return Promise.reject(reason)
        })
        tx.beforeCommit(() => {
          calls.push('never')
        })
        tx.afterCommit(() => calls.push('committed'))
      })
      await assert.rejects(failing, (error) => error === reason)
      assert.deepEqual(calls, ['first'])
      assert.equal(await contents(kv), '')
    })
  }

  law('beforeCommit() is not called when the body throws', async ({ kv }) => {
    let calls = 0
    const failing = kv.transact((tx) => {
      tx.beforeCommit(() => {
        calls += 1
      })
      throw new Error('given up')
    })
    await assert.rejects(failing, /given up/)
    assert.equal(calls, 0)
  })

  law('a signal that is aborted meanwhile ends the transaction behind beforeCommit()', async ({ kv }) => {
    const controller = new AbortController()
    const failing = kv.transact(
      (tx) => {
        setAll(tx, 'a=1')
        tx.beforeCommit(() => controller.abort(new Error('enough')))
      },
      { signal: controller.signal },
    )
    await assert.rejects(failing, /enough/)
    assert.equal(await contents(kv), '')
  })

  simulatedLaw(
    'a transaction that is too old when beforeCommit() writes is refused',
    async ({ kv, runtime }) => {
      const failing = kv.transact((tx) => {
        setAll(tx, 'a=1')
        tx.beforeCommit(async () => {
          await sleep(runtime, 60_000)
          setAll(tx, 'b=1')
        })
      })
      await assert.rejects(failing, { code: 'transaction-too-old' })
      assert.equal(await contents(kv), '')
    },
  )
}

function lateLaws({ law }: Laws): void {
  law('beforeCommit() calls, or refuses when the last one is done', async ({ kv }) => {
    const outcomes = new Set<string>()
    for (const hasOthers of [false, true]) {
      for (let wait = 0; wait < 40; wait += 1) {
        const key = `${hasOthers} ${wait}`
        let outcome = 'none'
        await kv.transact((tx) => {
          setAll(tx, 'a=1')
          if (hasOthers) tx.beforeCommit(async () => setAll(tx, 'b=1'))
          // What the body has begun and does not wait for goes on while the transaction is being committed.
          void ticks(wait).then(() => {
            try {
              tx.beforeCommit(() => tx.set(bytes(key), bytes('1')))
              outcome = 'called'
            } catch (error) {
              outcome = String((error as { readonly code?: string }).code)
            }
          })
        })
        await ticks(wait)
        outcomes.add(outcome)
        const isThere = await kv.readTransact(async (tx) => (await tx.get(bytes(key))) !== undefined)
        assert.equal(isThere, outcome === 'called', `${key}: ${outcome}`)
      }
    }
    outcomes.delete('invalid-argument')
    assert.deepEqual([...outcomes].toSorted(), ['called', 'closed'])
  })
}

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await undefined
}
