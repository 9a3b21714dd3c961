import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import type { Aggregate, Commands } from '../../store/contract-aggregates.ts'
import type { StandardSchema } from '../../store/contract-event-types.ts'
import type { EventShape, JsonObject, NewEvent } from '../../store/event.ts'
import { added, lists, listsOf, ofAggregates, seenOf } from './aggregate-examples.ts'
import { failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

/** What `evolve` sees: the same whether an event was just decided or is read. */
export function aggregateEqualityLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  for (const [what, event] of Object.entries(EVENTS)) {
    law(`evolve sees ${what} as it is read, also when it was just decided`, async ({ store }) => {
      const decide = (_state: unknown, wanted: NewEvent): NewEvent => wanted
      for (const [way, command] of Object.entries({
        sync: decide,
        async: async (...given: Parameters<typeof decide>) => decide(...given),
      })) {
        const id = way
        const of = store.aggregate(witness({ decide: command }))
        const options = { metadata: { $who: 'me' }, correlationId: 'c' }
        const [first] = await Promise.all([
          of.execute(id, 'decide', event(), options),
          of.execute(id, 'decide', { type: 'Next' }, options),
        ])
        const decided = await of.load(id)
        const read = await store.aggregate(witness({})).load(id)
        assert.deepEqual(decided.state, read.state)
        assert.deepEqual(decided.state.slice(0, 1), first.state)
        const within = await store.transact(async (tx) => {
          const { state } = await of.within(tx).execute(id, 'decide', { ...event(), id: uuidOf(9) }, options)
          return state
        })
        assert.deepEqual((await of.load(id)).state, within)
        assert.deepEqual((await store.aggregate(witness({})).load(id)).state, within)
        const events = await store.stream(`witness-${id}`).read().toArray()
        assert.deepEqual(within, events.map(seenOf))
      }
    })
  }

  law('what a command returns belongs to the store: nobody changes it behind its back', async ({ store }) => {
    const kept: { type: 'Added'; data: { n: number }; tags: string[]; time: Date } = {
      type: 'Added',
      data: { n: 1 },
      tags: ['a'],
      time: new Date(1),
    }
    const of = store.aggregate(listsOf({ give: () => kept }))
    const giving = of.execute('1', 'give')
    const { events, state } = await giving
    kept.data.n = 2
    kept.tags.push('b')
    kept.time.setTime(2)
    assert.deepEqual([state, events[0]!.tags, events[0]!.time], [[{ n: 1 }], ['a'], new Date(1)])
    assert.deepEqual((await store.aggregate(lists()).load('1')).state, [{ n: 1 }])
    const [read] = await store.stream('list-1').read().toArray()
    assert.deepEqual([read!.tags, read!.time], [['a'], new Date(1)])
  })

  law('what a caller changes of an event that was decided changes nothing', async ({ store }) => {
    const of = store.aggregate(lists())
    const bytes = Uint8Array.of(1, 2, 3)
    const { events } = await of.execute('1', 'decide', [{ type: 'Added', data: bytes }])
    bytes.fill(9)
    events[0]!.time.setTime(0)
    assert.deepEqual((await of.load('1')).state, [Uint8Array.of(1, 2, 3)])
    assert.notEqual(events[0]!.time.getTime(), 0)
  })

  simulatedLaw('evolve that depends on time sees the time that is read later', async ({ store, runtime }) => {
    const of = store.aggregate(witness({ add: () => ({ type: 'A' }) }))
    for (const _ of [1, 2, 3]) {
      await of.execute('1', 'add')
      await runtime.advance(777)
    }
    const { state } = await of.load('1')
    await runtime.advance(99_999)
    assert.deepEqual((await store.aggregate(witness({})).load('1')).state, state)
  })

  law('what a schema makes of data is what is written, and what evolve sees', async ({ store }) => {
    const trimmed = schemaOf((data) => {
      const { name, size } = data as { readonly name?: unknown; readonly size?: number }
      if (typeof name !== 'string') return 'a name is missing'
      return { name: name.trim(), size: size ?? 1, at: new Date(5), nothing: undefined }
    })
    const kind = defineAggregate(defineEvents({ Named: trimmed }), {
      category: 'named',
      initialState: () => [] as unknown[],
      evolve: { Named: (state, { data }) => [...state, data] },
      commands: { name: (_state, data: object) => ({ type: 'Named', data: data as never }) },
    })
    const of = store.aggregate(kind)
    const written = { name: 'x', size: 1, at: '1970-01-01T00:00:00.005Z' }
    assert.deepEqual((await of.execute('1', 'name', { name: ' x ', more: true })).state, [written])
    assert.deepEqual((await store.stream('named-1').event(1))?.data, written)
    const error = await refuses(store, 'validation-failed', () => of.execute('1', 'name', { name: 7 }))
    assert.deepEqual(error.details, {
      eventType: 'Named',
      issues: [{ message: 'a name is missing', path: 'name' }],
    })
  })

  law('an asynchronous schema is waited for, in the order of the commands', async ({ store }) => {
    const slow = schemaOf(async (data) => data)
    const kind = defineAggregate(defineEvents({ Added: slow }), {
      category: 'list',
      initialState: () => [] as unknown[],
      evolve: { Added: (state, { data }) => [...state, data] },
      commands: { count: (state) => ({ type: 'Added', data: state.length }) },
    })
    const of = store.aggregate(kind)
    await Promise.all(numbers(1, 10).map(() => of.execute('1', 'count')))
    assert.deepEqual((await of.load('1')).state, numbers(0, 9))
    assert.deepEqual((await store.aggregate(lists()).load('1')).state, numbers(0, 9))
  })

  law('one event that a schema refuses refuses the command, and no other', async ({ store }) => {
    for (const isAsync of [false, true]) {
      const id = `${isAsync}`
      const even = (data: unknown): unknown => (Number(data) % 2 === 0 ? data : 'odd')
      const schema = schemaOf(isAsync ? async (data) => even(data) : even)
      const kind = listsOf(
        { add: (_state, items: readonly number[]) => items.map(added) },
        {},
        defineEvents({ Added: schema }) as never,
      )
      const of = store.aggregate(kind)
      const results = await Promise.allSettled([
        of.execute(id, 'add', [2]),
        of.execute(id, 'add', [4, 5, 6]),
        of.execute(id, 'add', [8]),
      ])
      const outcomes = results.map((one) =>
        one.status === 'fulfilled' ? one.value.version : one.reason.code,
      )
      assert.deepEqual(outcomes, [1, 'validation-failed', 2])
      assert.deepEqual((await store.aggregate(lists()).load(id)).state, [2, 8])
    }
  })

  law('a type that is not described cannot be decided', async ({ store }) => {
    const kind = defineAggregate(defineEvents({ Known: eventType() }), {
      category: 'x',
      initialState: () => 0,
      evolve: {},
      commands: { unknown: () => ({ type: 'Unknown' }) as never },
    })
    const error = await refuses(store, 'invalid-argument', () =>
      store.aggregate(kind).execute('1', 'unknown'),
    )
    assert.match(error.message, /"Unknown".*Known/)
  })

  law('events of old versions and retired types are folded as what they are today', async ({ store }) => {
    await store.stream('coupon-1').append([
      { type: 'Used', data: { code: 'a' } },
      { type: 'Gone', data: 'g' },
      { type: 'Never', data: 0 },
      { type: 'Used', data: { code: 'b', percent: 5 }, metadata: { $schemaVersion: 2 } },
      { type: 'Split', data: ['x', 'y'] },
      { type: 'Used', data: { code: 'c', percent: 7, by: 'me' }, metadata: { $schemaVersion: 3 } },
    ])
    const of = store.aggregate(coupons())
    const past = [
      [1, 'a', 10, '?'],
      [2, 'g', 1, '?'],
      [4, 'b', 5, '?'],
      [5, 'x', 2, '?'],
      [5, 'y', 2, '?'],
      [6, 'c', 7, 'me'],
    ]
    assert.deepEqual((await of.load('1')).state, past)
    const { state, events } = await of.execute('1', 'use', 'd')
    assert.deepEqual(state, [...past, [7, 'd', 1, 'now']])
    assert.deepEqual((events[0] as EventShape).metadata, { $schemaVersion: 3 })
    assert.deepEqual((await store.aggregate(coupons()).load('1')).state, state)
    assert.deepEqual((await of.load('1', { version: 5 })).state, past.slice(0, 5))
    assert.deepEqual((await of.load('1', { version: 3 })).state, past.slice(0, 2))
    await store.stream('coupon-1').append({ type: 'Used', data: {}, metadata: { $schemaVersion: 4 } })
    const error = await failureOf('unknown-event', () => of.load('1'))
    assert.deepEqual(error.details, { eventType: 'Used', streamId: 'coupon-1', version: 8, schemaVersion: 4 })
    await failureOf('unknown-event', () => of.execute('1', 'use', 'e'))
  })
}

/** Whatever happened, as `evolve` saw it. */
function witness<C extends Commands<EventShape, readonly object[]>>(
  commands: C,
): Aggregate<EventShape, readonly object[], C> {
  return defineAggregate(defineEvents<EventShape>(), {
    category: 'witness',
    initialState: (): readonly object[] => [],
    evolve: (state, event) => [...state, seenOf(event)],
    commands,
  })
}

class Money {
  readonly cents: number

  constructor(cents: number) {
    this.cents = cents
  }

  toJSON(): string {
    return `${this.cents} cents`
  }
}

const ODD: JsonObject = JSON.parse(
  '{"__proto__":{"a":1},"constructor":2,"toString":null,"":0,"\\u0000":"\\ud800"}',
)

/** Events of which a program that has just made them may see more than one that reads them. */
const EVENTS: Readonly<Record<string, () => NewEvent>> = {
  nothing: () => ({ type: 'A' }),
  'data that is undefined': () => ({ type: 'A', data: undefined, metadata: undefined }),
  null: () => ({ type: 'A', data: null }),
  'members that are undefined': () => ({ type: 'A', data: { a: undefined, b: [{ c: undefined, d: 1 }] } }),
  dates: () => ({ type: 'A', data: { at: new Date(5), in: [new Date(6)] } }),
  'minus zero': () => ({ type: 'A', data: [-0, { zero: -0 }] }),
  'objects with toJSON': () => ({ type: 'A', data: { money: new Money(5), all: { toJSON: () => 7 } } }),
  'objects of a class': () => ({
    type: 'A',
    data: Object.assign(Object.create({ inherited: 1 }), { own: 2 }),
  }),
  numbers: () => ({ type: 'A', data: [0.1, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, 1e21] }),
  texts: () => ({ type: 'A', data: ['', 'é😀', '\ud800', '\0', '\u2028'] }),
  'odd names': () => ({ type: 'A', data: ODD, metadata: ODD }),
  bytes: () => ({ type: 'A', data: Uint8Array.of(0, 255, 1), metadata: Uint8Array.of(7) }),
  'bytes that are part of others': () => ({ type: 'A', data: Uint8Array.of(0, 1, 2, 3).subarray(1, 3) }),
  'no bytes': () => ({ type: 'A', data: new Uint8Array() }),
  metadata: () => ({ type: 'A', metadata: { a: undefined, at: new Date(5), $correlationId: 'own' } }),
  'metadata that is no object': () => ({ type: 'A', metadata: 'text' }),
  'metadata that is null': () => ({ type: 'A', metadata: null }),
  'metadata that is a list': () => ({ type: 'A', metadata: [1, -0] }),
  tags: () => ({ type: 'A', tags: ['b', 'a', 'b', 'é', '\u{10000}', '\uffff'] }),
  'no tags': () => ({ type: 'A', tags: [] }),
  'its time': () => ({ type: 'A', time: new Date(-1) }),
  'a time long ago': () => ({ type: 'A', time: new Date(-8.64e15) }),
  'a time far ahead': () => ({ type: 'A', time: new Date(8.64e15) }),
  'an id': () => ({ type: 'A', id: uuidOf(5), data: 1 }),
  'a long text': () => ({ type: 'A', data: 'é'.repeat(100_000) }),
}

function schemaOf(check: (data: unknown) => unknown): StandardSchema<unknown> {
  const result = (
    made: unknown,
  ): { readonly value: unknown } | { readonly issues: { message: string; path: string[] }[] } =>
    typeof made === 'string' ? { issues: [{ message: made, path: ['name'] }] } : { value: made }
  const validate = (data: unknown): ReturnType<typeof result> | Promise<ReturnType<typeof result>> => {
    const made = check(data)
    return made instanceof Promise ? made.then(result) : result(made)
  }
  return { '~standard': { version: 1, vendor: 'laws', validate } }
}

interface Used {
  readonly code: string
  readonly percent: number
  readonly by: string
}

function coupons(): Aggregate<
  { readonly type: 'Used'; readonly data: Used },
  readonly unknown[],
  { use: (state: readonly unknown[], code: string) => { type: 'Used'; data: Used } }
> {
  const events = defineEvents(
    {
      Used: eventType<Used>({
        version: 3,
        upcast: {
          1: (data: { readonly code: string }) => ({ ...data, percent: 10 }),
          2: (data: object) => ({ ...data, by: '?' }),
        },
      }),
    },
    {
      retired: {
        Gone: ({ data }: { readonly data: string }) => ({
          type: 'Used',
          data: { code: data, percent: 1, by: '?' },
        }),
        Never: () => [],
        Split: ({ data }: { readonly data: readonly string[] }) =>
          data.map((code) => ({ type: 'Used', data: { code, percent: 2, by: '?' } })),
      },
    },
  )
  return defineAggregate(events, {
    category: 'coupon',
    exhaustive: true,
    initialState: (): readonly unknown[] => [],
    evolve: {
      Used: (state, { version, data: { code, percent, by } }) => [...state, [version, code, percent, by]],
    },
    commands: { use: (_state, code: string) => ({ type: 'Used', data: { code, percent: 1, by: 'now' } }) },
  })
}
