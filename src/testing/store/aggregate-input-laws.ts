import assert from 'node:assert/strict'
import { aggregateFromClass } from '../../aggregate/aggregate-from-class.ts'
import { aggregateFromDecider } from '../../aggregate/aggregate-from-decider.ts'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import {
  AGGREGATE_CACHE_STATES_MAX,
  IDEMPOTENCY_KEY_BYTES_MAX,
  SNAPSHOT_NAME_BYTES_MAX,
  STREAM_ID_BYTES_MAX,
} from '../../limits.ts'
import type { Aggregates } from '../../store/contract-aggregates.ts'
import { lists, ofAggregates } from './aggregate-examples.ts'
import { everythingIn, failureOf, type StoreLaws } from './laws.ts'

/** What is no definition, no call and no option, and how people are told. */
export function aggregateInputLaws(laws: StoreLaws): void {
  const { law } = ofAggregates(laws)

  for (const [what, [settings, message, code = 'invalid-argument']] of Object.entries(SETTINGS)) {
    law(`a definition with ${what} is refused`, async () => {
      for (const define of [defineWith, decideWith, classWith]) {
        const error = await failureOf(code, () => define(settings))
        assert.match(error.message, message)
      }
    })
  }

  for (const [what, [definition, message]] of Object.entries(DEFINITIONS)) {
    law(`defineAggregate() with ${what} is refused`, async () => {
      const error = await failureOf('invalid-argument', () => defineWith(definition))
      assert.match(error.message, message)
    })
  }

  law('settings at their bounds are taken', async ({ store }) => {
    const name = 'é'.repeat(SNAPSHOT_NAME_BYTES_MAX / 2)
    for (const settings of [
      { cacheMax: 0 },
      { cacheMax: AGGREGATE_CACHE_STATES_MAX },
      { cacheMax: undefined, hidden: undefined, snapshots: undefined },
      { hidden: 'refuse' },
      { hidden: 'skip' },
      { snapshots: { every: 1, keep: 1, schemaVersion: 0, name } },
      { snapshots: { loadMs: 0 } },
      { snapshots: { loadMs: 0.5, every: undefined, when: undefined } },
      { snapshots: { when: () => true } },
      {
        snapshots: {
          every: Number.MAX_SAFE_INTEGER,
          encode: () => null,
          decode: () => 0,
          onProblem: () => {},
        },
      },
      { category: 'x'.repeat(STREAM_ID_BYTES_MAX - 2) },
    ]) {
      const kind = defineWith(settings)
      const of = store.aggregate(kind as ReturnType<typeof lists>)
      assert.equal((await of.load('1')).version, 0)
    }
    await store.close()
  })

  law('what is not made by defineEvents is no description of events', async () => {
    for (const events of [undefined, null, 'Added', {}, { Added: eventType() }, []]) {
      const all = [
        () => defineAggregate(events as never, DEFINITION as never),
        () => aggregateFromClass(events as never, { category: 'c', ...CLASS } as never),
        () => aggregateFromDecider(DECIDER, { category: 'c', events: events as never }),
      ]
      for (const [at, define] of all.entries()) {
        if (at === 2 && events === undefined) continue
        const error = await failureOf('invalid-argument', define)
        assert.match(error.message, /defineEvents/)
      }
    }
  })

  law('evolve has cases for the types that there are', async () => {
    const events = defineEvents({ Added: eventType<number>() })
    const error = await failureOf('invalid-argument', () =>
      defineAggregate(events, { ...DEFINITION, evolve: { Aded: () => 0 } } as never),
    )
    assert.match(error.message, /Aded.*Added/)
    assert.deepEqual(error.details, { type: 'Aded' })
  })

  law('a decider and a class have their functions', async () => {
    for (const [wrong, message] of [
      [{ ...DECIDER, evolve: undefined }, /evolve of a decider must be a function, not undefined/],
      [{ ...DECIDER, decide: 7 }, /decide of a decider must be a function, not 7/],
    ] as const) {
      const error = await failureOf('invalid-argument', () =>
        aggregateFromDecider(wrong as never, { category: 'c' }),
      )
      assert.match(error.message, message)
    }
    for (const [wrong, message] of [
      [{ ...CLASS, create: undefined }, /create must be a function, not undefined/],
      [{ ...CLASS, apply: {} }, /apply must be a function/],
      [{ ...CLASS, copy: null }, /copy must be a function, not null/],
      [{ ...CLASS, create: () => 7 }, /create must make an object, not 7/],
      [{ ...CLASS, evolve: () => {} }, /cannot have "evolve"/],
    ] as const) {
      const error = await failureOf('invalid-argument', () =>
        aggregateFromClass(defineEvents(), { category: 'c', ...wrong } as never),
      )
      assert.match(error.message, message)
    }
    const error = await failureOf('invalid-argument', () =>
      aggregateFromDecider(DECIDER, { category: 'c', commands: {} } as never),
    )
    assert.match(error.message, /cannot have "commands"/)
  })

  law('what is not made by defineAggregate or its siblings is no kind', async ({ store }) => {
    for (const kind of [undefined, null, 'cart', {}, { commands: {}, evolve: () => 0 }, DEFINITION]) {
      const error = await failureOf('invalid-argument', () => store.aggregate(kind as never))
      assert.match(error.message, /defineAggregate/)
    }
    const error = await failureOf('invalid-argument', () => store.aggregate(lists({ category: 'a-list' })))
    assert.match(error.message, /"a-list" contains "-"/)
    assert.deepEqual(error.details, { category: 'a-list', separator: '-' })
  })

  for (const [what, [options, message, code = 'invalid-argument']] of Object.entries(OPTIONS)) {
    law(`a command with ${what} is refused`, async ({ store }) => {
      const of = store.aggregate(lists())
      const before = await everythingIn(store)
      const calls = [
        () => of.execute('1', 'add', 1, options as object),
        () => of.create('1', 'add', 1, options as object),
        () =>
          store
            .aggregate(aggregateFromDecider(DECIDER, { category: 'd' }))
            .execute('1', 1, options as object),
      ]
      for (const call of calls) {
        const error = await failureOf(code, call)
        assert.match(error.message, message)
      }
      assert.equal(await everythingIn(store), before)
    })
  }

  law('an unknown command is refused, with the names of those that there are', async ({ store }) => {
    const of = store.aggregate(lists()) as unknown as Aggregates<
      never,
      never,
      Record<string, () => undefined>
    >
    for (const name of ['ad', '', 'toString', 'constructor', '__proto__', undefined, null, 7, {}]) {
      const error = await failureOf('invalid-argument', () => of.execute('1', name as string))
      assert.match(error.message, /There is no command .*, only add, /)
      await store.transact(async (tx) => {
        await failureOf('invalid-argument', () => of.within(tx).execute('1', name as string))
      })
    }
  })

  law('an id is a name, and so is what it makes with its category', async ({ store }) => {
    const of = store.aggregate(lists())
    const longest = 'x'.repeat(STREAM_ID_BYTES_MAX - 'list-'.length)
    const uses: ((id: string) => unknown)[] = [
      (id) => of.load(id),
      (id) => of.execute(id, 'add', 1),
      (id) => of.create(id, 'add', 1),
      (id) => of.stream(id),
      (id) => store.transact((tx) => of.within(tx).load(id)),
      (id) => store.transact((tx) => of.within(tx).execute(id, 'add', 1)),
    ]
    const before = await everythingIn(store)
    for (const use of uses) {
      for (const id of ['', 'a\0b', '\ud800', 7, null, undefined, {}]) {
        await failureOf('invalid-argument', () => use(id as string), `${id}`)
      }
      await failureOf('limit-exceeded', () => use(`${longest}x`))
      await failureOf('limit-exceeded', () => use('x'.repeat(STREAM_ID_BYTES_MAX + 1)))
    }
    assert.equal(await everythingIn(store), before)
    assert.equal((await of.execute(longest, 'add', 1)).version, 1)
    for (const id of ['$x', '-', ' ', '../..', 'é😀', '1'])
      assert.equal((await of.execute(id, 'add', 1)).version, 1)
  })

  for (const [what, [options, message]] of Object.entries(LOADS)) {
    law(`load() with ${what} is refused`, async ({ store }) => {
      const of = store.aggregate(lists())
      await of.execute('1', 'add', 1)
      for (const load of [
        () => of.load('1', options as object),
        () => store.transact((tx) => of.within(tx).load('1', options as object)),
      ]) {
        const error = await failureOf('invalid-argument', load)
        assert.match(error.message, message)
      }
    })
  }

  law('load() within a transaction has no signal', async ({ store }) => {
    const of = store.aggregate(lists())
    const options = { signal: AbortSignal.abort() } as object
    await failureOf('invalid-argument', () => store.transact((tx) => of.within(tx).load('1', options)))
  })
}

const DEFINITION = { category: 'c', initialState: () => 0, evolve: {}, commands: {} }
const DECIDER = {
  initialState: 0,
  evolve: (state: number) => state,
  decide: () => ({ type: 'Added', data: 1 }) as const,
}
const CLASS = { create: () => ({}), apply: () => {}, copy: () => ({}) }

function defineWith(settings: object): unknown {
  return defineAggregate(defineEvents(), { ...DEFINITION, ...settings } as never)
}

function decideWith(settings: object): unknown {
  return aggregateFromDecider(DECIDER, { category: 'c', ...settings } as never)
}

function classWith(settings: object): unknown {
  return aggregateFromClass(defineEvents(), { category: 'c', ...CLASS, ...settings } as never)
}

type Wrong = readonly [given: unknown, message: RegExp, code?: string]
type WrongSettings = readonly [given: object, message: RegExp, code?: string]

const tooLong = 'x'.repeat(STREAM_ID_BYTES_MAX + 1)
const policy = (given: object): object => ({ snapshots: { every: 1, ...given } })

/** What can be said of no kind. */
const SETTINGS: Readonly<Record<string, WrongSettings>> = {
  'no category': [{ category: undefined }, /category .* must be a string, not undefined/],
  'an empty category': [{ category: '' }, /category .* must not be empty/],
  'NUL in its category': [{ category: 'a\0b' }, /category .* NUL/],
  'a category that is too long': [{ category: tooLong }, /category .* too large/, 'limit-exceeded'],
  'a category of the system': [{ category: '$cart' }, /begin with \$/],
  'another word for hidden': [{ hidden: 'ignore' }, /hidden is 'refuse' or 'skip', not "ignore"/],
  'a cache of less than nothing': [{ cacheMax: -1 }, /cacheMax is a whole number from 0 to 1000000, not -1/],
  'a cache that is too large': [{ cacheMax: AGGREGATE_CACHE_STATES_MAX + 1 }, /cacheMax .* not 1000001/],
  'a cache of a half': [{ cacheMax: 0.5 }, /cacheMax .* not 0.5/],
  'a misspelt name': [{ snapshot: {} }, /cannot have "snapshot", only/],
  'a policy that is none': [{ snapshots: 7 }, /snapshot policy must be an object, not 7/],
  'a policy that is null': [{ snapshots: null }, /snapshot policy must be an object, not null/],
  'a policy without a condition': [{ snapshots: { keep: 1 } }, /needs `every`, `loadMs` or `when`/],
  'a policy with a misspelt name': [policy({ evry: 1 }), /snapshot policy cannot have "evry"/],
  'every 0': [policy({ every: 0 }), /every is a whole number from 1 on, not 0/],
  'every as a text': [policy({ every: '5' }), /every .* not "5"/],
  'a schemaVersion below 0': [
    policy({ schemaVersion: -1 }),
    /schemaVersion is a whole number from 0 on, not -1/,
  ],
  'keep 0': [policy({ keep: 0 }), /keep is a whole number from 1 on, not 0/],
  'a negative loadMs': [policy({ loadMs: -1 }), /loadMs is a number of milliseconds from 0 on, not -1/],
  'a loadMs that is no number': [policy({ loadMs: Number.NaN }), /loadMs .* not NaN/],
  'when that is no function': [policy({ when: true }), /when must be a function, not true/],
  'onProblem that is no function': [policy({ onProblem: 'log' }), /onProblem must be a function, not "log"/],
  'encode without decode': [policy({ encode: () => 1 }), /encode and decode .* need each other/],
  'decode without encode': [policy({ decode: () => 1 }), /encode and decode .* need each other/],
  'an empty name of snapshots': [policy({ name: '' }), /name of snapshots must not be empty/],
  'a name of snapshots that is too long': [
    policy({ name: 'x'.repeat(SNAPSHOT_NAME_BYTES_MAX + 1) }),
    /name of snapshots is too large/,
    'limit-exceeded',
  ],
}

/** What only `defineAggregate` refuses. */
const DEFINITIONS: Readonly<Record<string, WrongSettings>> = {
  'an initial state that is no function': [{ initialState: {} }, /initialState must be a function/],
  'no initial state': [{ initialState: undefined }, /initialState must be a function, not undefined/],
  'no evolve': [{ evolve: undefined }, /evolve must be an object, not undefined/],
  'evolve that is null': [{ evolve: null }, /evolve must be an object, not null/],
  'a case that is no function': [{ evolve: { Added: 1 } }, /evolve.Added must be a function, not 1/],
  'no commands': [{ commands: undefined }, /commands must be an object, not undefined/],
  'a command that is no function': [{ commands: { add: 'x' } }, /commands.add must be a function, not "x"/],
  'exhaustive that is no boolean': [{ exhaustive: 'yes' }, /exhaustive/],
}

/** What is no option of a command. */
const OPTIONS: Readonly<Record<string, Wrong>> = {
  'options that are null': [null, /options of a command must be an object, not null/],
  'options that are a text': ['k', /options of a command must be an object, not "k"/],
  'a misspelt option': [{ idempotencykey: 'k' }, /cannot have "idempotencykey", only/],
  "expectedVersion 'any'": [{ expectedVersion: 'any' }, /expectedVersion .*"any"/],
  "expectedVersion 'deleted'": [{ expectedVersion: 'deleted' }, /expectedVersion .*"deleted"/],
  'a negative expectedVersion': [{ expectedVersion: -1 }, /expectedVersion .*-1/],
  'an expectedVersion of a half': [{ expectedVersion: 0.5 }, /expectedVersion .*0.5/],
  'an expectedVersion that is a bigint': [{ expectedVersion: 1n }, /expectedVersion .*1n/],
  'a negative retriesMax': [{ retriesMax: -1 }, /retriesMax is a whole number from 0 on, not -1/],
  'a retriesMax that is a text': [{ retriesMax: '1' }, /retriesMax .* not "1"/],
  'an empty key': [{ idempotencyKey: '' }, /idempotency key must not be empty/],
  'a key that is no text': [{ idempotencyKey: 7 }, /idempotency key must be a string, not number/],
  'a key that is too long': [
    { idempotencyKey: 'x'.repeat(IDEMPOTENCY_KEY_BYTES_MAX + 1) },
    /idempotency key is too large/,
    'limit-exceeded',
  ],
  'metadata that is a text': [{ metadata: 'x' }, /metadata of a command must be an object, not "x"/],
  'metadata that is null': [{ metadata: null }, /metadata of a command must be an object, not null/],
  'metadata that is a list': [{ metadata: [] }, /metadata of a command must be an object/],
  'metadata that is bytes': [{ metadata: Uint8Array.of(1) }, /metadata of a command must be an object/],
  'metadata that cannot be stored': [{ metadata: { a: 1n } }, /metadata\.a/, 'unserializable'],
  'a correlationId that is no text': [{ correlationId: 7 }, /correlationId must be a string, not 7/],
  'a causationId that is no text': [{ causationId: null }, /causationId must be a string, not null/],
  'a cause that is no event': [{ causedBy: {} }, /causedBy must be an event/],
  'a cause that is null': [{ causedBy: null }, /causedBy must be an event, not null/],
}

/** What cannot be loaded. */
const LOADS: Readonly<Record<string, Wrong>> = {
  'options that are null': [null, /options of load must be an object, not null/],
  'a misspelt option': [{ asof: new Date(0) }, /cannot have "asof", only version, asOf/],
  'a negative version': [{ version: -1 }, /version is a whole number from 0 on, not -1/],
  'a version of a half': [{ version: 0.5 }, /version .* not 0.5/],
  'a version that is a text': [{ version: '1' }, /version .* not "1"/],
  'a version that is null': [{ version: null }, /version .* not null/],
  'a time that is a number': [{ asOf: 5 }, /asOf must be a valid Date, not 5/],
  'an invalid time': [{ asOf: new Date(Number.NaN) }, /asOf must be a valid Date, not Invalid Date/],
}
