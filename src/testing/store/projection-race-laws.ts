import assert from 'node:assert/strict'
import type { KeyValueStore, Transaction } from '../../kv/contract.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { a, append, caughtUp, type Log, logs, ofProjections, switched } from './projection-examples.ts'

/** What happens while a batch is being committed. */
export function projectionRaceLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  commitLaws(named)
  faultLaws(named)
}

/** The same store beside itself, where something happens once between what a transaction has done and its commit. */
function interrupted(
  { store, directory, runtime }: SimulatedStoreScene,
  isMeant: (result: CommitResult) => boolean,
  interrupt: () => Promise<unknown>,
): Promise<EventStore> {
  let isOver = false
  const { kv } = store
  const transact: KeyValueStore['transact'] = (body, options) =>
    kv.transact(async (tx: Transaction) => {
      const result = await body(tx)
      if (!isOver && isMeant((result ?? {}) as CommitResult)) {
        isOver = true
        await interrupt()
      }
      return result
    }, options)
  const get = (target: KeyValueStore, name: keyof KeyValueStore): unknown => {
    const value: unknown = target[name]
    if (name === 'transact') return transact
    return typeof value === 'function' ? value.bind(target) : value
  }
  return openEventStore(new Proxy(kv, { get: get as never }), { directory, runtime })
}

/** What the transaction of a batch comes to. */
interface CommitResult {
  readonly kind?: string
  readonly hasSwitched?: boolean
}

function versioned(version: number) {
  return logs({
    version,
    source: { kind: 'stream', streamId: 's' },
    any: (state, { data }, { emit }) => {
      emit('out', a(`${data} by ${version}`))
      return [...state, `${data} by ${version}`]
    },
  })
}

const by = (version: number, ...data: readonly number[]): Log => data.map((one) => `${one} by ${version}`)

function commitLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'what the old version emits while a new one takes its place is not emitted again',
    async (scene) => {
      const { store, runtime } = scene
      const first = await store.project(versioned(1))
      await first.waitFor(await append(store, 1))
      let seen: unknown
      await using other = await interrupted(
        scene,
        ({ hasSwitched }) => hasSwitched === true,
        async () => {
          await first.waitFor(await append(store, 2))
          seen = await first.state()
        },
      )
      const second = await other.project(versioned(2))
      await switched(runtime, second, 2)
      await second.waitFor(await append(store, 3))
      assert.deepEqual(seen, by(1, 1, 2))
      assert.deepEqual(await second.state(), by(2, 1, 2, 3))
      assert.deepEqual(await dataIn(store, 'out'), [...by(1, 1, 2), ...by(2, 3)])
    },
  )

  for (const way of ['reset', 'rebuild', 'pause', 'delete'] as const) {
    simulatedLaw(
      `a batch that is committed beside ${way}() is handled once, and emits once`,
      async (scene) => {
        const { store } = scene
        await using other = await interrupted(
          scene,
          ({ kind }) => kind === 'done',
          () => store.projection('p')[way](),
        )
        await append(store, 1, 2)
        const running = await other.project(versioned(1))
        if (way === 'pause') {
          await waitUntil(
            scene.runtime,
            'it is paused',
            async () => (await running.status()).state === 'paused',
          )
          assert.deepEqual([await running.state(), await dataIn(store, 'out')], [[], []])
          await running.resume()
        }
        if (way === 'delete') {
          assert.deepEqual(await running.ended, { reason: 'deleted' })
          await other.project(versioned(1))
        }
        await append(store, 3)
        await caughtUp(other)
        assert.deepEqual(await other.projection(versioned(1)).state(), by(1, 1, 2, 3))
        assert.deepEqual(await dataIn(store, 'out'), by(1, 1, 2, 3))
      },
    )
  }
}

function faultLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a new version that stands at a fault takes the place of nobody',
    async ({ store, runtime }) => {
      const held = gate()
      const first = await store.project(
        logs({ any: async (state, { data }) => held.passed.then(() => [...state, data]) }),
      )
      await append(store, 1)
      let isBroken = true
      const second = await store.project(
        logs({
          version: 2,
          any: (state, { data }) => {
            if (isBroken) throw new Error('no')
            return [...state, data, 'by 2']
          },
        }),
        { onFault: () => {} },
      )
      await waitUntil(runtime, 'it has failed twice', async () => {
        const { building } = await second.status()
        return (building?.fault?.attempts ?? 0) >= 2
      })
      assert.equal((await first.status()).version, 1)
      held.open()
      await caughtUp(store, first)
      assert.deepEqual(await first.state(), [1])
      isBroken = false
      await switched(runtime, second, 2)
      assert.deepEqual(await second.state(), [1, 'by 2'])
    },
  )
}
