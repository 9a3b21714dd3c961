import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { KeyValueRangeOptions, KeyValueReader } from '../../store/contract-transactions.ts'
import type { JsonValue } from '../../store/event.ts'
import type { Tuple } from '../../tuple/elements.ts'
import { counted, dataIn, failureOf, refuses, type StoreLaws } from './laws.ts'

/** In the order of tuples: those that extend `['a']`, and those that only look as if they did. */
const KEYS: readonly Tuple[] = [
  [null],
  [Uint8Array.of(0)],
  [''],
  ['', ''],
  ['a'],
  ['a', null],
  ['a', 'x'],
  ['a', -1],
  ['a', 2],
  ['a', 10],
  ['a\0b'],
  ['a\0b', 1],
  ['ab'],
  ['b', 1],
  [1],
]
const BELOW_A = KEYS.slice(5, 10)

/** The caller's own keys, in the same transactions as the events. */
export function ownKeyLaws({ law }: StoreLaws): void {
  law(
    'tx.kv keeps JSON values and bytes under tuples, and gives them back in order',
    async ({ store, random }) => {
      const shuffled = KEYS.toSorted(() => random() - 0.5)
      await store.transact((tx) => {
        for (const key of shuffled) tx.kv.set(key, indexOf(key))
      })
      assert.deepEqual(await keysOf(store, []), KEYS)
      for (const [index, key] of KEYS.entries()) assert.equal(await storedAt(store, key), index)
      for (const key of [['c'], ['a', 3], ['a\0'], [1, 1]])
        assert.equal(await storedAt(store, key), undefined)
    },
  )

  law('tx.kv.getRange() reads exactly what begins with the prefix', async ({ store }) => {
    await fill(store)
    assert.deepEqual(await keysOf(store, ['a']), BELOW_A)
    assert.deepEqual(await keysOf(store, ['a'], { reverse: true, limit: 2 }), BELOW_A.slice(3).reverse())
    assert.deepEqual(await keysOf(store, ['a'], { limit: 3 }), BELOW_A.slice(0, 3))
    assert.deepEqual(await keysOf(store, ['a'], { limit: 0 }), [])
    assert.deepEqual(await keysOf(store, ['a\0b']), [['a\0b', 1]])
    assert.deepEqual(await keysOf(store, ['a', 2]), [])
    assert.deepEqual(await keysOf(store, ['missing']), [])
  })

  law('tx.kv.clearRange() removes exactly the prefix and what begins with it', async ({ store }) => {
    await fill(store)
    await store.transact((tx) => tx.kv.clearRange(['a']))
    const left = KEYS.filter(([first]) => first !== 'a')
    assert.deepEqual(await keysOf(store, []), left)
    await store.transact((tx) => tx.kv.clearRange(['a\0b']))
    assert.deepEqual(
      await keysOf(store, []),
      left.filter(([first]) => first !== 'a\0b'),
    )
  })

  law('tx.kv.clearRange() of everything leaves the events alone', async ({ store }) => {
    await fill(store)
    await store.stream('s').append(counted(2))
    await store.transact((tx) => tx.kv.clearRange([]))
    assert.deepEqual([await keysOf(store, []), await dataIn(store, 's')], [[], [1, 2]])
  })

  law('tx.kv.clear() removes exactly one key', async ({ store }) => {
    await fill(store)
    await store.transact((tx) => tx.kv.clear(['a']))
    assert.deepEqual(
      await keysOf(store, []),
      KEYS.filter((key) => key.length > 1 || key[0] !== 'a'),
    )
  })

  law('tx.kv reads what its transaction has written', async ({ store }) => {
    await fill(store)
    await store.transact(async (tx) => {
      tx.kv.set(['a', 5], 'new')
      tx.kv.clear(['a', 2])
      tx.kv.set(['a', 10], 'changed')
      assert.deepEqual(
        [await tx.kv.get(['a', 5]), await tx.kv.get(['a', 2]), await tx.kv.get(['a', 10])],
        ['new', undefined, 'changed'],
      )
      assert.deepEqual(await keysIn(tx.kv, ['a']), [...BELOW_A.slice(0, 3), ['a', 5], ['a', 10]])
      tx.kv.clearRange(['a'])
      tx.kv.set(['a', 1], null)
      assert.deepEqual(await keysIn(tx.kv, ['a']), [['a', 1]])
      assert.equal(await tx.kv.get(['a', 1]), null)
    })
    assert.deepEqual(await keysOf(store, ['a']), [['a', 1]])
  })

  law('tx.kv values are what they were when they were set', async ({ store }) => {
    const [bytes, list] = [Uint8Array.of(1, 2), [1]]
    const values: (JsonValue | Uint8Array)[] = [
      null,
      0,
      '',
      false,
      [],
      {},
      { a: [1] },
      list,
      bytes,
      new Uint8Array(0),
    ]
    await store.transact((tx) => {
      for (const [index, value] of values.entries()) tx.kv.set([index], value)
      bytes.fill(9)
      list.push(2)
    })
    values[values.indexOf(list)] = [1]
    values[values.indexOf(bytes)] = Uint8Array.of(1, 2)
    for (const [index, value] of values.entries()) assert.deepEqual(await storedAt(store, [index]), value)
    const found = (await storedAt(store, [8])) as Uint8Array
    found.fill(7)
    assert.deepEqual(await storedAt(store, [8]), Uint8Array.of(1, 2))
  })

  law('tx.kv commits with the events, and not without them', async ({ store }) => {
    const failing = store.transact(async (tx) => {
      tx.kv.set(['k'], 1)
      await tx.stream('s').append(counted(1), { expectedVersion: 5 })
    })
    await assert.rejects(failing, { code: 'wrong-expected-version' })
    assert.equal(await storedAt(store, ['k']), undefined)
    await store.transact(async (tx) => {
      tx.kv.set(['k'], 1)
      await tx.stream('s').append(counted(1))
    })
    assert.deepEqual([await storedAt(store, ['k']), await dataIn(store, 's')], [1, [1]])
  })

  law(
    'tx.kv survives',
    async ({ store, reopen }) => {
      await fill(store)
      assert.deepEqual(await keysOf(await reopen(), []), KEYS)
    },
    { needs: 'reopen' },
  )

  law('tx.kv refuses empty keys, and keys and values that are too large', async ({ store }) => {
    const cases: readonly (readonly [string, Tuple, JsonValue | Uint8Array])[] = [
      ['invalid-argument', [], 1],
      ['limit-exceeded', ['x'.repeat(1_024)], 1],
      ['limit-exceeded', ['k'], 'x'.repeat(90_000)],
      ['limit-exceeded', ['k'], new Uint8Array(90_000)],
    ]
    for (const [code, key, value] of cases) {
      await refuses(store, code, () => store.transact((tx) => tx.kv.set(key, value)))
    }
    for (const key of [[], ['x'.repeat(1_024)]]) {
      await failureOf(key.length === 0 ? 'invalid-argument' : 'limit-exceeded', () => storedAt(store, key))
    }
    await store.transact((tx) => tx.kv.set(['k'], new Uint8Array(89_999)))
    assert.equal(((await storedAt(store, ['k'])) as Uint8Array).length, 89_999)
  })

  law('tx.kv refuses keys that are no arrays, and leaves all keys as they are', async ({ store }) => {
    await fill(store)
    for (const wrong of [5, 7n, 'stock', {}, null, undefined] as unknown as Tuple[]) {
      await refuses(store, 'invalid-argument', () => store.transact((tx) => tx.kv.get(wrong)))
      await refuses(store, 'invalid-argument', () => store.transact((tx) => tx.kv.set(wrong, 1)))
      await refuses(store, 'invalid-argument', () => store.transact((tx) => tx.kv.clear(wrong)))
      await refuses(store, 'invalid-argument', () => store.transact((tx) => tx.kv.clearRange(wrong)))
      await refuses(store, 'invalid-argument', () => keysOf(store, wrong))
    }
    await refuses(store, 'invalid-argument', () => keysOf(store, [], { limits: 1 } as KeyValueRangeOptions))
  })
}

function indexOf(key: Tuple): number {
  return KEYS.indexOf(key)
}

async function fill(store: EventStore): Promise<void> {
  await store.transact((tx) => {
    for (const key of KEYS) tx.kv.set(key, indexOf(key))
  })
}

function storedAt(store: EventStore, key: Tuple): Promise<unknown> {
  return store.readTransact((tx) => tx.kv.get(key))
}

function keysOf(store: EventStore, prefix: Tuple, options?: KeyValueRangeOptions): Promise<Tuple[]> {
  return store.readTransact((tx) => keysIn(tx.kv, prefix, options))
}

async function keysIn(kv: KeyValueReader, prefix: Tuple, options?: KeyValueRangeOptions): Promise<Tuple[]> {
  return (await kv.getRange(prefix, options).toArray()).map(({ key }) => key)
}
