import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { AppendedEvent } from '../../store/contract-projections.ts'
import { lists } from './aggregate-examples.ts'
import { fillSources, GROUP_SOURCES } from './group-sources.ts'
import { dataIn, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'
import { a, rowsOf, statesOf } from './projection-examples.ts'
import {
  assertAllHandled,
  inlineCounts,
  inlineDoing,
  inlineLogs,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** Inline projections in each way of appending. */
export function projectionInlineAppendLaws(laws: StoreLaws): void {
  const named = ofInlineProjections(laws)
  togetherLaws(named)
  sourceLaws(named)
  onceLaws(named)
  orderLaws(named)
  eventLaws(named)
}

/** Each way to append events to the category `s`: it resolves when 1 and 2 are there. */
const WAYS: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = {
  'append()': (store) => store.stream('s-1').append([a(1), a(2)]),
  'append() on many streams': (store) =>
    store.append([
      { streamId: 's-1', events: [a(1)] },
      { streamId: 't-1', events: [a(9)] },
      { streamId: 's-2', events: [a(2)] },
    ]),
  'transact()': (store) =>
    store.transact(async (tx) => {
      await tx.stream('s-1').append(a(1))
      await tx.stream('t-1').append(a(9))
      await tx.append([{ streamId: 's-2', events: [a(2)] }])
    }),
  'within()': (store) =>
    store.kv.transact(async (tx) => {
      await store.within(tx).stream('s-1').append(a(1))
      await store.within(tx).stream('s-2').append(a(2))
    }),
  'append() with a key': (store) => store.stream('s-1').append([a(1), a(2)], { idempotencyKey: 'k' }),
  'append() with conditions': (store) =>
    store.stream('s-1').append([a(1), a(2)], {
      expectedVersion: 'no-stream',
      failIfEventsMatch: { query: { items: [{ types: ['A'] }] } },
    }),
}

function togetherLaws({ law }: StoreLaws): void {
  for (const [name, append] of Object.entries(WAYS)) {
    law(`everything that comes of it is there when ${name} resolves`, async ({ store }) => {
      await using running = await store.project(
        inlineDoing((_state, event, { kv, emit, linkTo }) => {
          kv.set(['seen', event.data as number], event.streamId)
          emit('out', a(`${event.data} again`))
          linkTo('links', event)
        }),
      )
      await append(store)
      assert.deepEqual(await running.state(), [1, 2])
      const second = name.includes('many') || name.includes('transact') || name.includes('within')
      assert.deepEqual(await rowsOf(running.kv, ['seen']), [
        [['seen', 1], 's-1'],
        [['seen', 2], second ? 's-2' : 's-1'],
      ])
      assert.deepEqual(await dataIn(store, 'out'), ['1 again', '2 again'])
      assert.deepEqual(await dataIn(store, 'links'), [1, 2])
    })
  }

  law('everything that comes of it is there when execute() resolves', async ({ store }) => {
    const source = { kind: 'category', category: 'list' } as const
    await using running = await store.project(inlineLogs({ source }))
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 'x')
    assert.deepEqual(await running.state(), ['x'])
    await Promise.all(numbers(1, 20).map((number) => of.execute(`${number % 3}`, 'add', number)))
    await store.transact((tx) => of.within(tx).execute('1', 'addAll', ['y', 'z']))
    await assertAllHandled(store, 'p', 'list')
  })

  law(
    'an event that is emitted into the stream of an aggregate is seen by its next command',
    async (scene) => {
      const { store } = scene
      const source = { kind: 'category', category: 'list' } as const
      await store.project(
        inlineDoing(
          (_state, { data, streamId }, { emit }) => {
            if (data !== 'echo') emit(streamId, { type: 'Added', data: 'echo' })
          },
          { source },
        ),
      )
      const of = store.aggregate(lists())
      for (const length of [0, 2, 4]) {
        const { state } = await of.load('1')
        assert.equal(state.length, length)
        await of.execute('1', 'count')
      }
      assert.deepEqual(await dataIn(store, 'list-1'), [0, 'echo', 2, 'echo', 4, 'echo'])
      await Promise.all(numbers(1, 20).map(() => of.execute('1', 'count')))
      await assertAllHandled(store, 'p', 'list')
      assert.deepEqual((await of.load('1')).state, await dataIn(store, 'list-1'))
    },
  )

  law(
    'createStream(), linkTo(), setMetadata() and setRetention() are none of its business',
    async (scene) => {
      const { store } = scene
      await store.stream('t-1').append(a(1))
      await using running = await store.project(inlineLogs())
      const stream = await store.createStream('s-1', { metadata: { colour: 'red' } })
      await stream.linkTo({ streamId: 't-1', version: 1 })
      await stream.setMetadata({ colour: 'blue' })
      await stream.setRetention({ maxCount: 7 })
      assert.deepEqual(await running.state(), [])
      await stream.append(a(2))
      assert.deepEqual(await running.state(), [2])
    },
  )

  law(
    'an append of no events, and a transaction that writes something else, go on as ever',
    async (scene) => {
      const { store } = scene
      await using running = await store.project(inlineLogs())
      await store.stream('s-1').append([])
      await store.transact((tx) => tx.kv.set(['k'], 1))
      await store.transact(async (tx) => {
        await tx.stream('s-1').exists()
      })
      assert.deepEqual(await running.state(), [])
    },
  )
}

function sourceLaws({ simulatedLaw }: StoreLaws): void {
  for (const { name, data } of GROUP_SOURCES) {
    simulatedLaw(
      `a source by ${name.kind} is the same before and after it is in force`,
      async ({ store }) => {
        await fillSources(store)
        await using running = await store.project(inlineLogs({ source: name }))
        assert.deepEqual(await running.state(), data)
        await fillSources(store, 10)
        const both = [...data, ...data.map((one) => one + 10)]
        assert.deepEqual(await running.state(), both)
        await running.reset()
        await running.close()
        await using again = await store.project(inlineLogs({ source: name }))
        assert.deepEqual(await again.state(), both)
      },
    )
  }
}

function onceLaws({ law }: StoreLaws): void {
  law('what is there already is not handled again', async ({ store }) => {
    await using running = await store.project(inlineLogs())
    const event = a(1, { id: uuidOf(1) })
    for (const _ of [1, 2, 3]) await store.stream('s-1').append(event)
    for (const _ of [1, 2, 3]) await store.stream('s-1').append(a(2), { idempotencyKey: 'k' })
    await Promise.all([1, 2, 3].map(() => store.stream('s-2').append(a(3), { idempotencyKey: 'l' })))
    await Promise.all([1, 2, 3].map(() => store.stream('s-2').append(a(4, { id: uuidOf(2) }))))
    await store.transact(async (tx) => {
      await tx.stream('s-1').append(event)
      await tx.stream('s-3').append(a(5, { id: uuidOf(3) }))
      await tx.stream('s-3').append(a(5, { id: uuidOf(3) }))
    })
    assert.deepEqual(await running.state(), [1, 2, 3, 4, 5])
  })

  law('each event is handled of a stream that keeps the last one, append by append', async ({ store }) => {
    await using running = await store.project(inlineLogs())
    await store.createStream('s-1', { maxCount: 1 })
    await Promise.all(numbers(1, 20).map((number) => store.stream('s-1').append(a(number))))
    assert.deepEqual(await running.state(), numbers(1, 20))
    // Here the first is hidden before it is handled, as it would be to anyone who reads.
    await store.stream('s-1').append([a(21), a(22)])
    await store.transact(async (tx) => {
      for (const number of [23, 24]) await tx.stream('s-1').append(a(number))
    })
    assert.deepEqual(await running.state(), [...numbers(1, 20), 22, 24])
  })

  law('what a transaction hides before it ends is not handled', async ({ store }) => {
    await using running = await store.project(inlineLogs())
    await store.transact(async (tx) => {
      await tx.stream('s-1').append([a(1), a(2)])
      await tx.stream('s-1').truncateBefore(2)
      await tx.stream('s-2').append(a(3))
      await tx.stream('s-2').delete()
      await tx.stream('s-2').append(a(4))
      await tx.stream('s-3').append(a(5))
      await tx.stream('s-3').tombstone()
    })
    assert.deepEqual(await running.state(), [2, 4])
    await running.reset()
    await running.close()
    await using again = await store.project(inlineLogs())
    assert.deepEqual(await again.state(), [2, 4])
  })

  law('deleted is told of deletions, in the transaction that deletes', async ({ store }) => {
    const obituaries = inlineLogs({
      deleted: (state, deletion) => {
        assert.ok(!('position' in deletion))
        return [...state, `${deletion.streamId} ${deletion.version} ${deletion.isTombstone}`]
      },
    })
    await store.stream('s-0').append(a(0))
    await store.stream('s-0').delete()
    await using running = await store.project(obituaries)
    await store.stream('s-1').append([a(1), a(2)])
    await store.stream('s-1').delete()
    await store.stream('s-1').delete()
    await store.stream('s-1').append(a(3))
    await store.stream('t-1').append(a(4))
    await store.stream('t-1').tombstone()
    await store.stream('s-1').tombstone()
    const expected = ['s-0 1 false', 1, 2, 's-1 2 false', 3, 's-1 3 true']
    assert.deepEqual(await running.state(), expected)
  })
}

function orderLaws({ law }: StoreLaws): void {
  law('events are handled in the order of the log, however they were appended', async ({ store, random }) => {
    await using running = await store.project(inlineLogs())
    for (const round of numbers(1, 10)) {
      const appends = numbers(1, 1 + Math.floor(12 * random())).map((number) => {
        const data = `${round}.${number}`
        const streamId = `s-${Math.floor(3 * random())}`
        if (random() < 0.3)
          return store.transact((tx) => tx.stream(streamId).append([a(data), a(`${data}+`)]))
        return store.append([
          { streamId, events: [a(data)] },
          { streamId: `${streamId}0`, events: [a(`${data}*`)] },
        ])
      })
      await Promise.all(appends)
      await assertAllHandled(store)
    }
    const last = await running.load()
    assert.equal(last.position, (await store.all.read().last())!.position)
  })

  law('several are handled in the order of their names, each on its own rows', async ({ store }) => {
    const order: string[] = []
    for (const name of ['c', 'a', 'b']) {
      await store.project(
        inlineDoing(
          (_state, { data }, { kv }) => {
            order.push(`${name}${data}`)
            kv.set(['by'], name)
          },
          { name },
        ),
      )
    }
    await store.transact(async (tx) => {
      await tx.stream('s-1').append(a(1))
      await tx.stream('s-1').append(a(2))
    })
    assert.deepEqual(order, ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
    for (const name of ['a', 'b', 'c']) assert.equal(await store.projection(name).kv.get(['by']), name)
  })

  law('partitions are kept apart, and forget() empties one', async ({ store }) => {
    await using running = await store.project(
      inlineCounts({
        any: (state, { data }, { forget }) => {
          if (data === 'forget') forget()
          return state + 1
        },
      }),
    )
    await store.append(['s', 't', 'u'].map((streamId) => ({ streamId, events: [a(1), a(2)] })))
    await store.stream('t').append([a('forget'), a(3)])
    await store.stream('u').append(a('forget'))
    assert.deepEqual(await statesOf(running), { s: 2, t: 1 })
  })
}

function eventLaws({ law }: StoreLaws): void {
  law(
    'a handler sees of an event what a reader sees later, but for its place in the log',
    async ({ store }) => {
      const seen: object[] = []
      const contexts: unknown[] = []
      const looking = inlineLogs({
        any: (state, event, context) => {
          seen.push(seenOf(event))
          contexts.push(
            'position' in event ? event.position : undefined,
            'recordedAt' in event ? event.recordedAt : undefined,
          )
          assert.throws(() => (context as unknown as { position: bigint }).position, {
            code: 'invalid-argument',
          })
          return state
        },
      })
      const events = [
        a(1),
        a(new Uint8Array([1, 2]), { id: uuidOf(1), tags: ['x', 'y'], metadata: { m: 1 } }),
        { type: 'B', time: new Date(5) },
      ]
      await store.stream('s-1').append(events)
      const running = await store.project(looking)
      await store.stream('s-2').append(events)
      await store.transact((tx) => tx.stream('s-3').append(events))
      const read = await store.category('s').read().toArray()
      assert.deepEqual(
        seen.slice(-9),
        read.map((event) => seenOf(event)),
      )
      assert.deepEqual(new Set(contexts), new Set([undefined]))
      await running.close()
    },
  )

  law('an event that a handler keeps stays what it is', async ({ store }) => {
    const kept: AppendedEvent[] = []
    await using _ = await store.project(inlineDoing((_state, event) => kept.push(event)))
    for (const number of numbers(1, 5)) await store.stream(`s-${number}`).append(a({ number }))
    assert.deepEqual(
      kept.map(({ streamId, data }) => [streamId, data]),
      numbers(1, 5).map((number) => [`s-${number}`, { number }]),
    )
  })

  law('what a handler does to the data of an event is seen by nobody else', async ({ store }) => {
    for (const name of ['p', 'q']) {
      await store.project(
        inlineLogs({
          name,
          any: (state, { data }) => {
            const list = data as number[]
            list.push(list.length)
            return [...state, list]
          },
        }),
      )
    }
    await store.stream('s-1').append(a([7]))
    for (const name of ['p', 'q']) assert.deepEqual(await store.projection(name).state(), [[7, 1]])
    assert.deepEqual(await dataIn(store, 's-1'), [[7]])
  })

  law('a late call of a context is refused', async ({ store }) => {
    let late: (() => void) | undefined
    await using running = await store.project(
      inlineDoing((_state, _event, { emit }) => {
        late = () => emit('out', a('late'))
      }),
    )
    await store.stream('s-1').append(a(1))
    await refuses(store, 'invalid-argument', () => late!())
    assert.deepEqual(await running.state(), [1])
  })
}

function seenOf({ type, id, streamId, version, time, tags, data, metadata }: AppendedEvent): object {
  return { type, id, streamId, version, time, tags, data, metadata }
}
