import assert from 'node:assert/strict'
import type { KeyValueStore, Watch } from '../../kv/contract.ts'
import { sleep } from '../../runtime.ts'
import { type Body, bytes, hasFired, hole, type Laws, put, range, text } from './laws.ts'

/** Watches: they never miss a change, and are quiet without one. */
export function watchLaws({ law, simulatedLaw }: Laws): void {
  const changes: Readonly<Record<string, Body>> = {
    'a set': (tx) => tx.set(bytes('b'), bytes('2')),
    'a clear': (tx) => tx.clear(bytes('b')),
    'a clearRange over it': (tx) => tx.clearRange(range('a', 'c')),
    'a stamped value': (tx) => tx.setStampedValue(bytes('b'), hole(), 0),
  }
  for (const [name, change] of Object.entries(changes)) {
    law(`watch() fires on ${name}`, async ({ kv }) => {
      await put(kv, 'b=1')
      const watch = await watchKey(kv, 'b')
      assert.equal(await hasFired(watch), false)
      await kv.transact((tx) => void change(tx))
      await watch.fired
    })
  }

  law('watch() fires on a stamped key that becomes its key', async ({ kv }) => {
    const change: Body = (tx) => tx.setStampedKey(bytes(`b${text(hole())}`), 1, bytes('x'))
    const watch = await watchKey(kv, 'b')
    await kv.transact((tx) => void change(tx))
    assert.equal(await hasFired(watch), false)
    watch.cancel()
  })

  for (const [name, change] of Object.entries(changes)) {
    law(`watch() of a range fires on ${name} within it`, async ({ kv }) => {
      await put(kv, 'b=1')
      const watch = await kv.readTransact((tx) => tx.watch(range('b', 'c')))
      await put(kv, 'a=1 c=1')
      assert.equal(await hasFired(watch), false)
      await kv.transact((tx) => void change(tx))
      await watch.fired
    })
  }

  law('watch() of a range fires on a stamped key within it, listed or not', async ({ kv }) => {
    for (const listed of [false, true]) {
      const watch = await kv.readTransact((tx) => tx.watch(range('b', 'c')))
      await kv.transact((tx) => tx.setStampedKey(bytes(`a${text(hole())}`), 1, bytes('x'), { listed }))
      assert.equal(await hasFired(watch), false)
      await kv.transact((tx) => tx.setStampedKey(bytes(`b${text(hole())}`), 1, bytes('x'), { listed }))
      await watch.fired
    }
  })

  law('watch() of a range fires at once on a change that came after its snapshot', async ({ kv }) => {
    let watch: Watch | undefined
    await kv.readTransact(async (tx) => {
      await tx.get(bytes('b'))
      await put(kv, 'b=1')
      watch = tx.watch(range('b', 'c'))
    })
    await watch!.fired
  })

  law('watch() refuses an empty range', async ({ kv }) => {
    for (const empty of [range('b', 'b'), range('c', 'b')]) {
      await assert.rejects(
        kv.readTransact((tx) => tx.watch(empty)),
        { code: 'invalid-argument' },
      )
    }
  })

  law('watch() of a key that does not exist fires when it is set', async ({ kv }) => {
    const watch = await watchKey(kv, 'b')
    await put(kv, 'b=1')
    await watch.fired
  })

  law('watch() does not fire on its neighbours, on reads or on failed transactions', async ({ kv }) => {
    await put(kv, 'b=1')
    const watch = await watchKey(kv, 'b')
    await put(kv, 'a=1 b\0=1 c=1')
    await kv.transact((tx) => {
      tx.clearRange(range('a', 'b'))
      tx.clearRange(range('b\0', 'c'))
    })
    await kv.readTransact((tx) => tx.get(bytes('b')))
    const failing = kv.transact((tx) => {
      tx.set(bytes('b'), bytes('2'))
      throw new Error('no')
    })
    await assert.rejects(failing)
    assert.equal(await hasFired(watch), false)
    await put(kv, 'b=2')
    await watch.fired
  })

  law('watch() fires for a commit between the read and the watch', async ({ kv }) => {
    const watch = await kv.readTransact(async (tx) => {
      await tx.get(bytes('b'))
      await put(kv, 'b=2')
      return tx.watch(bytes('b'))
    })
    await watch.fired
  })

  law('watch() does not fire for commits that its snapshot shows', async ({ kv }) => {
    await put(kv, 'b=1')
    await kv.readTransact(async (tx) => {
      await put(kv, 'b=2')
      assert.equal(text(await tx.get(bytes('b'))), '2')
      const watch = tx.watch(bytes('b'))
      assert.equal(await hasFired(watch), false)
      watch.cancel()
    })
  })

  law('watch() of a transaction that writes stays after the commit', async ({ kv }) => {
    const watch = await kv.transact(async (tx) => {
      tx.set(bytes('a'), bytes('1'))
      return tx.watch(bytes('b'))
    })
    assert.equal(await hasFired(watch), false)
    await put(kv, 'b=1')
    await watch.fired
  })

  law('watch() fires all watches of a key, once each', async ({ kv }) => {
    const watches = [await watchKey(kv, 'b'), await watchKey(kv, 'b'), await watchKey(kv, 'c')]
    await put(kv, 'b=1')
    assert.deepEqual(await Promise.all(watches.map(hasFired)), [true, true, false])
    watches[2]!.cancel()
  })

  law('watch() of a transaction that failed is forgotten', async ({ kv }) => {
    let watch: Watch | undefined
    const failing = kv.transact((tx) => {
      watch = tx.watch(bytes('b'))
      throw new Error('no')
    })
    await assert.rejects(failing)
    await put(kv, 'b=1')
    assert.equal(await hasFired(watch!), false)
  })

  law('cancel() keeps a watch from ever settling, and may be repeated', async ({ kv }) => {
    const watch = await watchKey(kv, 'b')
    watch.cancel()
    watch.cancel()
    await put(kv, 'b=1')
    assert.equal(await hasFired(watch), false)
  })

  law('a signal rejects a watch with its reason, before or after it was made', async ({ kv }) => {
    const [reason, controller] = [new Error('stop'), new AbortController()]
    const { signal } = controller
    const [early, late] = await kv.readTransact((tx) => [
      tx.watch(bytes('b'), { signal: AbortSignal.abort(reason) }),
      tx.watch(bytes('b'), { signal }),
    ])
    await assert.rejects(early!.fired, (error) => error === reason)
    assert.equal(await hasFired(late!), false)
    controller.abort(reason)
    await assert.rejects(late!.fired, (error) => error === reason)
  })

  law('close() rejects watches with ClosedError', async ({ kv }) => {
    const watch = await watchKey(kv, 'b')
    await kv.close()
    await assert.rejects(watch.fired, { code: 'closed' })
  })

  law(
    'watch() fires for a commit of another process',
    async ({ kv, second }) => {
      const other = await second()
      const watch = await watchKey(kv, 'b')
      await put(other, 'b=1')
      await watch.fired
    },
    'multiProcess',
  )

  law(
    'watch() fires for a commit of another process between the read and the watch',
    async ({ kv, second }) => {
      const other = await second()
      const watch = await kv.readTransact(async (tx) => {
        await tx.get(bytes('b'))
        await put(other, 'b=1')
        return tx.watch(bytes('b'))
      })
      await watch.fired
    },
    'multiProcess',
  )

  simulatedLaw(
    'watch() does not fire when another process changes its neighbours',
    async ({ kv, second, runtime }) => {
      const other = await second()
      const watch = await watchKey(kv, 'b')
      await put(other, 'a=1 c=1')
      await sleep(runtime, 1_000)
      assert.equal(await hasFired(watch), false)
      await put(other, 'b=1')
      await watch.fired
    },
    'multiProcess',
  )
}

function watchKey(kv: KeyValueStore, key: string): Promise<Watch> {
  return kv.readTransact(async (tx) => {
    await tx.get(bytes(key))
    return tx.watch(bytes(key))
  })
}
