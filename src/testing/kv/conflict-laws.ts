import assert from 'node:assert/strict'
import type { KeyValueStore } from '../../kv/contract.ts'
import { type Body, bytes, conflicts, contents, type Laws, put, range, text, valueAt } from './laws.ts'

const set =
  (key: string): Body =>
  (tx) =>
    tx.set(bytes(key), bytes('theirs'))
const clear =
  (key: string): Body =>
  (tx) =>
    tx.clear(bytes(key))
const clearRange =
  (begin: string, end: string): Body =>
  (tx) =>
    tx.clearRange(range(begin, end))
const get =
  (key: string): Body =>
  (tx) =>
    tx.get(bytes(key))
const read =
  (begin: string, end: string): Body =>
  (tx) =>
    tx.getRange(range(begin, end)).toArray()

/** Serialisability: what must conflict does. */
export function conflictLaws({ law }: Laws): void {
  law('transact() loses no update', async ({ kv }) => {
    await Promise.all(Array.from({ length: 40 }, () => increment(kv, 'counter')))
    assert.equal(await valueAt(kv, 'counter'), '40')
  })

  law('transact() allows no write skew', async ({ kv }) => {
    await put(kv, 'alice=on bob=on')
    const goOffCall = (who: string, other: string): Promise<void> =>
      kv.transact(async (tx) => {
        if (text(await tx.get(bytes(other))) === 'on') tx.set(bytes(who), bytes('off'))
      })
    await Promise.all([goOffCall('alice', 'bob'), goOffCall('bob', 'alice')])
    assert.match(await contents(kv), /=on/)
  })

  law(
    'transact() allows no phantom: of two that count and insert, the second sees the first',
    async ({ kv }) => {
      const insertIfEmpty = (key: string): Promise<void> =>
        kv.transact(async (tx) => {
          const rows = await tx.getRange(range('m', 'n')).toArray()
          if (rows.length === 0) tx.set(bytes(key), bytes('1'))
        })
      await Promise.all([insertIfEmpty('ma'), insertIfEmpty('mb'), insertIfEmpty('mc')])
      assert.equal((await contents(kv)).split(' ').length, 1)
    },
  )

  law('get() conflicts with a set, a clear and a clearRange of its key', async ({ kv }) => {
    await put(kv, 'b=1')
    assert.ok(await conflicts(kv, get('b'), set('b')))
    assert.ok(await conflicts(kv, get('b'), clear('b')))
    await put(kv, 'b=1')
    assert.ok(await conflicts(kv, get('b'), clearRange('a', 'c')))
    assert.ok(await conflicts(kv, get('b'), clearRange('b', 'b\0')))
  })

  law('get() that found nothing conflicts with the key being set', async ({ kv }) => {
    assert.ok(await conflicts(kv, get('b'), set('b')))
  })

  law('get() conflicts with a write of the same value', async ({ kv }) => {
    await put(kv, 'b=theirs')
    assert.ok(await conflicts(kv, get('b'), set('b')))
  })

  law('getRange() conflicts with an insert, an update and a delete inside it', async ({ kv }) => {
    await put(kv, 'c=1 e=1')
    assert.ok(await conflicts(kv, read('b', 'f'), set('d')))
    assert.ok(await conflicts(kv, read('b', 'f'), set('c')))
    assert.ok(await conflicts(kv, read('b', 'f'), clear('e')))
    assert.ok(await conflicts(kv, read('b', 'f'), clearRange('d', 'z')))
  })

  law('getRange() conflicts at its first key and just before its end', async ({ kv }) => {
    await put(kv, 'c=1')
    assert.ok(await conflicts(kv, read('b', 'f'), set('b')))
    assert.ok(await conflicts(kv, read('b', 'f'), set('e\xff')))
    assert.ok(await conflicts(kv, read('b', 'f'), clearRange('a', 'b\0')))
    assert.ok(await conflicts(kv, read('b', 'f'), clearRange('e\xff', 'z')))
  })

  law('getRange() that found nothing conflicts with an insert inside it', async ({ kv }) => {
    assert.ok(await conflicts(kv, read('b', 'f'), set('d')))
    assert.ok(await conflicts(kv, read('b', 'b\0'), set('b')))
  })

  law('getRange() with a limit conflicts up to the last row that it returned', async ({ kv }) => {
    await put(kv, 'c=1 e=1 g=1')
    const limited =
      (limit: number, reverse = false): Body =>
      (tx) =>
        tx.getRange(range('a', 'z'), { limit, reverse }).toArray()
    assert.ok(await conflicts(kv, limited(2), set('e')))
    assert.ok(await conflicts(kv, limited(2), set('d')))
    assert.ok(await conflicts(kv, limited(1), set('a')))
    assert.ok(await conflicts(kv, limited(1, true), set('h')))
    await put(kv, 'g=1')
    assert.ok(await conflicts(kv, limited(9), set('y')))
  })

  law('getRange() with a limit conflicts with a clear of a row that made room', async ({ kv }) => {
    await put(kv, 'c=1 e=1 g=1')
    const reads: Body = (tx) => {
      tx.clear(bytes('c'))
      return tx.getRange(range('a', 'z'), { limit: 1 }).toArray()
    }
    assert.ok(await conflicts(kv, reads, clear('e')))
  })

  law('getRange() conflicts with a stamped key inside it', async ({ kv }) => {
    const insert: Body = (tx) => tx.setStampedKey(bytes(`log/${'\0'.repeat(12)}/x`), 4, bytes('1'))
    assert.ok(await conflicts(kv, read('log/', 'log0'), insert))
    assert.ok(await conflicts(kv, read('log/', 'log/\xff'), insert))
    assert.ok(!(await conflicts(kv, read('lof', 'log/'), insert)))
    assert.ok(!(await conflicts(kv, read('log0', 'log1'), insert)))
  })

  law('get() conflicts with a stamped value', async ({ kv }) => {
    const stamped: Body = (tx) => tx.setStampedValue(bytes('b'), new Uint8Array(12), 0)
    assert.ok(await conflicts(kv, get('b'), stamped))
  })

  law('get() before an own write of the key conflicts', async ({ kv }) => {
    const reads: Body = async (tx) => {
      await tx.get(bytes('b'))
      tx.set(bytes('b'), bytes('mine'))
    }
    assert.ok(await conflicts(kv, reads, set('b')))
  })

  law('getRange() conflicts around own writes inside it', async ({ kv }) => {
    await put(kv, 'c=1')
    const reads: Body = (tx) => {
      tx.set(bytes('d'), bytes('mine'))
      tx.clearRange(range('f', 'h'))
      return tx.getRange(range('a', 'z')).toArray()
    }
    for (const key of ['a', 'c\xff', 'd\0', 'e', 'h', 'y'])
      assert.ok(await conflicts(kv, reads, set(key)), key)
  })

  law('addReadConflictKey() and addReadConflictRange() conflict as reads do', async ({ kv }) => {
    const key: Body = (tx) => tx.addReadConflictKey(bytes('b'))
    const keys: Body = (tx) => tx.addReadConflictRange(range('b', 'd'))
    assert.ok(await conflicts(kv, key, set('b')))
    assert.ok(!(await conflicts(kv, key, set('b\0'))))
    assert.ok(await conflicts(kv, keys, set('c')))
    assert.ok(!(await conflicts(kv, keys, set('d'))))
  })

  law('addReadConflictKey() with `since` conflicts with commits after that one', async ({ kv }) => {
    const known = kv.coherence.version
    const relies: Body = (tx) => tx.addReadConflictKey(bytes('b'), { since: known })
    const since = kv.transact(
      async (tx) => {
        await put(kv, 'b=theirs')
        await tx.get(bytes('other'))
        await relies(tx)
        tx.set(bytes('a'), bytes('1'))
      },
      { attemptsMax: 1 },
    )
    await assert.rejects(since, { code: 'conflict' })
  })

  law('addReadConflictKey() refuses a `since` before the transaction began', async ({ kv }) => {
    const before = kv.coherence.version
    await put(kv, 'a=1')
    const reaching = kv.transact((tx) => tx.addReadConflictKey(bytes('b'), { since: before }))
    await assert.rejects(reaching, { code: 'invalid-argument' })
  })
}

/** Adds 1 to a number in a key. */
export function increment(kv: KeyValueStore, key: string): Promise<void> {
  return kv.transact(async (tx) => {
    const before = Number(text(await tx.get(bytes(key))) ?? 0)
    tx.set(bytes(key), bytes(String(before + 1)))
  })
}
