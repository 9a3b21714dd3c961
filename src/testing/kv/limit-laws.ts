import assert from 'node:assert/strict'
import type { Transaction } from '../../kv/contract.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../limits.ts'
import { type Body, bytes, contents, everything, hole, type Laws, range } from './laws.ts'

const keyOf = (length: number): Uint8Array => new Uint8Array(length).fill(0x61)
const [empty, value] = [new Uint8Array(0), bytes('1')]

/** Limits: what is just small enough works, what is just too large is refused and changes nothing. */
export function limitLaws({ law }: Laws): void {
  law(`a key of ${KEY_BYTES_MAX} bytes works, and one more byte is refused`, async ({ kv }) => {
    const longest = keyOf(KEY_BYTES_MAX)
    await kv.transact((tx) => tx.set(longest, value))
    assert.deepEqual(
      await kv.readTransact(async (tx) => [
        (await tx.get(longest))?.length,
        (await tx.getRange(everything).toArray())[0]?.key.length,
      ]),
      [1, KEY_BYTES_MAX],
    )
    for (const [name, body] of usesOf(keyOf(KEY_BYTES_MAX + 1))) {
      await assert.rejects(
        kv.transact(async (tx) => void (await body(tx))),
        { code: 'limit-exceeded' },
        name,
      )
    }
  })

  law('getRange() can end right after the longest key', async ({ kv }) => {
    const longest = keyOf(KEY_BYTES_MAX)
    await kv.transact((tx) => tx.set(longest, value))
    const end = keyOf(KEY_BYTES_MAX + 1)
    end[KEY_BYTES_MAX] = 0
    const rows = await kv.readTransact((tx) => tx.getRange({ begin: longest, end }).toArray())
    assert.equal(rows.length, 1)
    await kv.transact((tx) => tx.clearRange({ begin: longest, end }))
    assert.equal(await contents(kv), '')
  })

  law(`a value of ${VALUE_BYTES_MAX} bytes works, and one more byte is refused`, async ({ kv }) => {
    const largest = new Uint8Array(VALUE_BYTES_MAX).fill(7)
    const tooLarge = new Uint8Array(VALUE_BYTES_MAX + 1)
    await kv.transact((tx) => tx.set(bytes('a'), largest))
    const found = await kv.readTransact((tx) => tx.get(bytes('a')))
    assert.equal(Buffer.compare(found!, largest), 0)
    const refused: Body[] = [
      (tx) => tx.set(bytes('a'), tooLarge),
      (tx) => tx.setStampedValue(bytes('a'), tooLarge, 0),
      (tx) => tx.setStampedKey(bytes(`a${'\0'.repeat(12)}`), 1, tooLarge),
    ]
    for (const body of refused) {
      await assert.rejects(
        kv.transact((tx) => void body(tx)),
        { code: 'limit-exceeded' },
      )
    }
  })

  law('the empty key is refused', async ({ kv }) => {
    for (const [name, body] of usesOf(empty)) {
      await assert.rejects(
        kv.transact(async (tx) => void (await body(tx))),
        { code: 'invalid-argument' },
        name,
      )
    }
  })

  law('keys that begin with FF are refused', async ({ kv }) => {
    for (const key of [bytes('\xff'), bytes('\xffc'), bytes('\xff\xff')]) {
      for (const [name, body] of usesOf(key)) {
        await assert.rejects(
          kv.transact(async (tx) => void (await body(tx))),
          { code: 'invalid-argument' },
          name,
        )
      }
    }
    const beyond: Body = (tx) => tx.getRange(range('a', '\xff\0')).toArray()
    await assert.rejects(
      kv.transact((tx) => beyond(tx)),
      { code: 'invalid-argument' },
    )
  })

  law('ranges from the empty key to FF hold everything, and nothing of the engine', async ({ kv }) => {
    await kv.transact((tx) => {
      tx.set(bytes('\0'), value)
      tx.set(bytes('\xfe\xff'), value)
    })
    assert.equal(await contents(kv), '\0=1 \xfe\xff=1')
    await kv.transact((tx) => tx.clearRange(everything))
    assert.equal(await contents(kv), '')
    await kv.transact((tx) => tx.set(bytes('a'), value))
    assert.equal(await contents(kv), 'a=1')
  })

  law('limits.rowsMax rows commit, and one more is refused', async ({ kv }) => {
    const { rowsMax } = kv.limits
    await kv.transact((tx) => setRows(tx, rowsMax))
    const counted = await kv.readTransact(async (tx) => {
      let rows = 0
      for await (const batch of tx.getRange(everything).batches()) rows += batch.length
      return rows
    })
    assert.equal(counted, rowsMax)
    await kv.transact((tx) => tx.clearRange(everything))
    await assert.rejects(
      kv.transact((tx) => setRows(tx, rowsMax + 1)),
      { code: 'transaction-too-large', details: { what: 'rows', limit: rowsMax, actual: rowsMax + 1 } },
    )
    assert.equal(await contents(kv), '')
  })

  law('limits.bytesMax bytes commit, and one more is refused', async ({ kv }) => {
    const { bytesMax } = kv.limits
    await kv.transact((tx) => setBytes(tx, bytesMax))
    await kv.transact((tx) => tx.clearRange(everything))
    await assert.rejects(
      kv.transact((tx) => setBytes(tx, bytesMax + 1)),
      { code: 'transaction-too-large', details: { what: 'bytes', limit: bytesMax, actual: bytesMax + 1 } },
    )
    assert.equal(await contents(kv), '')
  })
}

/** Every way to name a single key. */
function usesOf(key: Uint8Array): readonly (readonly [string, Body])[] {
  return [
    ['get', (tx) => tx.get(key)],
    ['snapshot.get', (tx) => tx.snapshot.get(key)],
    ['set', (tx) => tx.set(key, value)],
    ['clear', (tx) => tx.clear(key)],
    ['setStampedValue', (tx) => tx.setStampedValue(key, hole(), 0)],
    ['addReadConflictKey', (tx) => tx.addReadConflictKey(key)],
    ['addReadConflictJoin', (tx) => tx.addReadConflictJoin([[key]])],
    ['watch', (tx) => tx.watch(key)],
  ]
}

function setRows(tx: Transaction, rows: number): void {
  for (let number = 0; number < rows; number += 1) tx.set(bytes(`k${number}`), empty)
}

/** Keys of 6 bytes and large values, and a last value that makes it exactly so many bytes. */
function setBytes(tx: Transaction, total: number): void {
  const large = new Uint8Array(VALUE_BYTES_MAX)
  let left = total
  for (let number = 100_000; left > 0; number += 1) {
    const size = Math.min(left - 6, VALUE_BYTES_MAX)
    tx.set(bytes(String(number)), size === VALUE_BYTES_MAX ? large : new Uint8Array(size))
    left -= size + 6
  }
}
