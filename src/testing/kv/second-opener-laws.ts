import assert from 'node:assert/strict'
import type { KeyValueStore } from '../../kv/contract.ts'
import { sleep } from '../../runtime.ts'
import { increment } from './conflict-laws.ts'
import {
  type Body,
  bytes,
  conflicts,
  contents,
  everything,
  hex,
  hole,
  type Laws,
  put,
  type Scene,
  takeStamp,
  text,
  valueAt,
} from './laws.ts'

const read: Body = (tx) => tx.get(bytes('b'))
const readAll: Body = (tx) => tx.getRange(everything).toArray()
const write: Body = (tx) => tx.set(bytes('b'), bytes('theirs'))
const clearAll: Body = (tx) => tx.clearRange(everything)

/** Two openings of one store, as two processes have them. */
export function secondOpenerLaws({ law, simulatedLaw }: Laws): void {
  const both = (name: string, check: (scene: Scene, other: KeyValueStore) => Promise<void>): void =>
    law(name, async (scene) => check(scene, await scene.second()), 'multiProcess')

  both('conflicts between two openings are noticed in both directions', async ({ kv }, other) => {
    for (const [mine, theirs] of [
      [kv, other],
      [other, kv],
      [kv, other],
    ] as const) {
      assert.ok(await conflicts(mine, read, write, theirs))
      assert.ok(await conflicts(mine, readAll, write, theirs))
      assert.ok(await conflicts(mine, read, clearAll, theirs))
      assert.ok(!(await conflicts(mine, read, (tx) => tx.set(bytes('c'), bytes('1')), theirs)))
    }
  })

  both('a conflict with any of many commits of the other opening is noticed', async ({ kv }, other) => {
    const many: Body = async () => {
      await put(other, 'b=theirs')
      for (let n = 0; n < 30; n += 1) await put(other, `c${n}=1`)
    }
    assert.ok(await conflicts(kv, read, many))
  })

  both('a stamped key of the other opening conflicts with a range', async ({ kv }, other) => {
    const insert: Body = (tx) => tx.setStampedKey(bytes(`log/${text(hole())}`), 4, bytes('1'))
    assert.ok(await conflicts(kv, readAll, insert, other))
  })

  both('blind writes of both openings are there', async ({ kv }, other) => {
    const writes: Promise<void>[] = []
    for (let n = 0; n < 20; n += 1) writes.push(put(kv, `mine${n}=1`), put(other, `theirs${n}=1`))
    await Promise.all(writes)
    const rows = (await contents(kv)).split(' ')
    assert.equal(rows.length, 40)
    assert.equal(await contents(other), rows.join(' '))
  })

  both('a commit is readable in the other opening as soon as transact() resolved', async ({ kv }, other) => {
    for (let n = 0; n < 20; n += 1) {
      const [mine, theirs] = n % 2 === 0 ? [kv, other] : [other, kv]
      await put(mine, `a=${n}`)
      assert.equal(await valueAt(theirs, 'a'), String(n))
      assert.equal(await valueAt(mine, 'a'), String(n))
    }
  })

  both('snapshots do not move when the other opening commits', async ({ kv }, other) => {
    await put(kv, 'a=1')
    await kv.readTransact(async (tx) => {
      assert.equal(text(await tx.get(bytes('a'))), '1')
      await put(other, 'a=2 b=2')
      assert.equal(await tx.get(bytes('b')), undefined)
    })
  })

  both('stamps of both openings never collide and never go back', async ({ kv }, other) => {
    const stamps: string[] = []
    const one = (store: KeyValueStore, userVersion: number): Promise<void> =>
      store.transact((tx) => {
        tx.setStampedValue(bytes('v'), hole(userVersion), 0)
        tx.afterCommit((commit) => stamps.push(hex(commit.stamp(0)), hex(commit.stamp(userVersion))))
      })
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, n) => one(n % 2 === 0 ? kv : other, 1 + (n % 3))))
      await one(kv, 1)
      await one(other, 1)
    }
    assert.deepEqual(stamps, [...new Set(stamps)].sort())
  })

  simulatedLaw(
    'stamps never go back when the clock jumps back between two openings',
    async ({ kv, second, runtime }) => {
      const other = await second()
      const stamps: string[] = []
      for (const store of [kv, other, kv, other]) {
        stamps.push(await takeStamp(store, 2))
        runtime.jumpClock(-60_000)
      }
      assert.deepEqual(stamps, [...new Set(stamps)].sort())
    },
    'multiProcess',
  )

  both('neither of two openings starves: both make 50 increments of one counter', async ({ kv }, other) => {
    const many = async (store: KeyValueStore): Promise<void> => {
      for (let count = 0; count < 50; count += 1) await increment(store, 'counter')
    }
    await Promise.all([many(kv), many(other)])
    assert.equal(await valueAt(kv, 'counter'), '100')
  })

  both('one counter takes increments of both openings at once', async ({ kv }, other) => {
    await Promise.all(Array.from({ length: 40 }, (_, n) => increment(n % 2 === 0 ? kv : other, 'counter')))
    assert.equal(await valueAt(other, 'counter'), '40')
  })

  both('coherence reports commits of the other opening, and no own ones', async ({ kv }, other) => {
    let reports = 0
    const stop = kv.coherence.onForeignCommit(() => {
      reports += 1
    })
    await put(kv, 'a=1')
    await contents(kv)
    assert.equal(reports, 0)
    await put(other, 'a=2')
    const before = kv.coherence.version
    await contents(kv)
    assert.equal(reports, 1)
    assert.ok(kv.coherence.version > before)
    stop()
    await put(other, 'a=3')
    await contents(kv)
    assert.equal(reports, 1)
  })

  both('a conflict `since` a known commit includes the other opening’s commits', async ({ kv }, other) => {
    const known = kv.coherence.version
    const relying = kv.transact(
      async (tx) => {
        await put(other, 'b=theirs')
        tx.addReadConflictKey(bytes('b'), { since: known })
        tx.set(bytes('a'), bytes('1'))
      },
      { attemptsMax: 1 },
    )
    await assert.rejects(relying, { code: 'conflict' })
  })

  both('directories that both openings create at once are one', async ({ kv }, other) => {
    const opened = await Promise.all(
      [kv, other, kv, other].map((store) => store.createOrOpenDirectory(['a', 'b'])),
    )
    assert.equal(new Set(opened.map(({ prefix }) => hex(prefix))).size, 1)
  })

  both('close() of one opening leaves the other at work', async ({ kv }, other) => {
    await put(other, 'a=1')
    await other.close()
    assert.equal(await valueAt(kv, 'a'), '1')
    await put(kv, 'a=2')
    assert.equal(await valueAt(kv, 'a'), '2')
  })

  simulatedLaw(
    'an opening that slept while the other committed for a minute catches up',
    async ({ kv, second, runtime }) => {
      const other = await second()
      await put(kv, 'b=1')
      const watch = await kv.readTransact((tx) => tx.watch(bytes('b')))
      for (let n = 0; n < 60; n += 1) {
        await put(other, `b=${n}`)
        await sleep(runtime, 1_000)
      }
      await watch.fired
      assert.equal(await valueAt(kv, 'b'), '59')
      await increment(kv, 'b')
      assert.equal(await valueAt(other, 'b'), '60')
      assert.ok(await conflicts(kv, read, write, other))
    },
    'multiProcess',
  )
}
