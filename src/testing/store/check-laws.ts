import assert from 'node:assert/strict'
import type { KeyRange, Row } from '../../kv/rows.ts'
import { STAMP_BYTES } from '../../kv/stamp.ts'
import type { EventStore } from '../../store/contract.ts'
import type { CheckReport } from '../../store/contract-admin.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { DAMAGES, type Damage, knownNumber } from './damages.ts'
import { counted, failureOf, numbers, type StoreLaws, type StoreScene, uuidOf } from './laws.ts'

/** The check: finds what is broken, and says where. */
export function checkLaws({ law }: StoreLaws): void {
  for (const [name, [kinds, damage]] of Object.entries(DAMAGES)) {
    law(
      `check() finds ${name}`,
      async (scene) => {
        await fill(scene.store)
        await inflict(scene, damage)
        const { problems } = await scene.store.check()
        const found = new Set(problems.map(({ kind }) => kind))
        assert.deepEqual(
          [...found].toSorted(),
          kinds.toSorted(),
          JSON.stringify(problems.map(({ message }) => message)),
        )
        for (const { message } of problems) assert.match(message, /\w.*\w/)
      },
      { damages: true },
    )
  }

  law(
    'check() finds a flipped bit in any byte of a stored event, and readers refuse the event',
    async (scene) => {
      const { store, directory } = scene
      await store
        .stream('s')
        .append({ type: 'Typed', data: { a: 1 }, metadata: { b: 2 }, tags: ['t'], time: new Date(0) })
      const keys = new Keyspace(directory)
      const [row] = await rowsOf(store, keys.log())
      for (const index of row!.value.keys()) {
        const damaged = Uint8Array.from(row!.value)
        damaged[index]! ^= 1 << (index % 8)
        await store.kv.transact((tx) => tx.set(row!.key, damaged))
        const { problems } = await store.check()
        assert.ok(
          problems.some(({ kind }) => kind === 'damaged'),
          `byte ${index}`,
        )
        await failureOf('corruption', () => store.stream('s').read().toArray(), `byte ${index}`)
        await failureOf('corruption', () => store.all.read().toArray(), `byte ${index}`)
      }
    },
    { damages: true },
  )

  law(
    'check() never fails, whatever value is damaged, and finds it',
    async (scene) => {
      const { store, directory } = scene
      await fill(store)
      const keys = new Keyspace(directory)
      const emptied = await store.kv.transact((tx) => knownNumber(tx, keys, 'emptied'))
      for (const { key, value } of await rowsOf(store, directory.everything())) {
        const first = firstChecked(keys, emptied, key)
        if (first >= value.length) continue
        const damaged = Uint8Array.from(value)
        const index = first + Math.floor(scene.random() * (value.length - first))
        damaged[index]! ^= 1 << Math.floor(scene.random() * 8)
        for (const wrong of [damaged, value.subarray(0, index)]) {
          await store.kv.transact((tx) => tx.set(key, wrong))
          const { problems } = await store.check()
          assert.notDeepEqual(problems, [], `${Buffer.from(key).toString('hex')} byte ${index}`)
        }
        await store.kv.transact((tx) => tx.set(key, value))
      }
      assert.deepEqual((await store.check()).problems, [])
      await inflict(scene, DAMAGES['a deleted name']![1])
    },
    { damages: true },
  )

  law(
    'check() says where: stream, version and position',
    async (scene) => {
      await fill(scene.store)
      const { position } = (await scene.store.stream('s').event(4))!
      await inflict(scene, async (tx, keys) => {
        const number = await knownNumber(tx, keys, 's')
        tx.clear(keys.streamKey(number, 4))
      })
      const { problems } = await scene.store.check()
      const { kind, streamId, version, position: at } = problems.find(({ kind }) => kind === 'row-missing')!
      assert.deepEqual([kind, streamId, version, at], ['row-missing', 's', 4, position])
    },
    { damages: true },
  )

  law('check() counts what it has looked at, and tells how far it is', async ({ store }) => {
    await fillPlain(store)
    await store.stream('many').append(counted(1_200))
    const progress: number[] = []
    const report: CheckReport = await store.check({ onProgress: (rows) => progress.push(rows) })
    const { streams, events, systemEvents } = await store.info()
    assert.equal(report.events, events + systemEvents)
    assert.equal(report.streams, streams + 2)
    assert.ok(report.rows > 2 * report.events)
    assert.equal(progress.at(-1), report.rows)
    assert.deepEqual(
      progress,
      progress.toSorted((a, b) => a - b),
    )
    const reason = new Error('given up')
    await assert.rejects(store.check({ signal: AbortSignal.abort(reason) }), reason)
  })

  law(
    'check() stops after problemsMax',
    async (scene) => {
      await scene.store.stream('s').append(counted(20))
      await inflict(scene, async (tx, keys) => tx.clearRange(keys.log()))
      // Each event had a row of its stream, and one of each of two indexes.
      assert.equal((await scene.store.check()).problems.length, 60)
      assert.equal((await scene.store.check({ problemsMax: 3 })).problems.length, 3)
    },
    { damages: true },
  )

  law('check() goes on while the store is written', async ({ store }) => {
    await fill(store)
    const writing = Promise.all(numbers(1, 200).map((n) => store.stream(`s${n % 5}`).append(counted(5, n))))
    for (const _ of [1, 2, 3]) assert.deepEqual((await store.check()).problems, [])
    await writing
  })
}

/** Something of everything that there can be in a store. */
async function fill(store: EventStore): Promise<void> {
  await fillPlain(store)
  await store.append(
    ['cut', 'emptied', 'gone', 'dead', 'kept'].map((streamId) => ({ streamId, events: counted(5) })),
    {
      idempotencyKey: 'key',
    },
  )
  await store.stream('cut').truncateBefore(3)
  await store.stream('emptied').delete()
  await store.scavenge()
  await store.stream('gone').delete()
  await store.stream('dead').tombstone()
  await store.stream('kept').setRetention({ maxCount: 2 })
  await store.stream('kept').snapshots('state').save(5, { sum: 15 })
  await store.stream('links').linkTo({ streamId: 'kept', version: 5 })
  assert.deepEqual((await store.check()).problems, [])
}

/** A stream with ids and metadata, one with large events, one that is empty, own keys. */
async function fillPlain(store: EventStore): Promise<void> {
  await store.stream('s').append(counted(3))
  await store.stream('s').append([
    { type: 'A', id: uuidOf(1), tags: ['red'] },
    { type: 'A', id: uuidOf(2), data: Uint8Array.of(1) },
  ])
  await store.stream('s').setMetadata({ a: 1, b: 2 })
  await store.stream('s').setMetadata({ b: null })
  await store.createStream('created')
  await store.stream('large').append({ type: 'A', data: new Uint8Array(200_000) })
  await store.transact((tx) => tx.kv.set(['k'], 1))
  assert.deepEqual((await store.check()).problems, [])
}

async function inflict({ store, directory }: StoreScene, damage: Damage): Promise<void> {
  await store.kv.transact((tx) =>
    damage(tx, new Keyspace(directory), (range) => tx.getRange(range).toArray()),
  )
}

function rowsOf(store: EventStore, range: KeyRange): Promise<Row[]> {
  return store.kv.readTransact((tx) => tx.getRange(range).toArray())
}

/** The first byte of a row's value that tells whether it is damaged. `emptied` is the number of a stream of which only the end is left. */
function firstChecked(keys: Keyspace, emptied: number, key: Uint8Array): number {
  // Own keys are the caller's business. A damaged format is an error of whoever reads it.
  if (isWithin(keys.user.everything(), key) || isSame(key, keys.format)) return Number.POSITIVE_INFINITY
  // A counter that has gone forwards only leaves numbers out. The row that was kept as an end leads nowhere: only its key counts.
  if (isSame(key, keys.streamNumbers) || isSame(key, keys.streamKey(emptied, 5)))
    return Number.POSITIVE_INFINITY
  // The stamp of the commit, which is not known when the checksum is made.
  return isWithin(keys.keyResults.all(), key) ? STAMP_BYTES : 0
}

function isWithin({ begin, end }: KeyRange, key: Uint8Array): boolean {
  return Buffer.compare(key, begin) >= 0 && Buffer.compare(key, end) < 0
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
