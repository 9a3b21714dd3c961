import assert from 'node:assert/strict'
import { CHUNK_BYTES, SCAVENGE_EVENTS } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { ScavengeReport } from '../../store/contract-admin.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { counted, failureOf, numbers, type StoreLaws, type StoreScene } from './laws.ts'
import { snapshotsOf, stateAt, versionsIn } from './snapshot-laws.ts'

/** What becomes of snapshots when events are hidden, and within transactions. */
export function snapshotLifeLaws({ law, simulatedLaw }: StoreLaws): void {
  law('closest() ignores snapshots of another life of the stream', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 6, [2, 6])
    const stream = store.stream('s')
    await stream.delete()
    for (const version of [undefined, 2, 6]) assert.equal(await snapshots.closest(version), undefined)
    assert.deepEqual(await versionsIn(snapshots), [6, 2])
    await stream.append(counted(4))
    for (const version of [undefined, 2, 6, 10]) assert.equal(await snapshots.closest(version), undefined)
    await snapshots.save(8, { at: 8 })
    assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 7)], [{ at: 8 }, undefined])
    await stream.delete()
    assert.equal(await snapshots.closest(), undefined)
    await stream.append(counted(1))
    assert.equal(await snapshots.closest(), undefined)
  })

  law('closest() finds what it found before when a deleted stream is restored', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 6, [2, 6])
    const stream = store.stream('s')
    await stream.delete()
    await stream.restore()
    assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 5)], [{ at: 6 }, { at: 2 }])
    await stream.delete()
    await stream.append(counted(4))
    await snapshots.save(8, { at: 8 })
    await stream.delete()
    await stream.restore()
    assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 7)], [{ at: 8 }, undefined])
  })

  law(
    'a snapshot that is saved while the stream is deleted has nothing of what is restored',
    async (scene) => {
      const { store } = scene
      const snapshots = await snapshotsOf(store, 4, [])
      await store.stream('s').delete()
      for (const version of [2, 4]) await snapshots.save(version, { at: version })
      assert.equal(await snapshots.closest(), undefined)
      await store.stream('s').restore()
      assert.equal(await snapshots.closest(), undefined)
      await store.stream('s').delete()
      await store.stream('s').append(counted(1))
      assert.equal(await snapshots.closest(), undefined)
    },
  )

  law(
    'closest() ignores snapshots between which and the first readable event some are hidden',
    async (scene) => {
      const { store } = scene
      const snapshots = await snapshotsOf(store, 9, [2, 4, 5, 8])
      const stream = store.stream('s')
      await stream.truncateBefore(5)
      assert.deepEqual([await stateAt(snapshots, 7), await stateAt(snapshots, 4)], [{ at: 5 }, { at: 4 }])
      assert.deepEqual([await stateAt(snapshots, 3), await stateAt(snapshots, 2)], [undefined, undefined])
      await stream.truncateBefore(6)
      assert.deepEqual([await stateAt(snapshots, 7), await stateAt(snapshots, 4)], [{ at: 5 }, undefined])
      await stream.setRetention({ maxCount: 2 })
      assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 7)], [{ at: 8 }, undefined])
      await stream.append(counted(1))
      assert.deepEqual(await stateAt(snapshots), { at: 8 })
      await stream.append(counted(1))
      assert.equal(await stateAt(snapshots), undefined)
      assert.deepEqual(await versionsIn(snapshots), [8, 5, 4, 2])
    },
  )

  simulatedLaw('closest() ignores snapshots that events have expired behind', async ({ store, runtime }) => {
    const snapshots = await snapshotsOf(store, 3, [3])
    await store.stream('s').setRetention({ maxAgeMs: 60_000 })
    await runtime.advance(40_000)
    await store.stream('s').append(counted(3))
    await snapshots.save(5, { at: 5 })
    await runtime.advance(40_000)
    assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 4)], [{ at: 5 }, { at: 3 }])
    await runtime.advance(40_000)
    await store.stream('s').append(counted(1))
    assert.equal(await snapshots.closest(), undefined)
  })

  law('tx sees its own snapshots and events, and commits all or nothing', async ({ store }) => {
    const outside = await snapshotsOf(store, 4, [2])
    const failure = new Error('mine')
    for (const fails of [true, false]) {
      const done = store.transact(async (tx) => {
        const snapshots = tx.stream('s').snapshots('x', { keep: 2 })
        await failureOf('invalid-argument', () => snapshots.save(6, {}))
        await tx.stream('s').append(counted(2))
        await snapshots.save(6, { at: 6 })
        assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 5)], [{ at: 6 }, { at: 2 }])
        await snapshots.save(4, { at: 4 })
        assert.deepEqual(await versionsIn(snapshots), [6, 4])
        await tx.stream('new').append(counted(1))
        await tx.stream('new').snapshots('x').save(1, 'new')
        if (fails) throw failure
        await snapshots.delete(4)
        assert.deepEqual(await versionsIn(snapshots), [6])
      })
      if (fails) {
        await assert.rejects(done, failure)
        assert.deepEqual(await versionsIn(outside), [2])
      } else await done
    }
    assert.deepEqual([await versionsIn(outside), await stateAt(outside)], [[6], { at: 6 }])
    assert.equal(await stateAt(store.stream('new').snapshots('x')), 'new')
  })

  law('tx sees what it does to a stream in what is closest', async ({ store }) => {
    await snapshotsOf(store, 4, [2, 4])
    await store.transact(async (tx) => {
      const [stream, snapshots] = [tx.stream('s'), tx.stream('s').snapshots('x')]
      await stream.truncateBefore(4)
      assert.deepEqual([await stateAt(snapshots, 3), await stateAt(snapshots)], [undefined, { at: 4 }])
      await stream.delete()
      assert.equal(await stateAt(snapshots), undefined)
      await stream.restore()
      assert.deepEqual(await stateAt(snapshots), { at: 4 })
      await stream.tombstone()
      await failureOf('stream-tombstoned', () => snapshots.closest())
      await failureOf('stream-tombstoned', () => snapshots.save(4, {}))
    })
  })

  law('a snapshot of what was deleted meanwhile is judged again', async ({ store, directory }) => {
    await store.stream('s').append(counted(4))
    await using other = await openEventStore(store.kv, { directory })
    let attempts = 0
    const saving = store.transact(async (tx) => {
      attempts += 1
      const snapshots = tx.stream('s').snapshots('x')
      await snapshots.save(4, { attempts })
      if (attempts === 1) await other.stream('s').tombstone()
    })
    await failureOf('stream-tombstoned', () => saving)
    assert.deepEqual([attempts, await store.stream('s').snapshots('x').list()], [2, []])
  })

  law('readTransact() finds snapshots as of its snapshot', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 4, [2])
    await store.readTransact(async (tx) => {
      const seen = tx.stream('s').snapshots('x')
      assert.deepEqual(await stateAt(seen), { at: 2 })
      await snapshots.save(3, { at: 3 })
      assert.deepEqual([await stateAt(seen), await versionsIn(seen)], [{ at: 2 }, [2]])
    })
    assert.deepEqual(await stateAt(snapshots), { at: 3 })
  })

  law('scavenge() removes snapshots of lives that are over, and leaves all others', async (scene) => {
    const { store } = scene
    for (const streamId of ['revived', 'gone', 'deleted', 'alone']) {
      await store.stream(streamId).append(counted(4))
      for (const name of ['x', 'y']) await store.stream(streamId).snapshots(name).save(3, 'old')
    }
    for (const streamId of ['revived', 'deleted']) await store.stream(streamId).delete()
    await store.stream('gone').tombstone()
    await store.stream('revived').append(counted(2))
    for (const name of ['a', 'z']) await store.stream('revived').snapshots(name).save(6, 'young')
    const { others } = await store.scavenge()
    assert.equal(others, 6)
    assert.equal(await snapshotRows(scene), 4)
    for (const name of ['a', 'z'])
      assert.equal(await stateAt(store.stream('revived').snapshots(name)), 'young')
    assert.equal(await stateAt(store.stream('alone').snapshots('x')), 'old')
    assert.equal((await store.scavenge()).others, 0)
  })

  law('scavenge() removes snapshots that nothing can be built upon as events are gone', async (scene) => {
    const { store } = scene
    const snapshots = await snapshotsOf(store, 9, [2, 4, 5, 8])
    await store.stream('s').truncateBefore(6)
    await store.scavenge()
    assert.deepEqual(await versionsIn(snapshots), [8, 5])
    assert.deepEqual(await stateAt(snapshots, 7), { at: 5 })
    await store.stream('s').delete()
    await store.stream('s').restore()
    assert.deepEqual(await versionsIn(snapshots), [8, 5])
  })

  law('scavenge() removes large snapshots as a whole, also behind one that stays', async (scene) => {
    const { store } = scene
    const stream = store.stream('s')
    const pieces = SCAVENGE_EVENTS + 20
    await stream.append(counted(4))
    for (const name of ['b', 'c'])
      await stream.snapshots(name).save(4, new Uint8Array(name === 'b' ? 1 : pieces * CHUNK_BYTES))
    await stream.delete()
    await stream.append(counted(1))
    await stream.snapshots('a').save(5, new Uint8Array(pieces * CHUNK_BYTES))
    for (const _ of [1, 2, 3]) {
      const giveUp = new AbortController()
      const onProgress = ({ others }: ScavengeReport): void => {
        if (others > 0) giveUp.abort()
      }
      await store.scavenge({ signal: giveUp.signal, onProgress }).catch(() => {})
      assert.deepEqual((await store.check()).problems, [])
    }
    assert.equal((await stream.snapshots('a').closest())!.version, 5)
    for (const name of ['b', 'c']) assert.deepEqual(await stream.snapshots(name).list(), [])
  })

  law('scavenge() removes many snapshots', async (scene) => {
    const { store } = scene
    await store.stream('s').append(counted(4))
    await store.transact(async (tx) => {
      for (const n of numbers(1, 2 * SCAVENGE_EVENTS)) await tx.stream('s').snapshots(`${n}`).save(4, n)
    })
    await store.stream('s').tombstone()
    assert.equal((await store.scavenge()).others, 2 * SCAVENGE_EVENTS)
    assert.equal(await snapshotRows(scene), 0)
  })
}

async function snapshotRows({ store, directory }: StoreScene): Promise<number> {
  const { snapshots } = new Keyspace(directory)
  return (await store.kv.readTransact((tx) => tx.getRange(snapshots.all()).toArray())).length
}
