import assert from 'node:assert/strict'
import type { KeyValueStore } from '../../kv/contract.ts'
import { bytes, contents, everything, hex, type Laws, put, takeStamp, valueAt } from './laws.ts'

/** What a durable store keeps from one opening to the next. */
export function durabilityLaws({ law, simulatedLaw }: Laws): void {
  law(
    'what was committed is there after a reopening, bytes and all',
    async ({ kv, reopen }) => {
      const binary = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      await kv.transact((tx) => {
        tx.set(bytes('binary'), binary)
        tx.set(bytes('\0\xfe'), new Uint8Array(0))
      })
      await put(kv, 'gone=1')
      await kv.transact((tx) => tx.clear(bytes('gone')))
      const reopened = await reopen()
      const rows = await reopened.readTransact((tx) => tx.getRange(everything).toArray())
      assert.deepEqual(
        rows.map(({ key, value }) => [hex(key), hex(value)]),
        [
          ['00fe', ''],
          [hex(bytes('binary')), hex(binary)],
        ],
      )
    },
    'durable',
  )

  law(
    'what close() let finish is there after a reopening, what it refused is not',
    async ({ kv, reopen }) => {
      const commits = Array.from({ length: 20 }, (_, n) => put(kv, `k${n}=1`))
      await Promise.resolve()
      const outcomes = await Promise.all([Promise.allSettled(commits), kv.close()])
      const reopened = await reopen()
      for (const [n, outcome] of outcomes[0].entries()) {
        const expected = outcome.status === 'fulfilled' ? '1' : undefined
        assert.equal(await valueAt(reopened, `k${n}`), expected)
      }
    },
    'durable',
  )

  law(
    'stamps, versions and the horizon go on after a reopening',
    async ({ kv, reopen }) => {
      const before = await takeStamp(kv, 5)
      const version = await versionOf(kv)
      const reopened = await reopen()
      assert.equal(await reopened.readTransact(async (tx) => hex(await tx.readHorizon())), before)
      assert.equal(await versionOf(reopened), version)
      assert.equal(reopened.coherence.version, version)
      assert.ok((await takeStamp(reopened)) > before)
      assert.ok((await versionOf(reopened)) > version)
    },
    'durable',
  )

  simulatedLaw(
    'stamps go on increasing after a reopening with a clock that jumped back',
    async ({ kv, reopen, runtime }) => {
      const before = await takeStamp(kv, 5)
      runtime.jumpClock(-86_400_000)
      const reopened = await reopen()
      const after = await takeStamp(reopened)
      assert.ok(after > before)
      const times = [before, after].map((stamp) => reopened.stamps.timeOf(Buffer.from(stamp, 'hex')))
      assert.ok(times[1]! >= times[0]!)
    },
    'durable',
  )

  law(
    'directories are there after a reopening, and new ones get new prefixes',
    async ({ kv, reopen }) => {
      const before = await kv.createOrOpenDirectory(['a', 'b'])
      await kv.createOrOpenDirectory(['gone'])
      const gone = await kv.openDirectory(['gone'])
      await kv.removeDirectory(['gone'])
      const reopened = await reopen()
      assert.deepEqual(await reopened.listDirectories(), ['a'])
      assert.equal(hex((await reopened.openDirectory(['a', 'b'])).prefix), hex(before.prefix))
      assert.notEqual(hex((await reopened.createOrOpenDirectory(['gone'])).prefix), hex(gone.prefix))
    },
    'durable',
  )

  law(
    'many reopenings lose nothing',
    async ({ kv, reopen }) => {
      let current = kv
      const rows: string[] = []
      for (let round = 0; round < 5; round += 1) {
        rows.push(`k${round}=1`)
        await put(current, rows.at(-1)!)
        current = await reopen()
        assert.equal(await contents(current), rows.join(' '))
      }
    },
    'durable',
  )
}

function versionOf(kv: KeyValueStore): Promise<number> {
  return kv.readTransact((tx) => tx.readVersion())
}
