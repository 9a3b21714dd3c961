import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { type Gate, gate, waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  endOf,
  type Log,
  logs,
  made,
  ofProjections,
  rowsOf,
  type Settings,
  secondStore,
  switched,
} from './projection-examples.ts'

/** New versions of projections. */
export function projectionVersionLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  switchLaws(named)
  readingLaws(named)
  refusalLaws(named)
  severalLaws(named)
}

/** A version that says so, and emits; it may be held before its first event. */
function versioned(version: number, held?: Gate, settings: Settings<Log> = {}) {
  return logs({
    version,
    source: { kind: 'stream', streamId: 's' },
    any: async (state, { data }, context) => {
      if (held !== undefined && state.length === 0) await held.passed
      context.emit('out', a(`${data} by ${version}`))
      context.kv.set(['by'], version)
      return [...state, `${data} by ${version}`]
    },
    ...settings,
  })
}

const by = (version: number, ...data: readonly number[]): Log => data.map((one) => `${one} by ${version}`)

function switchLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a new version takes the place of the old when it has caught up',
    async ({ store, runtime }) => {
      const first = await store.project(versioned(1))
      await first.waitFor(await append(store, 1, 2))
      const held = gate()
      const second = await store.project(versioned(2, held))
      await first.waitFor(await append(store, 3))
      const { version, state, building } = await second.status()
      assert.deepEqual([version, state, building?.version, building?.lag], [1, 'live', 2, 3])
      assert.deepEqual(await first.state(), by(1, 1, 2, 3))
      assert.equal(await store.projection('p').kv.get(['by']), 1)
      held.open()
      await switched(runtime, second, 2)
      assert.deepEqual(await endOf(runtime, first), { reason: 'superseded' })
      assert.deepEqual(await second.state(), by(2, 1, 2, 3))
      assert.equal(await second.kv.get(['by']), 2)
      await second.waitFor(await append(store, 4))
      assert.deepEqual(await second.state(), by(2, 1, 2, 3, 4))
      assert.deepEqual(await dataIn(store, 'out'), [...by(1, 1, 2, 3), ...by(2, 4)])
    },
  )

  simulatedLaw('a new version emits what the old one has not come to', async ({ store, runtime }) => {
    const first = await store.project(versioned(1))
    await first.waitFor(await append(store, 1, 2))
    await first.close()
    await append(store, 3, 4)
    const second = await store.project(versioned(2))
    await switched(runtime, second, 2)
    await caughtUp(store, second)
    assert.deepEqual(await second.state(), by(2, 1, 2, 3, 4))
    assert.deepEqual(await dataIn(store, 'out'), [...by(1, 1, 2), ...by(2, 3, 4)])
  })

  simulatedLaw('a version that handles nothing that is there serves, too', async ({ store, runtime }) => {
    const first = await store.project(versioned(1))
    await first.waitFor(await append(store, 1))
    const second = await store.project(versioned(2, undefined, { source: { kind: 'type', type: 'Z' } }))
    await switched(runtime, second, 2)
    assert.deepEqual(await second.state(), [])
    const third = await store.project(versioned(3, undefined, { timer: (state) => state }))
    await switched(runtime, third, 3)
    assert.deepEqual(await third.state(), by(3, 1))
    assert.deepEqual(await dataIn(store, 'out'), by(1, 1))
  })

  simulatedLaw('of an empty log a new version serves at once', async ({ store, runtime }) => {
    await store.project(versioned(1))
    const second = await store.project(versioned(2))
    await switched(runtime, second, 2)
    await second.waitFor(await append(store, 1))
    assert.deepEqual(await dataIn(store, 'out'), by(2, 1))
  })

  simulatedLaw('a new version may have another source', async ({ store, runtime }) => {
    const first = await store.project(versioned(1))
    await first.waitFor(await append(store, 1))
    await store.stream('t').append(a(2))
    const query = { items: [{ types: ['A'] }] }
    const second = await store.project(
      logs({
        version: 2,
        source: { kind: 'query', query },
        any: (state, { data, streamId }, context) => {
          if (streamId !== 'out') context.emit('out', a(`${data} by 2`))
          return streamId === 'out' ? [...state] : [...state, data]
        },
      }),
    )
    await switched(runtime, second, 2)
    await append(store, 3)
    await caughtUp(store, second)
    assert.deepEqual(await second.state(), [1, 2, 3])
    const out = await dataIn(store, 'out')
    assert.deepEqual(
      out.filter((data) => `${data}`.startsWith('1')),
      by(1, 1),
    )
    assert.deepEqual(
      out.filter((data) => `${data}`.startsWith('3')),
      by(2, 3),
    )
  })

  simulatedLaw('the switch takes nothing from those that write meanwhile', async (scene) => {
    const { store, runtime } = scene
    const running = [await store.project(versioned(1))]
    const others = await secondStore(scene)
    for (let number = 1; number <= 60; number += 1) {
      await append(store, number)
      if (number % 15 === 0) running.push(await others.project(versioned(1 + number / 15)))
      await sleep(runtime, 3)
    }
    const last = running.at(-1)!
    await switched(runtime, last, 5)
    await caughtUp(others, last)
    const all = Array.from({ length: 60 }, (_, index) => index + 1)
    assert.deepEqual(await last.state(), by(5, ...all))
    const out = (await dataIn(store, 'out')).map((data) => Number.parseInt(data as string, 10))
    assert.deepEqual(out, all)
    await others.close()
  })
}

function readingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'by its definition a new version cannot be read until it serves',
    async ({ store, runtime }) => {
      const first = await store.project(versioned(1))
      await first.waitFor(await append(store, 1))
      const held = gate()
      const second = await store.project(versioned(2, held))
      const error = await failureOf('projection-building', () => second.state())
      assert.deepEqual(error.details, { projection: 'p', version: 2, serving: 1 })
      await failureOf('projection-building', () => second.load())
      await failureOf('projection-building', () => second.partitions().toArray())
      assert.deepEqual(await store.projection('p').state(), by(1, 1))
      held.open()
      await switched(runtime, second, 2)
      assert.deepEqual(await second.state(), by(2, 1))
      const late = store.projection(versioned(1))
      const superseded = await failureOf('projection-superseded', () => late.state())
      assert.deepEqual(superseded.details, { projection: 'p', version: 1, newer: 2 })
    },
  )

  simulatedLaw('fromOlder makes states of what an older version has stored', async ({ store, runtime }) => {
    const first = await store.project(versioned(1, undefined, { partitionBy: 'stream' }))
    await first.waitFor(await append(store, 1))
    const held = gate()
    const fromOlder = ((encoded: unknown, version: number) => [encoded, version]) as never
    const second = await store.project(versioned(2, held, { partitionBy: 'stream', fromOlder }))
    const older = [by(1, 1), 1]
    assert.deepEqual(await second.state('s'), older)
    assert.deepEqual(await second.state('none'), [])
    const { version, exists } = await second.load('s')
    assert.deepEqual([version, exists], [1, true])
    assert.deepEqual(await second.partitions().toArray(), [{ partition: 's', state: older, exists: true }])
    assert.deepEqual(await second.read((reader) => reader.state('s')), older)
    held.open()
    await switched(runtime, second, 2)
    assert.deepEqual(await second.state('s'), by(2, 1))
  })

  simulatedLaw('a listing that a switch comes into fails', async ({ store }) => {
    const running = await store.project(logs({ partitionBy: ({ data }) => String(data) }))
    await append(store, ...Array.from({ length: 1_500 }, (_, index) => index))
    await caughtUp(store, running)
    const states = running.partitions()[Symbol.asyncIterator]()
    await states.next()
    await running.reset()
    await failureOf('projection-switched', async () => {
      for (let one = await states.next(); one.done !== true; ) one = await states.next()
    })
  })
}

function refusalLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('another definition of the same version is refused', async ({ store }) => {
    await made(store, versioned(1))
    for (const settings of [
      { source: { kind: 'all' } },
      { resolveLinks: false },
      { partitionBy: 'stream' },
      { on: { B: (state: Log) => state } },
      { timer: (state: Log) => state },
      { clock: 'wall' },
      { deleted: (state: Log) => state },
    ] as const) {
      const error = await failureOf('projection-changed', () =>
        store.project(versioned(1, undefined, settings)),
      )
      assert.equal((error.details as { version: number }).version, 1)
    }
    await (await store.project(versioned(1))).close()
    assert.equal((await store.projection('p').status()).building, undefined)
  })

  simulatedLaw('an older version is refused when a newer one serves, or is built', async ({ store }) => {
    const held = gate()
    const first = await store.project(versioned(2))
    await first.waitFor(await append(store, 1))
    await failureOf('projection-superseded', () => store.project(versioned(1)))
    await store.project(versioned(4, held))
    await failureOf('projection-superseded', () => store.project(versioned(1)))
    const error = await failureOf('projection-superseded', () => store.project(versioned(3)))
    assert.deepEqual(error.details, { projection: 'p', version: 3, newer: 4 })
    const again = await store.project(versioned(2))
    await again.waitFor(await append(store, 2))
    assert.deepEqual(await again.state(), by(2, 1, 2))
    held.open()
  })
}

function severalLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a still newer version takes the place of one that is built', async ({ store, runtime }) => {
    const first = await store.project(versioned(1))
    await first.waitFor(await append(store, 1))
    const held = gate()
    const second = await store.project(versioned(2, held))
    await waitUntil(
      runtime,
      'it is built',
      async () => (await second.status()).building?.leader !== undefined,
    )
    const third = await store.project(versioned(3))
    held.open()
    await switched(runtime, third, 3)
    assert.deepEqual((await endOf(runtime, second)).reason, 'superseded')
    assert.deepEqual(await third.state(), by(3, 1))
    assert.deepEqual(await dataIn(store, 'out'), by(1, 1))
  })

  simulatedLaw('what is being built goes on where it was when it is run again', async (scene) => {
    const { store, runtime } = scene
    const first = await store.project(versioned(1))
    await first.waitFor(await append(store, 1, 2, 3))
    await using other = await secondStore(scene)
    const held = gate()
    const stuck = await other.project(versioned(2, held))
    await waitUntil(runtime, 'it is led', () => stuck.isLeader)
    held.open()
    await stuck.close()
    const second = await store.project(versioned(2))
    await switched(runtime, second, 2)
    assert.deepEqual(await second.state(), by(2, 1, 2, 3))
    assert.deepEqual(await rowsOf(second.kv), [[['by'], 2]])
    assert.deepEqual(await dataIn(store, 'out'), by(1, 1, 2, 3))
  })

  simulatedLaw('a fault of the old version does not hold up the new one', async ({ store, runtime }) => {
    await append(store, 1, 2)
    const broken = versioned(1, undefined, {
      any: (state, { data }, context) => {
        if (data === 2) throw new Error('no')
        context.emit('out', a(`${data} by 1`))
        return [...state, data]
      },
    })
    const first = await store.project(broken, { onFault: () => {} })
    await waitUntil(runtime, 'it fails', async () => (await first.status()).fault !== undefined)
    const second = await store.project(versioned(2))
    await switched(runtime, second, 2)
    await caughtUp(store, second)
    assert.deepEqual(await second.state(), by(2, 1, 2))
    assert.deepEqual(await dataIn(store, 'out'), [...by(1, 1), ...by(2, 2)])
  })
}
