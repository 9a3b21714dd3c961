import assert from 'node:assert/strict'
import type { KeyRange, Row } from '../../kv/rows.ts'
import type { CheckReport, EventStore } from '../../store/contract.ts'
import { Keyspace } from '../../store/keyspace.ts'
import { DAMAGES, type Damage, numberOf } from './damages.ts'
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
      const own = keys.user.everything()
      // A counter that has gone forwards only leaves numbers out, and own keys are the caller's business.
      const isChecked = ({ key }: Row): boolean =>
        Buffer.compare(key, keys.streamNumbers) !== 0 &&
        Buffer.compare(key, keys.format) !== 0 &&
        (Buffer.compare(key, own.begin) < 0 || Buffer.compare(key, own.end) >= 0)
      for (const { key, value } of (await rowsOf(store, directory.everything())).filter(isChecked)) {
        for (const index of [0, Math.floor(scene.random() * value.length), value.length - 1]) {
          const damaged = Uint8Array.from(value)
          damaged[index]! ^= 1 << Math.floor(scene.random() * 8)
          for (const wrong of [damaged, value.subarray(0, index)]) {
            await store.kv.transact((tx) => tx.set(key, wrong))
            const { problems } = await store.check()
            assert.notDeepEqual(problems, [], `${Buffer.from(key).toString('hex')} byte ${index}`)
          }
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
        const number = await numberOf(tx, keys, 's')
        tx.clear(keys.streamKey(number, 4))
      })
      const { problems } = await scene.store.check()
      const { kind, streamId, version, position: at } = problems.find(({ kind }) => kind === 'row-missing')!
      assert.deepEqual([kind, streamId, version, at], ['row-missing', 's', 4, position])
    },
    { damages: true },
  )

  law('check() counts what it has looked at, and tells how far it is', async ({ store }) => {
    await fill(store)
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
      assert.equal((await scene.store.check()).problems.length, 20)
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

/** A stream with ids and metadata, one with large events, one that is empty, own keys. */
async function fill(store: EventStore): Promise<void> {
  await store.stream('s').append(counted(3))
  await store.stream('s').append([
    { type: 'A', id: uuidOf(1) },
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
