import assert from 'node:assert/strict'
import type { Row } from '../../kv/rows.ts'
import { compareBytes } from '../../tuple/bytes.ts'
import { bytes, contents, everything, hex, type Laws, listing, put, putMany, range, text } from './laws.ts'

/** Order, ends, limits and batches of ranges. */
export function rangeLaws({ law }: Laws): void {
  law('getRange() is half-open', async ({ kv }) => {
    await put(kv, 'a=1 b=2 c=3')
    assert.equal(await contents(kv, range('a', 'c')), 'a=1 b=2')
    assert.equal(await contents(kv, range('b', 'c\0')), 'b=2 c=3')
    assert.equal(await contents(kv, range('a\0', 'b')), '')
  })

  law('getRange() of an empty or inverted range is empty', async ({ kv }) => {
    await put(kv, 'a=1 b=2 c=3')
    assert.equal(await contents(kv, range('b', 'b')), '')
    assert.equal(await contents(kv, range('c', 'a')), '')
    assert.equal(await contents(kv, range('', '')), '')
  })

  law('getRange() returns at most `limit` rows, from the end that it starts at', async ({ kv }) => {
    await put(kv, 'a=1 b=2 c=3')
    const limited = (limit: number, reverse: boolean): Promise<string> =>
      kv.readTransact(async (tx) => listing(await tx.getRange(everything, { limit, reverse }).toArray()))
    assert.equal(await limited(0, false), '')
    assert.equal(await limited(1, false), 'a=1')
    assert.equal(await limited(1, true), 'c=3')
    assert.equal(await limited(2, true), 'c=3 b=2')
    assert.equal(await limited(3, false), 'a=1 b=2 c=3')
    assert.equal(await limited(4, true), 'c=3 b=2 a=1')
  })

  law('getRange() refuses a limit that is not a number of rows', async ({ kv }) => {
    for (const limit of [-1, Number.NaN, 1.5]) {
      const reading = kv.readTransact(async (tx) => tx.getRange(everything, { limit }).toArray())
      await assert.rejects(reading, { code: 'invalid-argument' }, String(limit))
    }
  })

  law('getRange() can be read as rows, as batches and as one array', async ({ kv }) => {
    await putMany(kv, 'k', 1_300)
    await kv.readTransact(async (tx) => {
      const reading = tx.getRange(everything)
      const whole = await reading.toArray()
      const [single, batched]: [Row[], Row[]] = [[], []]
      for await (const row of reading) single.push(row)
      for await (const batch of reading.batches()) {
        assert.notEqual(batch.length, 0)
        batched.push(...batch)
      }
      assert.equal(whole.length, 1_300)
      assert.equal(listing(single), listing(whole))
      assert.equal(listing(batched), listing(whole))
    })
  })

  law('getRange() yields no empty batch, even where own clears leave nothing', async ({ kv }) => {
    await putMany(kv, 'k', 1_300)
    await kv.transact(async (tx) => {
      tx.clearRange(range('k0010', 'k1290'))
      const sizes: number[] = []
      for await (const batch of tx.getRange(everything).batches()) sizes.push(batch.length)
      assert.ok(!sizes.includes(0))
      assert.equal(
        sizes.reduce((sum, size) => sum + size, 0),
        20,
      )
    })
  })

  law('getRange() may be left in the middle', async ({ kv }) => {
    await putMany(kv, 'k', 1_000)
    await kv.readTransact(async (tx) => {
      for await (const row of tx.getRange(everything)) if (text(row.key) === 'k0003') break
      assert.equal((await tx.getRange(everything).toArray()).length, 1_000)
    })
  })

  law('getRange() reads large values whole', async ({ kv }) => {
    const value = new Uint8Array(80_000).fill(7)
    await kv.transact((tx) => {
      for (let n = 100; n < 240; n += 1) tx.set(bytes(`k${n}`), value)
    })
    const rows = await kv.readTransact((tx) => tx.getRange(everything).toArray())
    assert.equal(rows.length, 140)
    for (const row of rows) assert.equal(Buffer.compare(row.value, value), 0)
  })

  law('keys are ordered by their unsigned bytes, prefixes first', async ({ kv }) => {
    const keys = [[0], [0, 0], [0, 1], [1], [0x61], [0x61, 0], [0x61, 0, 0xff], [0x61, 0xfe], [0x61, 0xff]]
    const binary = [...keys, [0x62], [0x7f], [0x80], [0xc3, 0x28], [0xfe], [0xfe, 0], [0xfe, 0xff]].map(
      (key) => Uint8Array.from(key),
    )
    await kv.transact((tx) => {
      for (const key of [...binary].reverse()) tx.set(key, key)
    })
    await kv.readTransact(async (tx) => {
      const rows = await tx.getRange(everything).toArray()
      assert.deepEqual(
        rows.map((row) => hex(row.key)),
        binary.map(hex),
      )
      for (const row of rows) assert.equal(hex(row.value), hex(row.key))
      for (const key of binary) assert.equal(hex((await tx.get(key))!), hex(key))
    })
  })

  law('an empty value is a value', async ({ kv }) => {
    await put(kv, 'a= b=1')
    await kv.readTransact(async (tx) => {
      assert.equal((await tx.get(bytes('a')))?.length, 0)
      assert.equal(listing(await tx.getRange(everything).toArray()), 'a= b=1')
    })
  })

  law('getRange() in reverse is the mirror of forwards, whatever the range', async ({ kv, random }) => {
    const randomKey = (): Uint8Array =>
      Uint8Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * 4) * 84)
    await kv.transact((tx) => {
      for (let n = 0; n < 60; n += 1) tx.set(randomKey(), bytes(String(n)))
    })
    await kv.readTransact(async (tx) => {
      const all = await tx.getRange(everything).toArray()
      for (let n = 0; n < 200; n += 1) {
        const [begin, end] = [randomKey(), randomKey()]
        const rows = await tx.getRange({ begin, end }).toArray()
        const mirrored = await tx.getRange({ begin, end }, { reverse: true }).toArray()
        const expected = all.filter(({ key }) => compareBytes(begin, key) <= 0 && compareBytes(key, end) < 0)
        assert.equal(listing(rows), listing(expected))
        assert.equal(listing(mirrored.reverse()), listing(rows))
      }
    })
  })
}
