import assert from 'node:assert/strict'
import { bytes, contents, everything, type Laws, listing, put, text } from './laws.ts'

/** Snapshot isolation: a transaction sees one state, that of its first read. */
export function snapshotLaws({ law }: Laws): void {
  law('get() returns undefined for a key that was never set', async ({ kv }) => {
    assert.equal(await kv.readTransact((tx) => tx.get(bytes('a'))), undefined)
  })

  law('transact() returns what its body returned', async ({ kv }) => {
    assert.equal(await kv.transact((tx) => tx.set(bytes('a'), bytes('1')) ?? 'result'), 'result')
    assert.equal(await kv.readTransact(async () => 'read'), 'read')
  })

  law('transact() makes its writes readable before it resolves', async ({ kv }) => {
    await put(kv, 'a=1 b=2')
    assert.equal(await contents(kv), 'a=1 b=2')
  })

  law('readTransact() sees none of what commits after its first read', async ({ kv }) => {
    await put(kv, 'a=1 b=1')
    await kv.readTransact(async (tx) => {
      assert.equal(text(await tx.get(bytes('a'))), '1')
      await put(kv, 'a=2 b=2 c=2')
      assert.equal(text(await tx.get(bytes('b'))), '1')
      assert.equal(await tx.get(bytes('c')), undefined)
      assert.equal(listing(await tx.getRange(everything).toArray()), 'a=1 b=1')
    })
    assert.equal(await contents(kv), 'a=2 b=2 c=2')
  })

  law('transact() sees none of what commits after its first read', async ({ kv }) => {
    await put(kv, 'a=1 b=1')
    const seen: (string | undefined)[] = []
    await kv.transact(async (tx) => {
      seen.push(text(await tx.get(bytes('a'))))
      await put(kv, 'b=2')
      await kv.transact((theirs) => theirs.clear(bytes('a')))
      seen.push(text(await tx.snapshot.get(bytes('b'))), text(await tx.get(bytes('a'))))
    })
    assert.deepEqual(seen, ['1', '1', '1'])
  })

  law('readTransact() sees what committed before its first read', async ({ kv }) => {
    await kv.readTransact(async (tx) => {
      await put(kv, 'a=1')
      assert.equal(text(await tx.get(bytes('a'))), '1')
    })
  })

  law('getRange() goes on in the same snapshot while others commit', async ({ kv }) => {
    await kv.transact((tx) => {
      for (let n = 0; n < 1_500; n += 1) tx.set(bytes(`k${n}`), bytes('old'))
    })
    const values = new Set<string>()
    let rows = 0
    await kv.readTransact(async (tx) => {
      for await (const batch of tx.getRange(everything).batches()) {
        rows += batch.length
        for (const { value } of batch) values.add(text(value))
        await kv.transact((theirs) => theirs.clearRange(everything))
      }
    })
    assert.deepEqual([rows, [...values]], [1_500, ['old']])
    assert.equal(await contents(kv), '')
  })

  law('two transactions that overlap see states of their own', async ({ kv }) => {
    await put(kv, 'a=1')
    await kv.readTransact(async (older) => {
      await older.readVersion()
      await put(kv, 'a=2')
      await kv.readTransact(async (younger) => {
        assert.equal(text(await younger.get(bytes('a'))), '2')
        assert.equal(text(await older.get(bytes('a'))), '1')
        assert.ok((await older.readVersion()) < (await younger.readVersion()))
      })
    })
  })

  law('rows and values belong to the reader', async ({ kv }) => {
    await put(kv, 'a=1')
    await kv.readTransact(async (tx) => {
      const value = await tx.get(bytes('a'))
      value!.fill(0)
      const [row] = await tx.getRange(everything).toArray()
      row!.key.fill(0)
      row!.value.fill(0)
      assert.equal(text(await tx.get(bytes('a'))), '1')
    })
    assert.equal(await contents(kv), 'a=1')
  })
}
