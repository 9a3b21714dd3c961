import assert from 'node:assert/strict'
import type { ProjectionContext, ProjectOptions } from '../../store/contract-projections.ts'
import { waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  assertUnwritten,
  caughtUp,
  counts,
  Failure,
  faulted,
  logs,
  ofProjections,
  rowsOf,
} from './projection-examples.ts'

/** What a projection does that cannot handle an event. */
export function projectionFaultLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  stoppingLaws(named)
  kindLaws(named)
  atomicityLaws(named)
}

/** An event whose data this is cannot be handled, as long as `isBroken` says so. */
const BAD = 'bad'

/** A projection that does something with each event, and then fails for some. */
function failing(fail: (context: ProjectionContext) => unknown) {
  return logs({
    source: { kind: 'stream', streamId: 's' },
    any: (state, { data }, context) => {
      context.emit('out', a(data))
      context.kv.set(['k', data as string], 1)
      if (data === BAD) return (fail(context) ?? [...state, data]) as never
      return [...state, data]
    },
  })
}

const SILENT: ProjectOptions = { onFault: () => {} }

async function assertStopped(
  { store, runtime }: SimulatedStoreScene,
  name: string | RegExp,
  fail: (context: ProjectionContext) => unknown,
): Promise<void> {
  await append(store, 'x', 'y', BAD, 'z')
  const running = await store.project(failing(fail), SILENT)
  const fault = await faulted(runtime, running)
  const [, , bad] = await store.stream('s').read().toArray()
  assert.deepEqual(fault.event, { position: bad!.position, streamId: 's', version: 3, type: 'A' })
  assert.match(fault.error.name, new RegExp(name))
  assert.equal(fault.timer, undefined)
  assert.deepEqual(await running.state(), ['x', 'y'])
  assert.deepEqual(await dataIn(store, 'out'), ['x', 'y'])
  assert.deepEqual(await rowsOf(running.kv), [
    [['k', 'x'], 1],
    [['k', 'y'], 1],
  ])
  const status = await running.status()
  assert.deepEqual([status.state, status.handled, status.lag, status.streamVersion], ['faulted', 2, 2, 2])
  const skipped = await running.skip({ position: bad!.position })
  assert.deepEqual(skipped.event, fault.event)
  await caughtUp(store, running)
  assert.deepEqual(await running.state(), ['x', 'y', 'z'])
  assert.deepEqual(await dataIn(store, 'out'), ['x', 'y', 'z'])
}

function stoppingLaws({ simulatedLaw }: StoreLaws): void {
  const failures: Readonly<Record<string, [string, (context: ProjectionContext) => unknown]>> = {
    'a handler that throws': [
      'Failure',
      () => {
        throw new Failure('bad')
      },
    ],
    'a handler that rejects': ['Failure', () => Promise.reject(new Failure('bad'))],
    'a handler that throws what is no error': [
      'Error',
      () => {
        throw 'a text'
      },
    ],
    'a handler that throws nothing': [
      'Error',
      () => {
        throw undefined
      },
    ],
    'a state that JSON would change': ['UnserializableError', () => [new Date(0)]],
    'a state with a hole': ['UnserializableError', () => [undefined]],
    'a state that is no JSON': ['UnserializableError', () => [1n]],
    'a state that is a function': ['UnserializableError', () => () => {}],
    'a state that holds itself': ['UnserializableError', () => circle()],
    'a state that is too large': ['LimitExceededError', () => ['x'.repeat(16 * 1_024 * 1_024)]],
    'a value of the read model that is too large': [
      'LimitExceededError',
      ({ kv }) => kv.set(['k', 'x'], 'x'.repeat(90_001)),
    ],
    'a value of the read model that is no JSON': [
      'UnserializableError',
      ({ kv }) => kv.set(['k', 'x'], undefined as never),
    ],
    'an event to a system stream': ['InvalidArgumentError', ({ emit }) => emit('$s', a(1))],
    'an event without a type': ['InvalidArgumentError', ({ emit }) => emit('out', {} as never)],
    'an event that is no JSON': ['UnserializableError', ({ emit }) => emit('out', a(1n))],
    'an event that is too large': [
      'LimitExceededError',
      ({ emit }) => emit('out', a('x'.repeat(16 * 1_024 * 1_024))),
    ],
    'a link to what is not there': [
      'EventNotFoundError',
      ({ linkTo }) => linkTo('out', { streamId: 'none', version: 1 }),
    ],
    'a link to nothing': ['InvalidArgumentError', ({ linkTo }) => linkTo('out', undefined as never)],
    'a timer without a handler': ['InvalidArgumentError', ({ schedule }) => schedule('t', new Date(0))],
    'a stop of what runs on': ['InvalidArgumentError', (context) => context.stop()],
  }
  for (const [what, [name, fail]] of Object.entries(failures)) {
    simulatedLaw(`${what} stops it before the event, with nothing half-done`, (scene) =>
      assertStopped(scene, name, (context) => fail(context)),
    )
  }
}

function circle(): unknown[] {
  const list: unknown[] = []
  list.push(list)
  return list
}

function kindLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('emitting to a tombstoned stream is a fault', async (scene) => {
    await scene.store.stream('gone').append(a(1))
    await scene.store.stream('gone').tombstone()
    await assertStopped(scene, 'WrongExpectedVersionError', ({ emit }) => emit('gone', a(1)))
  })

  simulatedLaw('a state in which an object is twice is a fault', async (scene) => {
    const shared = { a: 1 }
    await assertStopped(scene, 'UnserializableError', () => [shared, shared])
  })

  simulatedLaw('what a handler does behind its own back fails', async ({ store }) => {
    await append(store, 1)
    let escaped: ProjectionContext | undefined
    const hold = (context: ProjectionContext): undefined => {
      escaped = context
    }
    const running = await store.project(
      counts((_state, _event, context) => hold(context), { timer: (s) => s }),
    )
    await caughtUp(store, running)
    for (const act of [
      () => escaped!.emit('out', a(1)),
      () => escaped!.linkTo('out', { streamId: 's', version: 1 }),
      () => escaped!.schedule('t', new Date(0)),
      () => escaped!.cancel('t'),
      () => escaped!.forget(),
      () => escaped!.stop(),
      () => escaped!.kv.set(['a'], 1),
      () => escaped!.kv.clear(['a']),
      () => escaped!.kv.clearRange(['a']),
      () => escaped!.kv.get(['a']),
      () => escaped!.kv.getRange(['a']),
    ]) {
      await failureOf('invalid-argument', act, `${act}`)
    }
    await append(store, 2)
    await caughtUp(store, running)
    await assertUnwritten(store, 'out')
    assert.deepEqual(await rowsOf(running.kv), [])
  })

  simulatedLaw('a handler may catch what emit() refuses', async ({ store }) => {
    await append(store, 1)
    const projection = counts((_state, _event, context) => {
      assert.throws(() => context.emit('$s', a(1)), { code: 'invalid-argument' })
      assert.throws(() => context.emit('out', a(1n)), { code: 'unserializable' })
      assert.throws(() => context.kv.set([], 1), { code: 'invalid-argument' })
      return undefined
    })
    const running = await store.project(projection)
    await caughtUp(store, running)
    assert.equal(await running.state(), 1)
    await assertUnwritten(store, 'out')
  })

  simulatedLaw('a source that cannot be read is a fault without an event', async ({ store, runtime }) => {
    await append(store, 1)
    const source = { kind: 'stream', streamId: 's' } as const
    const running = await store.project(logs({ source }), SILENT)
    await caughtUp(store, running)
    await store.stream('s').tombstone()
    const fault = await faulted(runtime, running, 2)
    assert.deepEqual(
      [fault.event, fault.timer, fault.error.name],
      [undefined, undefined, 'StreamTombstonedError'],
    )
    assert.deepEqual(await running.state(), [1])
    await failureOf('projection-not-faulted', () => running.skip())
  })

  simulatedLaw(
    'an index that is dropped is a fault, and heals when it is back',
    async ({ store, runtime }) => {
      await store.stream('c-1').append(a(1))
      const running = await store.project(logs({ source: { kind: 'category', category: 'c' } }), SILENT)
      await caughtUp(store, running)
      await store.reindex({ drop: ['category'] } as never)
      // Who follows the end of the log does not need it; who begins does.
      await running.pause()
      await store.stream('c-1').append(a(2))
      await running.resume()
      assert.equal((await faulted(runtime, running)).error.name, 'IndexMissingError')
      await store.reindex({ add: ['category'] } as never)
      await waitUntil(runtime, 'it goes on', async () => (await running.status()).fault === undefined)
      assert.deepEqual(await running.state(), [1, 2])
    },
  )
}

function atomicityLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a state that was changed in place by a handler that fails is as before',
    async ({ store, runtime }) => {
      await append(store, 1)
      let isBroken = true
      const projection = logs({
        any: (state, { data }) => {
          ;(state as unknown[]).push(data)
          if (isBroken && data === 3) throw new Failure('no')
          return undefined
        },
      })
      const running = await store.project(projection, SILENT)
      await caughtUp(store, running)
      await append(store, 2, 3)
      await faulted(runtime, running, 3)
      assert.deepEqual(await running.state(), [1, 2])
      isBroken = false
      await running.resume()
      await waitUntil(runtime, 'it is healed', async () => (await running.state()).length > 2)
      assert.deepEqual(await running.state(), [1, 2, 3])
    },
  )

  simulatedLaw(
    'the effects of events around one that fails when it is committed are there once',
    async (scene) => {
      const { store, runtime } = scene
      await store.stream('gone').append(a(0))
      await store.stream('gone').tombstone()
      await append(store, ...Array.from({ length: 20 }, (_, index) => (index % 5 === 4 ? BAD : index)))
      const running = await store.project(
        failing(({ emit }) => emit('gone', a(1))),
        SILENT,
      )
      for (const version of [5, 10, 15, 20]) {
        await waitUntil(
          runtime,
          'it stands there',
          async () => (await running.status()).fault?.event?.version === version,
        )
        await running.skip()
      }
      await caughtUp(store, running)
      const good = Array.from({ length: 20 }, (_, index) => index).filter((index) => index % 5 !== 4)
      assert.deepEqual(await running.state(), good)
      assert.deepEqual(await dataIn(store, 'out'), good)
      assert.equal((await running.status()).skipped, 4)
    },
  )
}
