import assert from 'node:assert/strict'
import { CHUNK_BYTES, SNAPSHOT_BYTES_MAX, SNAPSHOT_NAME_BYTES_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Snapshots } from '../../store/contract-streams.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { counted, failureOf, numbers, refuses, type StoreLaws, type StoreScene } from './laws.ts'

/** Saved states of a stream: which one is found, and which are kept. */
export function snapshotLaws({ law, simulatedLaw }: StoreLaws): void {
  law('closest() is the newest snapshot at or before a version, never above it', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 20, [3, 5, 9])
    for (const version of numbers(0, 12)) {
      const expected = [9, 5, 3].find((saved) => saved <= version)
      assert.deepEqual(await stateAt(snapshots, version), expected && { at: expected }, `version ${version}`)
    }
    for (const version of [undefined, 20, Number.MAX_SAFE_INTEGER]) {
      const found = (await snapshots.closest(version))!
      assert.deepEqual([found.version, found.state], [9, { at: 9 }])
    }
  })

  law('closest() finds a snapshot at version 0 as long as no event is hidden', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 3, [0])
    assert.deepEqual([await stateAt(snapshots), await stateAt(snapshots, 0)], [{ at: 0 }, { at: 0 }])
    await store.stream('s').truncateBefore(2)
    assert.equal(await snapshots.closest(), undefined)
  })

  law('closest() knows nothing of a stream that does not exist, or has no snapshots', async ({ store }) => {
    const missing = store.stream('missing').snapshots('x')
    assert.deepEqual([await missing.closest(), await missing.list()], [undefined, []])
    await missing.delete()
    assert.equal(await store.stream('missing').exists(), false)
    const none = await snapshotsOf(store, 3, [])
    assert.deepEqual([await none.closest(), await none.list()], [undefined, []])
  })

  law('a snapshot belongs to its stream, its name and its schema version', async ({ store }) => {
    for (const streamId of ['a', 'b']) await store.stream(streamId).append(counted(5))
    const series = ['a', 'b'].flatMap((streamId) =>
      ['x', 'x\u0001', 'xy'].flatMap((name) =>
        [0, 1, 2].map((schemaVersion) => ({
          text: `${streamId} ${name} ${schemaVersion}`,
          snapshots: store.stream(streamId).snapshots<string>(name, { schemaVersion }),
        })),
      ),
    )
    for (const { snapshots, text } of series) await snapshots.save(3, text)
    for (const { snapshots, text } of series) {
      assert.equal((await snapshots.closest())!.state, text)
      assert.equal((await snapshots.list()).length, 1)
    }
    assert.equal((await store.stream('a').snapshots('x').closest())!.state, 'a x 1')
    await series[0]!.snapshots.delete()
    for (const [at, { snapshots }] of series.entries())
      assert.equal((await snapshots.list()).length, at === 0 ? 0 : 1)
  })

  simulatedLaw('list() shows what is kept, the newest first, and when it was saved', async (scene) => {
    const { store, runtime } = scene
    const snapshots = await snapshotsOf(store, 20, [])
    const savedAt = new Map<number, Date>()
    for (const version of [7, 2, 15]) {
      await runtime.advance(1_000)
      savedAt.set(version, new Date(runtime.now()))
      await snapshots.save(version, { at: version })
    }
    assert.deepEqual(
      await snapshots.list(),
      [15, 7, 2].map((version) => ({ version, savedAt: savedAt.get(version)! })),
    )
    assert.deepEqual((await snapshots.closest(7))!.savedAt, savedAt.get(7))
  })

  law('save() keeps the newest two, or as many as it is told', async ({ store }) => {
    await store.stream('s').append(counted(20))
    for (const [keep, expected] of [
      [undefined, [9, 8]],
      [1, [9]],
      [3, [9, 8, 7]],
      [100, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ] as const) {
      const snapshots = store.stream('s').snapshots(`keep ${keep}`, keep === undefined ? {} : { keep })
      for (const version of [2, 1, 4, 3, 5, 6, 7, 9, 8]) await snapshots.save(version, version)
      assert.deepEqual(await versionsIn(snapshots), expected)
      for (const version of expected) assert.equal((await snapshots.closest(version))!.state, version)
    }
  })

  law('save() at the same version replaces the snapshot, all of it', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 5, [1, 3])
    for (const state of [new Uint8Array(3 * CHUNK_BYTES), 'short', new Uint8Array(0), { a: 1 }]) {
      await snapshots.save(3, state)
      assert.deepEqual((await snapshots.closest())!.state, state)
      assert.deepEqual(await versionsIn(snapshots), [3, 1])
    }
  })

  law('delete() removes the snapshot at a version, or all', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 9, [2, 4, 6])
    const others = store.stream('s').snapshots('others')
    await others.save(4, 'other')
    await snapshots.delete(5)
    assert.deepEqual(await versionsIn(snapshots), [6, 4, 2])
    await snapshots.delete(4)
    assert.deepEqual(await versionsIn(snapshots), [6, 2])
    assert.deepEqual(await stateAt(snapshots, 5), { at: 2 })
    await snapshots.delete()
    assert.deepEqual([await versionsIn(snapshots), await snapshots.closest()], [[], undefined])
    assert.equal((await others.closest())!.state, 'other')
  })

  law('save() is refused above the last version, and where there is no stream', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 3, [3])
    const error = await refuses(store, 'invalid-argument', () => snapshots.save(4, {}))
    assert.deepEqual(error.details, { streamId: 's', version: 4, last: 3 })
    const missing = store.stream('missing').snapshots('x')
    await refuses(store, 'stream-not-found', () => missing.save(0, {}))
    const gone = store.stream('gone')
    await gone.append(counted(3))
    await gone.snapshots('x').save(2, {})
    await gone.tombstone()
    await refuses(store, 'stream-tombstoned', () => gone.snapshots('x').save(2, {}))
    await failureOf('stream-tombstoned', () => gone.snapshots('x').closest())
    await refuses(store, 'invalid-argument', () => store.stream('$$s').snapshots('x').save(1, {}))
    assert.deepEqual(await versionsIn(snapshots), [3])
  })

  law('versions, names and options of snapshots are checked', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 3, [])
    for (const version of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as never, null as never]) {
      await failureOf('invalid-argument', () => snapshots.save(version, {}), `save ${version}`)
      await failureOf('invalid-argument', () => snapshots.closest(version), `closest ${version}`)
    }
    const stream = store.stream('s')
    for (const options of [
      { keep: 0 },
      { keep: 1.5 },
      { schemaVersion: -1 },
      { schemaVersion: '1' },
      { x: 1 },
    ])
      await failureOf('invalid-argument', () => stream.snapshots('x', options as never))
    for (const name of ['', 'a\0b', '\ud800', 7 as never])
      await failureOf('invalid-argument', () => stream.snapshots(name))
    const longest = 'é'.repeat(SNAPSHOT_NAME_BYTES_MAX / 2)
    await stream.snapshots(longest).save(1, 1)
    await failureOf('limit-exceeded', () => stream.snapshots(`${longest}a`))
  })

  law('a state is JSON or bytes, and belongs to the store once it is saved', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 3, [])
    const bytes = Uint8Array.of(0, 255, 123)
    for (const state of [null, 0, '', 'é😀', [], { a: [{ b: null }] }, true, bytes, new Uint8Array(0)]) {
      await snapshots.save(2, state)
      assert.deepEqual((await snapshots.closest())!.state, state)
    }
    const saving = [snapshots.save(1, bytes)]
    bytes.fill(9)
    await Promise.all(saving)
    assert.deepEqual((await snapshots.closest(1))!.state, Uint8Array.of(0, 255, 123))
    for (const state of [undefined, () => {}, 1n, { a: { b: 1n } }])
      await refuses(store, 'unserializable', () => snapshots.save(3, state as never))
  })

  law('a state may be large, and no larger than its limit', async ({ store }) => {
    const snapshots = await snapshotsOf(store, 3, [])
    const largest = new Uint8Array(SNAPSHOT_BYTES_MAX).map((_, index) => index * 7 + (index >> 12))
    for (const length of [CHUNK_BYTES - 22, CHUNK_BYTES - 21, CHUNK_BYTES - 20, CHUNK_BYTES, 5 * 2 ** 20]) {
      const state = largest.subarray(0, length)
      await snapshots.save(2, state)
      assert.equal(Buffer.compare((await snapshots.closest())!.state as Uint8Array, state), 0, `${length}`)
    }
    await snapshots.save(3, largest)
    const tooLarge = new Uint8Array(SNAPSHOT_BYTES_MAX + 1)
    const error = await failureOf('limit-exceeded', () => snapshots.save(3, tooLarge))
    assert.deepEqual(error.details, {
      what: 'A snapshot',
      limit: SNAPSHOT_BYTES_MAX,
      actual: SNAPSHOT_BYTES_MAX + 1,
      unit: 'bytes',
    })
    await failureOf('limit-exceeded', () => snapshots.save(3, 'é'.repeat(SNAPSHOT_BYTES_MAX / 2)))
    assert.equal(Buffer.compare((await snapshots.closest())!.state as Uint8Array, largest), 0)
  })

  law(
    'snapshots outlive the process',
    async ({ store, reopen }) => {
      await snapshotsOf(store, 9, [4, 8])
      const snapshots = (await reopen()).stream('s').snapshots('x', { keep: 9 })
      assert.deepEqual(await versionsIn(snapshots), [8, 4])
      assert.deepEqual(await stateAt(snapshots, 7), { at: 4 })
    },
    { needs: 'reopen' },
  )

  law(
    'closest() refuses a snapshot that is damaged, and finds one before it',
    async (scene) => {
      const { store } = scene
      const snapshots = await snapshotsOf(store, 9, [2])
      await snapshots.save(5, new Uint8Array(2 * CHUNK_BYTES))
      for (const damage of [flipped, shortened, undefined]) {
        for (const at of [1, 2, 3]) {
          const repair = await damageSnapshotRow(scene, at, damage)
          const error = await failureOf('corruption', () => snapshots.closest(), `row ${at}`)
          const { streamId, version } = error.details as { streamId?: string; version?: number }
          assert.deepEqual([streamId, version], ['s', 5])
          assert.deepEqual(await stateAt(snapshots, 4), { at: 2 })
          const { problems } = await store.check()
          assert.ok(problems.some(({ version }) => version === 5))
          await repair()
        }
      }
      assert.equal((await snapshots.closest())!.version, 5)
      await damageSnapshotRow(scene, 0, flipped)
    },
    { damages: true },
  )
}

/** Snapshots of a stream with so many events, at these versions; each state says at which. */
export async function snapshotsOf(
  store: EventStore,
  events: number,
  versions: readonly number[],
): Promise<Snapshots> {
  const stream = store.stream('s')
  await stream.append(counted(events))
  const snapshots = stream.snapshots('x', { keep: 9 })
  for (const at of versions) await snapshots.save(at, { at })
  return snapshots
}

/** The versions of the snapshots that are kept. */
export async function versionsIn(snapshots: Pick<Snapshots, 'list'>): Promise<number[]> {
  return (await snapshots.list()).map(({ version }) => version)
}

/** The state that is closest to a version. */
export async function stateAt(snapshots: Pick<Snapshots, 'closest'>, version?: number): Promise<unknown> {
  return (await snapshots.closest(version))?.state
}

function flipped(value: Uint8Array): Uint8Array {
  return value.map((byte, at) => (at === value.length - 1 ? byte ^ 1 : byte))
}

function shortened(value: Uint8Array): Uint8Array {
  return value.subarray(1)
}

/** Damages a row of the snapshots, or removes it. Returns how to repair it. */
async function damageSnapshotRow(
  { store, directory }: StoreScene,
  at: number,
  damage: ((value: Uint8Array) => Uint8Array) | undefined,
): Promise<() => Promise<void>> {
  const { snapshots } = new Keyspace(directory)
  return store.kv.transact(async (tx) => {
    const { key, value } = (await tx.getRange(snapshots.all()).toArray())[at]!
    if (damage === undefined) tx.clear(key)
    else tx.set(key, damage(value))
    return () => store.kv.transact((repairing) => repairing.set(key, value))
  })
}
