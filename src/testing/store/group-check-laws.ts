import assert from 'node:assert/strict'
import type { Row } from '../../kv/rows.ts'
import type { EventStore } from '../../store/contract.ts'
import type { SourceName } from '../../store/contract-query.ts'
import { type Keyspace, keyspaceOf } from '../../store/keyspace.ts'
import { GroupKeys } from '../../subscription/group-keys.ts'
import { groupNumberOf, nameKey } from '../../subscription/group-names.ts'
import { GroupValues } from '../../subscription/group-rows.ts'
import type { GroupPlace } from '../../subscription/group-rows-in.ts'
import { consume, QUICK, waitUntil } from './group-consumers.ts'
import { type DamagedGroups, GROUP_DAMAGES } from './group-damages.ts'
import { writeGroups } from './group-writing.ts'
import { counted, numbers, type StoreLaws, type StoreScene } from './laws.ts'

/** The check of groups: finds what is broken, and nothing while they are in use. */
export function groupCheckLaws({ law, simulatedLaw }: StoreLaws): void {
  for (const [name, [kinds, damage]] of Object.entries(GROUP_DAMAGES)) {
    law(
      `check() finds ${name}`,
      async (scene) => {
        const groups = await fill(scene)
        const keys = keyspaceOf(scene.directory)
        await scene.store.kv.transact((tx) =>
          damage(tx, groups, keys, (range) => tx.getRange(range).toArray()),
        )
        const { problems } = await scene.store.check()
        const found = new Set(problems.map(({ kind }) => kind))
        const messages = JSON.stringify(problems.map(({ message }) => message))
        assert.deepEqual([...found].toSorted(), kinds.toSorted(), messages)
        for (const { message } of problems) assert.match(message, /\w.*\w/)
      },
      { damages: true },
    )
  }

  law('check() never fails, whatever row of a group is damaged, and finds it', async (scene) => {
    const { store, directory } = scene
    await fill(scene)
    for (const { key, value } of await rowsOf(store, keyspaceOf(directory))) {
      if (value.length === 0) continue
      const damaged = Uint8Array.from(value)
      const index = Math.floor(scene.random() * value.length)
      damaged[index]! ^= 1 << Math.floor(scene.random() * 8)
      for (const wrong of [damaged, value.subarray(0, index)]) {
        await store.kv.transact((tx) => tx.set(key, wrong))
        const { problems } = await store.check()
        assert.notDeepEqual(problems, [], `${Buffer.from(key).toString('hex')} byte ${index}`)
      }
      await store.kv.transact((tx) => tx.set(key, value))
    }
  })

  law('check() never fails, whatever key of a group is damaged, and finds it', async (scene) => {
    const { store, directory } = scene
    const { audit, billing } = await fill(scene)
    // A bell says nothing: it is there or not.
    const bells = [audit, billing].map(({ keys }) => keys.bell)
    const first = directory.prefix.length + 2
    for (const { key, value } of await rowsOf(store, keyspaceOf(directory))) {
      if (bells.some((bell) => Buffer.compare(bell, key) === 0)) continue
      for (const _ of [1, 2]) {
        const index = first + Math.floor(scene.random() * (key.length - first))
        const damaged = Uint8Array.from(key)
        damaged[index]! ^= 1 << Math.floor(scene.random() * 8)
        const [there] = await store.kv.readTransact((tx) => tx.getMany([damaged]))
        if (there !== undefined) continue
        await store.kv.transact((tx) => {
          tx.clear(key)
          tx.set(damaged, value)
        })
        const { problems } = await store.check()
        assert.notDeepEqual(problems, [], `${Buffer.from(damaged).toString('hex')}`)
        await store.kv.transact((tx) => {
          tx.clear(damaged)
          tx.set(key, value)
        })
      }
    }
  })

  law(
    'check() says which subscription, and where',
    async (scene) => {
      const groups = await fill(scene)
      const { audit } = groups
      const [event] = await scene.store.all.read({ limit: 1 }).toArray()
      await scene.store.kv.transact((tx) => {
        for (const place of [event!.position, 2n ** 62n]) {
          const key = audit.keys.suspect(0, place)
          const retry = { retries: 0, key: 0n, counts: false, reason: '' }
          tx.set(key, audit.values.encodeRetry(key, retry))
        }
      })
      const { problems } = await scene.store.check()
      const { message, position } = problems.find(({ kind }) => kind === 'group-place-wrong')!
      assert.match(message, /^Subscription "audit" to \{"kind":"all"\} has the event at 4611686018427387904/)
      assert.equal(position, 2n ** 62n)
    },
    { damages: true },
  )

  simulatedLaw('check() finds nothing wrong with groups in use', async ({ store, runtime }) => {
    const group = await store.all.createSubscription('g', { ...QUICK, strategy: 'pinned', maxRetryCount: 1 })
    await store.all.createSubscription('free', { ...QUICK, maxRetryCount: 1 })
    let random = 0
    const react = (): void => {
      random = (random * 1_103_515_245 + 12_345) % 2_147_483_648
      if (random % 3 === 0) throw new Error('not this time')
    }
    const consumers = []
    for (const name of ['g', 'g', 'free', 'free']) {
      consumers.push(await consume(store.all, name, react, { bufferSize: 7 }))
    }
    const reports = []
    for (const n of numbers(1, 40)) {
      await store.stream(`s${n % 7}`).append(counted(5, n))
      reports.push(await store.check())
      if (n % 10 === 0) await group.replay('all')
      if (n === 25) await group.reset({ to: 'end' })
    }
    await waitUntil(runtime, 'some events are parked', async () => (await group.info()).parked > 0)
    assert.deepEqual(
      reports.flatMap(({ problems }) => problems),
      [],
    )
    for (const { subscription } of consumers) await subscription.close()
  })
}

/** Five streams, and groups with rows of every kind. */
async function fill(scene: StoreScene): Promise<DamagedGroups> {
  const { store, directory } = scene
  for (const n of [1, 2]) {
    for (const m of numbers(1, 5)) await store.stream(`order-${m}`).append({ type: 'OrderPaid', data: n })
  }
  await writeGroups({ store, directory, category: 'order', streamId: 'order-1' })
  assert.deepEqual((await store.check()).problems, [])
  const keys = keyspaceOf(directory)
  return {
    audit: await groupOf(store, keys, { kind: 'all' }, 'audit'),
    billing: await groupOf(store, keys, { kind: 'category', category: 'order' }, 'billing'),
    mailer: await groupOf(store, keys, { kind: 'stream', streamId: 'order-1' }, 'mailer'),
  }
}

async function groupOf(
  store: EventStore,
  keys: Keyspace,
  source: SourceName,
  name: string,
): Promise<GroupPlace> {
  const key = await nameKey(keys, 'persistent', source, name)
  const number = (await store.kv.readTransact((tx) => groupNumberOf(tx, keys, key)))!
  const isStream = source.kind === 'stream'
  return { keys: new GroupKeys(keys, number, isStream), values: new GroupValues(keys), isStream }
}

/** All rows of groups but those of which no check can say that they are damaged: a counter that is too high leaves out numbers. */
function rowsOf(store: EventStore, { subscriptions, groups }: Keyspace): Promise<Row[]> {
  return store.kv.readTransact(async (tx) => [
    ...(await tx.getRange(subscriptions.everything()).toArray()),
    ...(await tx.getRange(groups.everything()).toArray()),
  ])
}
