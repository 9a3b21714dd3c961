import assert from 'node:assert/strict'
import type { Transaction } from '../../kv/contract.ts'
import {
  bytes,
  contents,
  digits,
  everything,
  type Laws,
  listing,
  put,
  putMany,
  range,
  type Scene,
  setAll,
  text,
} from './laws.ts'

/** Read-your-writes: a transaction reads its snapshot with its own writes laid over it. */
export function ownWriteLaws({ law }: Laws): void {
  law('get() sees what the transaction set, cleared and set again', async ({ kv }) => {
    await put(kv, 'a=0')
    await kv.transact(async (tx) => {
      const read = async (): Promise<string | undefined> => text(await tx.get(bytes('a')))
      tx.set(bytes('a'), bytes('1'))
      assert.equal(await read(), '1')
      tx.clear(bytes('a'))
      assert.equal(await read(), undefined)
      tx.set(bytes('a'), bytes('2'))
      assert.equal(await read(), '2')
      tx.clearRange(range('a', 'b'))
      assert.equal(await read(), undefined)
    })
    assert.equal(await contents(kv), '')
  })

  law('getRange() lays own sets and clears over the snapshot', async ({ kv }) => {
    await put(kv, 'b=0 d=0 f=0')
    await kv.transact(async (tx) => {
      setAll(tx, 'a=1 d=1 g=1')
      tx.clear(bytes('f'))
      tx.clear(bytes('never there'))
      assert.equal(await listed(tx), 'a=1 b=0 d=1 g=1')
      assert.equal(await listed(tx, true), 'g=1 d=1 b=0 a=1')
    })
    assert.equal(await contents(kv), 'a=1 b=0 d=1 g=1')
  })

  law('set() inside a range that the same transaction cleared survives', async ({ kv }) => {
    await put(kv, 'a=0 b=0 c=0 d=0')
    await kv.transact(async (tx) => {
      setAll(tx, 'b=1')
      tx.clearRange(range('b', 'd'))
      setAll(tx, 'c=2')
      assert.equal(await tx.get(bytes('b')), undefined)
      assert.equal(text(await tx.get(bytes('c'))), '2')
      assert.equal(await listed(tx), 'a=0 c=2 d=0')
    })
    assert.equal(await contents(kv), 'a=0 c=2 d=0')
  })

  law('clearRange() leaves its end alone, and may be repeated', async ({ kv }) => {
    await put(kv, 'a=0 b=0 c=0 d=0')
    await kv.transact(async (tx) => {
      tx.clearRange(range('a', 'b'))
      tx.clearRange(range('a', 'c'))
      tx.clearRange(range('a', 'b'))
      assert.equal(await listed(tx), 'c=0 d=0')
    })
    assert.equal(await contents(kv), 'c=0 d=0')
  })

  law('clearRange() of an empty or inverted range clears nothing', async ({ kv }) => {
    await put(kv, 'a=0 b=0 c=0')
    await kv.transact(async (tx) => {
      setAll(tx, 'b=1')
      tx.clearRange(range('b', 'b'))
      tx.clearRange(range('c', 'a'))
      assert.equal(await listed(tx), 'a=0 b=1 c=0')
    })
    assert.equal(await contents(kv), 'a=0 b=1 c=0')
  })

  law('getRange() counts own rows towards the limit, and cleared ones not', async ({ kv }) => {
    await put(kv, 'b=0 c=0 d=0 e=0')
    await kv.transact(async (tx) => {
      setAll(tx, 'a=1 f=1')
      tx.clearRange(range('b', 'd'))
      const limited = async (limit: number, reverse: boolean): Promise<string> =>
        listing(await tx.getRange(everything, { limit, reverse }).toArray())
      assert.equal(await limited(2, false), 'a=1 d=0')
      assert.equal(await limited(2, true), 'f=1 e=0')
      assert.equal(await limited(3, true), 'f=1 e=0 d=0')
      assert.equal(await limited(9, false), 'a=1 d=0 e=0 f=1')
    })
  })

  law('snapshot reads see own writes too', async ({ kv }) => {
    await put(kv, 'a=0 b=0')
    await kv.transact(async (tx) => {
      setAll(tx, 'a=1')
      tx.clear(bytes('b'))
      assert.equal(text(await tx.snapshot.get(bytes('a'))), '1')
      assert.equal(listing(await tx.snapshot.getRange(everything).toArray()), 'a=1')
    })
  })

  law('own writes are not seen by others before the commit', async ({ kv }) => {
    await kv.transact(async (tx) => {
      setAll(tx, 'a=1')
      assert.equal(await contents(kv), '')
    })
    assert.equal(await contents(kv), 'a=1')
  })

  for (const rows of [63, 64, 65, 511, 512, 513, 576, 577, 1_100]) {
    law(`getRange() over ${rows} rows with own writes among them equals a sorted array`, (scene) =>
      compareWithArray(scene, rows),
    )
  }

  law('a stamped key or value cannot be read before the commit', async ({ kv }) => {
    await kv.transact(async (tx) => {
      tx.setStampedValue(bytes('value'), new Uint8Array(12), 0)
      tx.setStampedKey(bytes(`key${'\0'.repeat(12)}`), 3, bytes('1'))
      tx.setStampedKey(bytes(`key+${'\0'.repeat(12)}`), 4, bytes('1'), { listed: true })
      await assert.rejects(tx.get(bytes('value')), { code: 'invalid-argument' })
      assert.deepEqual(await tx.getRange(range('key', 'kez')).toArray(), [])
    })
    assert.equal(await kv.readTransact(async (tx) => (await tx.getRange(everything).toArray()).length), 3)
  })
}

async function listed(tx: Transaction, reverse = false): Promise<string> {
  return listing(await tx.getRange(everything, { reverse }).toArray())
}

/** Random own writes over many rows, so that batches end in between; then every way of reading them. */
async function compareWithArray({ kv, random }: Scene, rows: number): Promise<void> {
  await putMany(kv, 'k', rows)
  const model = new Map<string, string>()
  for (let number = 0; number < rows; number += 1) model.set(`k${digits(number)}`, digits(number))
  await kv.transact(async (tx) => {
    for (let count = 0; count < rows / 4; count += 1) writeSomething(tx, model, rows, random)
    const sorted = [...model].map(([key, value]) => `${key}=${value}`).sort()
    for (const limit of [1, 63, 64, 65, 200, 512, 513, rows, 9_999]) {
      const ahead = await tx.getRange(everything, { limit }).toArray()
      const back = await tx.getRange(everything, { limit, reverse: true }).toArray()
      assert.equal(listing(ahead), sorted.slice(0, limit).join(' '))
      assert.equal(listing(back), sorted.slice(-limit).reverse().join(' '))
    }
  })
  assert.equal(
    await contents(kv),
    [...model]
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(' '),
  )
}

function writeSomething(
  tx: Transaction,
  model: Map<string, string>,
  rows: number,
  random: () => number,
): void {
  const number = Math.floor(random() * rows)
  const key = `k${digits(number)}`
  const choice = random()
  if (choice < 0.4) {
    // Between two rows of the snapshot.
    tx.set(bytes(`${key}x`), bytes('new'))
    model.set(`${key}x`, 'new')
  } else if (choice < 0.6) {
    tx.set(bytes(key), bytes('own'))
    model.set(key, 'own')
  } else if (choice < 0.9) {
    tx.clear(bytes(key))
    model.delete(key)
  } else {
    const end = `k${digits(number + Math.floor(random() * 20))}`
    tx.clearRange(range(key, end))
    for (const each of model.keys()) if (each >= key && each < end) model.delete(each)
  }
}
