import assert from 'node:assert/strict'
import {
  type Body,
  bytes,
  conflicts,
  everything,
  type Laws,
  put,
  putMany,
  range,
  text,
  valueAt,
} from './laws.ts'

const set =
  (...keys: string[]): Body =>
  (tx) => {
    for (const key of keys) tx.set(bytes(key), bytes('theirs'))
  }

/** Exactness: what need not conflict does not. */
export function exactnessLaws({ law }: Laws): void {
  law('get() does not conflict with its neighbours', async ({ kv }) => {
    await put(kv, 'b=1')
    assert.ok(!(await conflicts(kv, (tx) => tx.get(bytes('b')), set('a', 'a\xff', 'b\0', 'c'))))
    const around: Body = (tx) => {
      tx.clearRange(range('a', 'b'))
      tx.clearRange(range('b\0', 'c'))
    }
    assert.ok(!(await conflicts(kv, (tx) => tx.get(bytes('b')), around)))
  })

  law('getRange() does not conflict just outside its ends', async ({ kv }) => {
    await put(kv, 'c=1')
    const reads: Body = (tx) => tx.getRange(range('b', 'f')).toArray()
    assert.ok(!(await conflicts(kv, reads, set('a\xff', 'f', 'f\0'))))
    const around: Body = (tx) => {
      tx.clearRange(range('a', 'b'))
      tx.clearRange(range('f', 'z'))
    }
    assert.ok(!(await conflicts(kv, reads, around)))
  })

  law('getRange() of nothing, or with limit 0, does not conflict', async ({ kv }) => {
    assert.ok(!(await conflicts(kv, (tx) => tx.getRange(range('c', 'a')).toArray(), set('b'))))
    assert.ok(!(await conflicts(kv, (tx) => tx.getRange(range('b', 'b')).toArray(), set('b'))))
    assert.ok(!(await conflicts(kv, (tx) => tx.getRange(everything, { limit: 0 }).toArray(), set('b'))))
  })

  law('getRange() that nobody iterates does not conflict', async ({ kv }) => {
    assert.ok(!(await conflicts(kv, (tx) => void tx.getRange(everything), set('b'))))
  })

  law('getRange() with a limit does not conflict beyond the last row that it returned', async ({ kv }) => {
    await put(kv, 'c=1 e=1 g=1')
    const limited =
      (limit: number, reverse = false): Body =>
      (tx) =>
        tx.getRange(range('a', 'z'), { limit, reverse }).toArray()
    assert.ok(!(await conflicts(kv, limited(1), set('c\0', 'e'))))
    assert.ok(!(await conflicts(kv, limited(2), set('e\0', 'y'))))
    await kv.transact((tx) => tx.clearRange(everything))
    await put(kv, 'c=1 e=1 g=1')
    assert.ok(!(await conflicts(kv, limited(2, true), set('a', 'd\xff'))))
  })

  law('getRange() with a limit filled by own rows does not conflict beyond them', async ({ kv }) => {
    await put(kv, 'd=1 g=1')
    const reads: Body = (tx) => {
      set('b', 'c')(tx)
      return tx.getRange(range('a', 'z'), { limit: 2 }).toArray()
    }
    assert.ok(!(await conflicts(kv, reads, set('c\0', 'd', 'e'))))
    assert.ok(await conflicts(kv, reads, set('a')))
  })

  law('getRange() left early does not conflict beyond what was fetched', async ({ kv }) => {
    await putMany(kv, 'k', 2_000)
    const firstRow: Body = async (tx) => {
      for await (const _ of tx.getRange(everything)) break
    }
    assert.ok(!(await conflicts(kv, firstRow, set('k1999'))))
    assert.ok(await conflicts(kv, firstRow, set('k0000')))
  })

  law('blind writes of one key do not conflict, and the last commit wins', async ({ kv }) => {
    const blind = kv.transact(
      async (tx) => {
        tx.set(bytes('b'), bytes('mine'))
        await put(kv, 'b=theirs')
      },
      { attemptsMax: 1 },
    )
    await blind
    assert.equal(await valueAt(kv, 'b'), 'mine')
  })

  law('snapshot reads do not conflict', async ({ kv }) => {
    await put(kv, 'b=1')
    assert.ok(!(await conflicts(kv, (tx) => tx.snapshot.get(bytes('b')), set('b'))))
    assert.ok(!(await conflicts(kv, (tx) => tx.snapshot.getRange(everything).toArray(), set('b', 'c'))))
  })

  law('snapshot reads do not hide a conflict of reads', async ({ kv }) => {
    const both: Body = async (tx) => {
      await tx.snapshot.get(bytes('b'))
      await tx.get(bytes('b'))
    }
    assert.ok(await conflicts(kv, both, set('b')))
  })

  law('reading own writes does not conflict', async ({ kv }) => {
    await put(kv, 'b=1 c=1')
    const single: Body = async (tx) => {
      tx.set(bytes('b'), bytes('mine'))
      tx.clear(bytes('c'))
      await tx.get(bytes('b'))
      await tx.get(bytes('c'))
    }
    assert.ok(!(await conflicts(kv, single, set('b', 'c'))))
    const cleared: Body = async (tx) => {
      tx.clearRange(range('a', 'd'))
      await tx.get(bytes('b'))
      await tx.getRange(range('a', 'd')).toArray()
    }
    assert.ok(!(await conflicts(kv, cleared, set('b', 'bb'))))
  })

  law('getRange() over own single writes does not conflict with those keys', async ({ kv }) => {
    const reads: Body = (tx) => {
      tx.set(bytes('d'), bytes('mine'))
      return tx.getRange(range('a', 'z')).toArray()
    }
    assert.ok(!(await conflicts(kv, reads, set('d'))))
  })

  law('a transaction that writes nothing never conflicts', async ({ kv }) => {
    let runs = 0
    const seen = await kv.transact(async (tx) => {
      runs += 1
      const before = await tx.get(bytes('b'))
      await put(kv, 'b=theirs')
      return [text(before), text(await tx.get(bytes('b')))]
    })
    assert.deepEqual([runs, seen], [1, [undefined, undefined]])
  })

  law('a transaction does not conflict with commits before its snapshot', async ({ kv }) => {
    const late = kv.transact(
      async (tx) => {
        await put(kv, 'b=theirs')
        await tx.get(bytes('b'))
        tx.set(bytes('b'), bytes('mine'))
      },
      { attemptsMax: 1 },
    )
    await late
    assert.equal(await valueAt(kv, 'b'), 'mine')
  })

  law('a transaction that failed does not make others conflict', async ({ kv }) => {
    const failing: Body = async () => {
      const failed = kv.transact((tx) => {
        tx.set(bytes('b'), bytes('1'))
        throw new Error('changed my mind')
      })
      await assert.rejects(failed)
    }
    const reads: Body = async (tx) => {
      await tx.get(bytes('b'))
      await failing(tx)
    }
    assert.ok(!(await conflicts(kv, reads, set('elsewhere'))))
  })
}
