import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import {
  bytes,
  everything,
  hex,
  hole,
  type Laws,
  listing,
  put,
  range,
  type Scene,
  takeStamp,
  text,
} from './laws.ts'

const ZERO = '0'.repeat(24)

/** Stamps: unique, increasing in the order of commits, and with a time in them. */
export function stampLaws({ law, simulatedLaw }: Laws): void {
  law('stamps are unique and increase from commit to commit', async ({ kv }) => {
    const stamps: string[] = []
    for (let count = 0; count < 20; count += 1) stamps.push(await takeStamp(kv, count % 3))
    assert.deepEqual(stamps, [...new Set(stamps)].sort())
  })

  law('stamps of concurrent transactions increase in the order of their commits', async ({ kv }) => {
    const stamps: string[] = []
    const one = (): Promise<void> =>
      kv.transact((tx) => {
        tx.setStampedKey(bytes(`log/${text(hole())}`), 4, bytes('x'))
        tx.afterCommit((commit) => stamps.push(hex(commit.stamp())))
      })
    await Promise.all(Array.from({ length: 50 }, one))
    assert.equal(new Set(stamps).size, 50)
    assert.deepEqual(stamps, [...stamps].sort())
    const rows = await kv.readTransact((tx) => tx.getRange(range('log/', 'log0')).toArray())
    assert.deepEqual(
      rows.map(({ key }) => hex(key.subarray(4))),
      stamps,
    )
  })

  law('a stamp of 12 bytes replaces the hole and nothing around it', async ({ kv }) => {
    const stamp = await stampAround(kv)
    assert.equal(stamp.length, 12)
    const rows = await kv.readTransact((tx) => tx.getRange(everything).toArray())
    assert.equal(listing(rows), `k<${text(stamp)}>=v w=<${text(stamp)}>`)
  })

  law('user versions order the stamps of one transaction, with gaps', async ({ kv }) => {
    let stamps: string[] = []
    await kv.transact((tx) => {
      for (const userVersion of [5, 0, 3]) {
        tx.setStampedKey(bytes(`log/${text(hole(userVersion))}`), 4, bytes(String(userVersion)))
      }
      tx.afterCommit((commit) => {
        stamps = [0, 3, 5].map((userVersion) => hex(commit.stamp(userVersion)))
      })
    })
    const rows = await kv.readTransact((tx) => tx.getRange(range('log/', 'log0')).toArray())
    assert.deepEqual(
      rows.map(({ value }) => text(value)),
      ['0', '3', '5'],
    )
    assert.deepEqual(
      rows.map(({ key }) => hex(key.subarray(4))),
      stamps,
    )
    assert.ok((await takeStamp(kv)) > stamps[2]!)
  })

  law('the largest user version stays below the stamps of the next transaction', async ({ kv }) => {
    const last = await takeStamp(kv, 0xffff)
    assert.ok((await takeStamp(kv, 0)) > last)
  })

  law('a stamped key and a stamped value of one transaction hold the same stamp', async ({ kv }) => {
    await kv.transact((tx) => {
      tx.setStampedKey(bytes(`k${text(hole(2))}`), 1, bytes('x'))
      tx.setStampedValue(bytes('v'), hole(2), 0)
    })
    const [row] = await kv.readTransact((tx) => tx.getRange(range('k', 'l')).toArray())
    const value = await kv.readTransact((tx) => tx.get(bytes('v')))
    assert.equal(hex(row!.key.subarray(1)), hex(value!))
  })

  law('a run that conflicts uses up no stamp that anyone sees', async ({ kv }) => {
    let runs = 0
    const seen: string[] = []
    await kv.transact(async (tx) => {
      runs += 1
      await tx.get(bytes('a'))
      if (runs === 1) await put(kv, 'a=theirs')
      tx.setStampedValue(bytes('v'), hole(), 0)
      tx.afterCommit((commit) => seen.push(hex(commit.stamp())))
    })
    const value = await kv.readTransact((tx) => tx.get(bytes('v')))
    assert.deepEqual([runs, seen], [2, [hex(value!)]])
  })

  law('setStampedKey() fills the same stamp into its value where that is wanted', async ({ kv }) => {
    let stamp: Uint8Array | undefined
    await kv.transact((tx) => {
      const value = bytes(`before${text(hole(0))}behind`)
      tx.setStampedKey(bytes(`log/${text(hole(3))}`), 4, value, { valueStampAt: 6 })
      tx.afterCommit((commit) => {
        stamp = commit.stamp(3)
      })
    })
    const [row] = await kv.readTransact((tx) => tx.getRange(range('log/', 'log0')).toArray())
    assert.equal(hex(row!.key.subarray(4)), hex(stamp!))
    assert.equal(hex(row!.value.subarray(6, 18)), hex(stamp!))
    assert.equal(text(row!.value.subarray(0, 6)) + text(row!.value.subarray(18)), 'beforebehind')
    const outside = kv.transact((tx) =>
      tx.setStampedKey(bytes(`log/${text(hole())}`), 4, bytes('short'), { valueStampAt: 0 }),
    )
    await assert.rejects(outside, { code: 'invalid-argument' })
  })

  law('setStampedKey() and setStampedValue() refuse a hole outside the bytes', async ({ kv }) => {
    const key = bytes(`k${text(hole())}`)
    for (const offset of [-1, 0, 0.5, 2, 13]) {
      const stamping = kv.transact((tx) => tx.setStampedKey(key.slice(), offset, bytes('x')))
      await assert.rejects(stamping, { code: 'invalid-argument' }, `key at ${offset}`)
    }
    for (const offset of [-1, 1, 12]) {
      const stamping = kv.transact((tx) => tx.setStampedValue(bytes('k'), hole(), offset))
      await assert.rejects(stamping, { code: 'invalid-argument' }, `value at ${offset}`)
    }
    assert.equal(await kv.readTransact(async (tx) => hex(await tx.readHorizon())), ZERO)
  })

  law('readHorizon() is the newest stamp of the snapshot, and zero before the first', async ({ kv }) => {
    const horizon = (): Promise<string> => kv.readTransact(async (tx) => hex(await tx.readHorizon()))
    assert.equal(await horizon(), ZERO)
    await put(kv, 'a=1')
    assert.equal(await horizon(), ZERO)
    const stamp = await takeStamp(kv, 5)
    assert.equal(await horizon(), stamp)
    await put(kv, 'a=2')
    assert.equal(await horizon(), stamp)
    await kv.readTransact(async (tx) => {
      await tx.readHorizon()
      assert.ok((await takeStamp(kv)) > stamp)
      assert.equal(hex(await tx.readHorizon()), stamp)
    })
  })

  simulatedLaw('stamps.timeOf() is the time of the commit', async ({ kv, runtime }) => {
    for (let count = 0; count < 5; count += 1) {
      const stamp = Buffer.from(await takeStamp(kv), 'hex')
      assert.equal(kv.stamps.timeOf(stamp), runtime.now())
      await sleep(runtime, 1_000)
    }
  })

  simulatedLaw(
    'stamps.firstAt() divides the stamps before a time from those at or after it',
    async ({ kv, runtime }) => {
      const before = await takeStamp(kv, 9)
      await sleep(runtime, 10)
      const timeMs = runtime.now()
      const later = await takeStamp(kv)
      const first = kv.stamps.firstAt(timeMs)
      assert.ok(before < hex(first))
      assert.ok(hex(first) <= later)
      assert.equal(kv.stamps.timeOf(first), timeMs)
      assert.ok(kv.stamps.timeOf(kv.stamps.firstAt(timeMs + 0.5)) >= timeMs + 0.5)
      assert.ok(hex(kv.stamps.firstAt(0)) < before)
    },
  )

  simulatedLaw('stamps go on increasing when the clock jumps back', async ({ kv, runtime }) => {
    const before = await takeStamp(kv, 3)
    runtime.jumpClock(-3_600_000)
    const after = await takeStamp(kv)
    assert.ok(after > before)
    const times = [before, after].map((stamp) => kv.stamps.timeOf(Buffer.from(stamp, 'hex')))
    assert.ok(times[1]! >= times[0]!)
  })

  simulatedLaw('stamps do not follow a clock that has left the calendar', async ({ kv, runtime }) => {
    const before = await takeStamp(kv)
    runtime.jumpClock(1e15)
    const during = await takeStamp(kv)
    runtime.jumpClock(-1e15)
    const stamps = [before, during, await takeStamp(kv)]
    assert.deepEqual(stamps, [...new Set(stamps)].sort())
  })
}

async function stampAround(kv: Scene['kv']): Promise<Uint8Array> {
  let stamp = new Uint8Array(0)
  await kv.transact((tx) => {
    tx.setStampedKey(bytes(`k<${text(hole(1))}>`), 2, bytes('v'))
    tx.setStampedValue(bytes('w'), bytes(`<${text(hole(1))}>`), 1)
    tx.afterCommit((commit) => {
      stamp = Uint8Array.from(commit.stamp(1))
    })
  })
  return stamp
}
