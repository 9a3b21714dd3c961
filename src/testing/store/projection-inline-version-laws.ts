import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { Projection } from '../../store/contract-projections.ts'
import type { EventShape } from '../../store/event.ts'
import { specifyProjection } from '../specify-projection.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import { a, caughtUp, endOf, Failure, type Log, logs, switched } from './projection-examples.ts'
import {
  inForce,
  inlineCounts,
  inlineDoing,
  inlineLogs,
  inlineRefusing,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** Other versions and other forms of inline projections, and inline projections that are run in another way. */
export function projectionInlineVersionLaws(laws: StoreLaws): void {
  const named = ofInlineProjections(laws)
  versionLaws(named)
  formLaws(named)
  onceLaws(named)
}

/** A version that says so, and emits what it handles, in the transaction of the append or behind it. */
function versioned(kind: 'inline' | 'continuous', version: number): Projection<EventShape, Log> {
  const settings = { version, source: { kind: 'category', category: 's' } } as const
  const handled = (data: unknown) => `${String(data)} by ${version}`
  if (kind === 'inline') {
    return inlineLogs({
      ...settings,
      any: (state, { data }, { emit }) => {
        emit('out', a(data))
        return [...state, handled(data)]
      },
    })
  }
  return logs({
    ...settings,
    any: (state, { data }, { emit }) => {
      emit('out', a(data))
      return [...state, handled(data)]
    },
  })
}

function versionLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('project() works after faults of two copies were mended', async ({ store, runtime }) => {
    const first = await store.project(inlineLogs())
    await store.stream('s-1').append([a(1), a('bad')])
    await first.pause()
    await first.close()
    await store.stream('s-1').append(a('bad'))
    await first.rebuild()
    const second = await store.project(inlineRefusing(['bad']))
    await second.resume()
    await waitUntil(runtime, 'both stand at a fault', async () => {
      const { fault, building } = await second.status()
      return fault !== undefined && building?.fault !== undefined
    })
    await second.close()
    await using third = await store.project(inlineLogs())
    await inForce(runtime, third)
    assert.deepEqual(await third.state(), [1, 'bad', 'bad'])
  })

  for (const kinds of [
    ['inline', 'inline'],
    ['inline', 'continuous'],
    ['continuous', 'inline'],
    ['inline', 'continuous', 'inline', 'inline', 'continuous', 'continuous', 'inline'],
  ] as const) {
    for (const isBusy of [false, true]) {
      const name = `${kinds.join(', ')}${isBusy ? ', while others append' : ''}`
      simulatedLaw(
        `versions follow each other, and emit everything once: ${name}`,
        async ({ store, runtime }) => {
          let [isOver, count] = [false, 0]
          const write = async (): Promise<void> => {
            count += 1
            const number = count
            await store.stream(`s-${number % 3}`).append(a(number))
          }
          const writing = Promise.all(
            numbers(1, isBusy ? 3 : 0).map(async () => {
              while (!isOver) {
                await write()
                await sleep(runtime, 2)
              }
            }),
          )
          for (const [at, kind] of kinds.entries()) {
            for (const _ of numbers(1, 5)) await write()
            const running = await store.project(versioned(kind, at + 1))
            for (const _ of numbers(1, 5)) await write()
            if (kind === 'inline') await inForce(runtime, running, at + 1)
            else await switched(runtime, running, at + 1)
          }
          isOver = true
          await writing
          await caughtUp(store)
          const log = await store.category('s').read().toArray()
          const all = log.map(({ data }) => data)
          assert.deepEqual(
            await store.projection('p').state(),
            all.map((data) => `${String(data)} by ${kinds.length}`),
          )
          const out = await dataIn(store, 'out')
          assert.deepEqual(out.toSorted(), all.toSorted())
          assert.equal(all.length, count)
        },
      )
    }
  }

  simulatedLaw(
    'the old version stays in force until the new one has caught up',
    async ({ store, runtime }) => {
      const first = await store.project(versioned('inline', 1))
      await store.stream('s-1').append([a(1), a(2)])
      const held = gate()
      const second = store.project(
        inlineDoing((_state, { data }) => (data === 2 ? held.passed : undefined), { version: 2 }),
      )
      await sleep(runtime, 1_000)
      await store.stream('s-1').append(a(3))
      assert.deepEqual(await first.state(), ['1 by 1', '2 by 1', '3 by 1'])
      const { version, state, building } = await first.status()
      assert.deepEqual([version, state, building?.version], [1, 'inline', 2])
      held.open()
      await using running = await second
      assert.deepEqual(await endOf(runtime, first), { reason: 'superseded' })
      await store.stream('s-1').append(a(4))
      assert.deepEqual(await running.state(), [1, 2, 3, 4])
      const error = await failureOf('projection-superseded', () => store.project(versioned('inline', 1)))
      assert.deepEqual(error.details, { projection: 'p', version: 1, newer: 2 })
    },
  )

  simulatedLaw('a new version that stops at the past leaves the old one in force', async ({ store }) => {
    await using first = await store.project(inlineLogs())
    await store.stream('s-1').append([a(1), a('bad')])
    const second = inlineRefusing(['bad'], { version: 2 })
    await failureOf('projection-faulted', () => store.project(second))
    await store.stream('s-1').append(a(2))
    assert.deepEqual(await first.state(), [1, 'bad', 2])
    await using third = await store.project(inlineLogs({ version: 3 }))
    assert.deepEqual(await third.state(), [1, 'bad', 2])
  })

  simulatedLaw('a rule of the old version holds until the new one has taken its place', async (scene) => {
    const { store } = scene
    await using _ = await store.project(inlineRefusing(['old']))
    await failureOf('projection-refused', () => store.stream('s-1').append(a('old')))
    await using running = await store.project(inlineRefusing(['new'], { version: 2 }))
    await store.stream('s-1').append(a('old'))
    await failureOf('projection-refused', () => store.stream('s-1').append(a('new')))
    assert.deepEqual(await running.state(), ['old'])
  })
}

function formLaws({ simulatedLaw, law }: StoreLaws): void {
  law('the same version of another form is refused, and inline is a form', async ({ store }) => {
    await using _ = await store.project(inlineLogs())
    const settings = { source: { kind: 'category', category: 's' } } as const
    await failureOf('projection-changed', () => store.project(logs({ ...settings, resolveLinks: false })))
    const other = inlineLogs({ deleted: (state) => state })
    await failureOf('projection-changed', () => store.project(other))
  })

  simulatedLaw('after delete() the same version may have another form', async ({ store, runtime }) => {
    const first = await store.project(inlineLogs())
    await store.stream('s-1').append(a(1))
    await store.stream('t-1').append(a('t'))
    await first.delete()
    const second = await store.project(inlineLogs({ source: { kind: 'category', category: 't' } }))
    assert.deepEqual(await endOf(runtime, first), { reason: 'deleted' })
    await store.stream('s-1').append(a(2))
    await store.stream('t-1').append(a('u'))
    assert.deepEqual(await second.state(), ['t', 'u'])
  })

  simulatedLaw('after delete() one that is not inline may have its name', async ({ store }) => {
    const first = await store.project(inlineRefusing(['bad']))
    await store.stream('s-1').append(a(1))
    await first.delete()
    await using second = await store.project(logs())
    await store.stream('s-1').append(a('bad'))
    await caughtUp(store, second)
    assert.deepEqual(await second.state(), [1, 'bad'])
  })

  law('a definition says what it cannot have', async ({ store }) => {
    for (const settings of [
      { timer: (state: Log) => state },
      { clock: 'wall' },
      { resolveLinks: true },
      { source: { kind: 'stream', streamId: '$s' } },
    ]) {
      await refuses(store, 'invalid-argument', () => inlineLogs(settings as object), Object.keys(settings)[0])
    }
    const types = numbers(1, 100).map((number) => `${number}`.repeat(20))
    const source = { kind: 'query', query: { items: [{ types }] } } as const
    await refuses(store, 'limit-exceeded', () => inlineLogs({ source }))
  })
}

function onceLaws({ law }: StoreLaws): void {
  law('runOnce() of an inline definition answers as if it had been in force', async ({ store }) => {
    await store.stream('s-1').append([a(1), a(2)])
    await store.stream('t-1').append(a(3))
    await store.stream('t-1').linkTo({ streamId: 's-1', version: 1 })
    await store.stream('s-2').linkTo({ streamId: 't-1', version: 1 })
    const emitted: unknown[] = []
    const echo = inlineDoing((_state, { data }, { emit }) => emit('out', a(data)))
    const answer = await store.runOnce(echo, { onEmit: (one) => emitted.push(one.streamId) })
    assert.deepEqual([await answer.state(), answer.handled, emitted], [[1, 2], 2, ['out', 'out']])
    await using running = await store.project(echo)
    assert.deepEqual(await running.state(), [1, 2])
    const positioned = inlineDoing((_state, _event, context) => (context as { position?: bigint }).position)
    await failureOf('invalid-argument', () => store.runOnce(positioned))
    await assert.rejects(
      store.runOnce(
        inlineDoing(() => {
          throw new Failure('no')
        }),
      ),
      Failure,
    )
  })

  law('specifyProjection() takes an inline definition', async () => {
    const { given, deleted } = specifyProjection(
      inlineCounts({
        any: (state, { data, streamId, ...event }, { emit }) => {
          assert.ok(!('position' in event) || event.position === undefined)
          emit('out', a(`${streamId} ${String(data)}`))
          return state + 1
        },
        deleted: (state) => -state,
      }),
    )
    const log = [
      { streamId: 's', ...a(1) },
      { streamId: 't', ...a(2) },
    ]
    await given(log).thenPartitions({ s: 1, t: 1 })
    await given([...log, deleted('s')]).thenState(-1, 's')
    await given(log).thenEmitted([
      { streamId: 'out', events: { type: 'A', data: 's 1' } },
      { streamId: 'out', events: { type: 'A', data: 't 2' } },
    ])
    const failing = specifyProjection(inlineRefusing(['bad']))
    await failing.given([{ streamId: 's-1', ...a('bad') }]).thenThrows(Failure)
  })
}
