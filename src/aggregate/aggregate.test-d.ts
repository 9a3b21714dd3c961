import * as v from 'valibot'
import { z } from 'zod'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import type {
  Aggregate,
  Aggregates,
  CommandContext,
  FoldedEvent,
  InputOf,
} from '../store/contract-aggregates.ts'
import type { EventOf, EventTypes, StandardSchema, UpToDateEvent } from '../store/contract-event-types.ts'
import type { StoreTransaction } from '../store/contract-transactions.ts'
import type { EventShape, TransactionEvent } from '../store/event.ts'
import { aggregateFromClass } from './aggregate-from-class.ts'
import { defineAggregate } from './define-aggregate.ts'

/** Types are equal, not only assignable. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function isTrue<_Claim extends true>(): void {}

declare function aggregates<E extends EventShape, S, C>(of: Aggregate<E, S, C>): Aggregates<E, S, C>

interface Cart {
  readonly status: 'open' | 'done'
  readonly items: readonly string[]
}

type CartEvent =
  | { readonly type: 'ItemAdded'; readonly data: { readonly sku: string } }
  | { readonly type: 'CheckedOut'; readonly data: Record<string, never> }

const cart = defineAggregate(defineEvents<CartEvent>(), {
  category: 'cart',
  initialState: (): Cart => ({ status: 'open', items: [] }),
  evolve: {
    ItemAdded: (state, { data, version, time }) => ({
      ...state,
      items: [...state.items, `${data.sku} ${version} ${time.getTime()}`],
    }),
    CheckedOut: (state) => ({ ...state, status: 'done' }),
  },
  commands: {
    addItem: (state, input: { sku: string }) => {
      if (state.status === 'done') throw new Error('closed')
      return { type: 'ItemAdded', data: input }
    },
    checkout: () => ({ type: 'CheckedOut', data: {} }),
    both: (_state, _input: undefined, { now }) => [{ type: 'CheckedOut', data: {}, time: now }],
    later: async (state) => (state.items.length > 0 ? undefined : { type: 'CheckedOut', data: {} }),
    perhaps: (_state, _input: { n?: number } | undefined) => [],
    optional: (_state, _n?: number) => [],
    byDefault: (_state, _n = 1) => [],
    byDefaultThen: (_state, _n: number | undefined = 1, _context?: object) => [],
  },
  snapshots: { every: 100, when: (state, { events }) => state.status === 'done' && events > 10 },
})

declare const tx: StoreTransaction
const carts = aggregates(cart)
void carts.execute('1', 'addItem', { sku: 'a' })
void carts.execute('1', 'checkout')
void carts.execute('1', 'checkout', undefined, { idempotencyKey: 'k' })
void carts.execute('1', 'both')
void carts.execute('1', 'later')
void carts.execute('1', 'perhaps', { n: 1 })
void carts.execute('1', 'perhaps')
for (const name of ['optional', 'byDefault', 'byDefaultThen'] as const) {
  void carts.execute('1', name)
  void carts.execute('1', name, 7)
  void carts.execute('1', name, 7, { idempotencyKey: 'k' })
  void carts.execute('1', name, undefined, { idempotencyKey: 'k' })
  void carts.create('1', name, 7, { idempotencyKey: 'k' })
  void carts.within(tx).execute('1', name, 7, { correlationId: 'c' })
  // @ts-expect-error a wrong input
  void carts.execute('1', name, 'x')
  // @ts-expect-error an unknown option
  void carts.execute('1', name, 7, { expected: 1 })
}
isTrue<Equal<InputOf<() => []>, undefined>>()
isTrue<Equal<InputOf<(state: Cart) => []>, undefined>>()
isTrue<Equal<InputOf<(state: Cart, n: number) => []>, number>>()
isTrue<Equal<InputOf<(state: Cart, n?: number) => []>, number | undefined>>()
isTrue<Equal<InputOf<(state: Cart, n?: number, context?: CommandContext) => []>, number | undefined>>()
isTrue<Equal<InputOf<(state: Cart, n: undefined, context: CommandContext) => []>, undefined>>()
// @ts-expect-error a command without an input
void carts.execute('1', 'checkout', 7)
// @ts-expect-error an input is missing
void carts.execute('1', 'addItem')
// @ts-expect-error an unknown command
void carts.execute('1', 'addItems', { sku: 'a' })
// @ts-expect-error a wrong field of an input
void carts.execute('1', 'addItem', { skuu: 'a' })
// @ts-expect-error an unknown option
void carts.execute('1', 'addItem', { sku: 'a' }, { expected: 1 })
void carts.execute('1', 'addItem', { sku: 'a' }).then(({ state, events, position }) => {
  isTrue<Equal<typeof state, Cart>>()
  isTrue<Equal<(typeof events)[number]['type'], 'ItemAdded' | 'CheckedOut'>>()
  isTrue<Equal<typeof position, bigint | undefined>>()
})
void carts.load('1', { asOf: new Date() }).then(({ state }) => isTrue<Equal<typeof state, Cart>>())

declare const itemSchema: StandardSchema<{ sku: string }>
const cartEvents = defineEvents(
  { ItemAdded: itemSchema, CheckedOut: eventType<{ total: number }>(), Emptied: eventType() },
  {
    retired: {
      ProductAdded: ({ data }: { data: { sku: string } }) => ({ type: 'ItemAdded', data }),
      Viewed: () => [],
      // @ts-expect-error what it was must be said
      Renamed: ({ data }) => ({ type: 'ItemAdded', data: { sku: data.name } }),
      Both: () => [{ type: 'Emptied' }, { type: 'CheckedOut', data: { total: 1 } }],
      // @ts-expect-error a misspelt type
      Wrong: () => ({ type: 'Empty' }),
    },
  },
)

const counted = defineAggregate(cartEvents, {
  category: 'cart',
  initialState: () => ({ items: [] as string[], isDone: false }),
  exhaustive: true,
  evolve: {
    ItemAdded: (state, { data }) => ({ ...state, items: [...state.items, data.sku] }),
    CheckedOut: (state, { data }) => ({ ...state, isDone: data.total > 1 }),
    Emptied: (state) => ({ ...state, items: [] }),
  },
  commands: {
    empty: () => ({ type: 'Emptied' }),
    add: (state, sku: string) =>
      state.isDone
        ? []
        : [
            { type: 'ItemAdded', data: { sku } },
            { type: 'CheckedOut', data: { total: state.items.length } },
          ],
  },
})
void aggregates(counted).execute('1', 'empty')
void aggregates(counted).execute('1', 'add', 'x')
// @ts-expect-error a wrong input
void aggregates(counted).execute('1', 'add', 7)

defineAggregate(cartEvents, {
  category: 'cart',
  initialState: () => ({ items: [] as string[], isDone: false }),
  evolve: (state, event) => (event.type === 'ItemAdded' ? { ...state, items: [event.data.sku] } : state),
  commands: {},
})

defineAggregate(cartEvents, {
  category: 'cart',
  initialState: () => ({ items: [] as string[], isDone: false }),
  evolve: {
    // @ts-expect-error a misspelt type
    ItemAded: (state) => state,
  },
  commands: {
    // @ts-expect-error a misspelt type
    empty: () => ({ type: 'Emptid' }),
    // @ts-expect-error a wrong field
    add: (_state, sku: string) => ({ type: 'ItemAdded', data: { skuu: sku } }),
  },
})

defineAggregate(cartEvents, {
  category: 'cart',
  initialState: () => ({ items: [] as string[], isDone: false }),
  evolve: {
    // @ts-expect-error a field that the event does not have
    ItemAdded: (state, { data }) => ({ ...state, items: [data.skuu] }),
    // @ts-expect-error a state of another type
    CheckedOut: (state) => ({ ...state, isDone: 'yes' }),
  },
  commands: {},
})

defineAggregate(cartEvents, {
  category: 'cart',
  initialState: () => ({ items: [] as string[], isDone: false }),
  exhaustive: true,
  // @ts-expect-error cases are missing
  evolve: { ItemAdded: (state) => state },
  commands: {},
})

/** A schema as Standard Schema itself describes it, with more than is asked for; those of arktype are functions. */
interface ArkLike<Input, Output> {
  (value: unknown): Output
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly validate: (
      value: unknown,
      options?: { readonly libraryOptions?: Record<string, unknown> | undefined } | undefined,
    ) => ArkResult<Output> | Promise<ArkResult<Output>>
  }
}

type ArkResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: ReadonlyArray<{
        readonly message: string
        readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
      }>
    }

declare const ark: ArkLike<{ at: string }, { at: number }>
const zodItem = z.object({ sku: z.string(), quantity: z.number().default(1) })
const valibotItem = v.pipeAsync(
  v.object({ sku: v.string(), quantity: v.optional(v.number(), 1) }),
  v.checkAsync(async () => true),
)

// Schemas of any library are such, without casts.
const schemas: readonly StandardSchema<{ sku: string; quantity: number }>[] = [zodItem, valibotItem]
const schemaOfArk: StandardSchema<{ at: number }> = ark
// @ts-expect-error another output
const wrongSchema: StandardSchema<{ sku: number }> = zodItem
void [schemas, schemaOfArk, wrongSchema]

const inferred = defineEvents({
  OfZod: zodItem,
  OfValibot: valibotItem,
  OfArk: ark,
  Later: eventType({
    schema: z.object({ percent: z.number() }),
    version: 2,
    upcast: { 1: (data: { code: string }) => ({ percent: data.code.length }) },
  }),
  Either: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a') }),
    z.object({ kind: z.literal('b'), text: z.string() }),
  ]),
  Perhaps: v.optional(v.string()),
  Typed: eventType<{ readonly n: number }>(),
  Bare: eventType(),
})

type InferredEvent = typeof inferred extends EventTypes<infer E> ? E : never
interface Item {
  sku: string
  quantity: number
}
type DataOf<Type extends InferredEvent['type']> = Extract<InferredEvent, { readonly type: Type }>['data']
isTrue<Equal<DataOf<'OfZod'>, Item>>()
isTrue<Equal<DataOf<'OfValibot'>, Item>>()
isTrue<Equal<DataOf<'OfArk'>, { at: number }>>()
isTrue<Equal<DataOf<'Later'>, { percent: number }>>()
isTrue<Equal<DataOf<'Either'>, { kind: 'a' } | { kind: 'b'; text: string }>>()
isTrue<Equal<DataOf<'Perhaps'>, string | undefined>>()
isTrue<Equal<DataOf<'Typed'>, { readonly n: number }>>()
isTrue<Equal<DataOf<'Bare'>, undefined>>()
// Data may be left out if it may be undefined, and only then.
const bare: InferredEvent = { type: 'Bare' }
const perhaps: InferredEvent = { type: 'Perhaps' }
// @ts-expect-error data is missing
const typed: InferredEvent = { type: 'Typed' }
// @ts-expect-error it has no data
const full: InferredEvent = { type: 'Bare', data: 1 }
void [bare, perhaps, typed, full]

isTrue<Equal<EventOf<typeof cartEvents>['type'], 'ItemAdded' | 'CheckedOut' | 'Emptied'>>()

// Metadata can be looked at, and is unknown unless the event's own type says what it is.
type NotedEvent = { type: 'Noted'; data: string } | { type: 'Signed'; metadata: { readonly by: string } }
class Notes {
  note(text = ''): NotedEvent[] {
    return [{ type: 'Noted', data: text }]
  }
  apply({ metadata }: FoldedEvent<NotedEvent>): void {
    isTrue<Equal<typeof metadata, unknown>>()
  }
}
const notedEvents = defineEvents<NotedEvent>()
const notes = aggregateFromClass(notedEvents, {
  category: 'notes',
  create: () => new Notes(),
  apply: (state, event) => {
    isTrue<Equal<typeof event.metadata, unknown>>()
    state.apply(event)
  },
  copy: () => new Notes(),
})
void aggregates(notes).execute('1', 'note')
void aggregates(notes).execute('1', 'note', 'a', { idempotencyKey: 'k' })
defineAggregate(notedEvents, {
  category: 'notes',
  initialState: () => '',
  evolve: {
    Noted: (_state, { metadata, data }) => {
      isTrue<Equal<typeof metadata, unknown>>()
      return data
    },
    Signed: (_state, { metadata }) => metadata.by,
  },
  commands: {},
})
void carts.execute('1', 'checkout').then(({ events: [event] }) => {
  isTrue<Equal<NonNullable<typeof event>['metadata'], unknown>>()
})
for await (const event of carts.stream('1').read()) isTrue<Equal<typeof event.metadata, unknown>>()
declare const stored: TransactionEvent
const [today] = (await notedEvents.upToDate(stored)) as [UpToDateEvent<NotedEvent>]
isTrue<Equal<typeof today.metadata, unknown>>()
if (today.type === 'Signed') isTrue<Equal<typeof today.metadata, { readonly by: string }>>()
isTrue<Equal<typeof today.link, TransactionEvent['link']>>()
isTrue<Equal<ReturnType<typeof today.toJSON>, ReturnType<TransactionEvent['toJSON']>>>()
// @ts-expect-error it is read, and not written
today.link = undefined

// What docs/aggregates.md says of mistakes: which of them compile, and which do not.
defineAggregate(defineEvents<CartEvent>(), {
  category: 'cart',
  initialState: (): Cart => ({ status: 'open', items: [] }),
  evolve: {
    ItemAdded: (state, { data }) => {
      // @ts-expect-error the state's type says that it does not change
      state.items.push(data.sku)
      return state
    },
  },
  commands: {
    superfluous: (_state, sku: string) => ({ type: 'ItemAdded', data: { sku, color: 'red' } }),
    // @ts-expect-error a field too many in what is said to be an event
    annotated: (_state, sku: string): CartEvent => ({ type: 'ItemAdded', data: { sku, color: 'red' } }),
    collected: (_state, skus: readonly string[]) => {
      const out: CartEvent[] = []
      for (const sku of skus) out.push({ type: 'ItemAdded', data: { sku } })
      return out
    },
    // @ts-expect-error a list of which nobody knows what it holds
    untyped: (_state, skus: readonly string[]) => {
      const out = []
      for (const sku of skus) out.push({ type: 'ItemAdded', data: { sku } })
      return out
    },
  },
})
// @ts-expect-error a field too many of an input
void carts.execute('1', 'addItem', { sku: 'a', color: 'red' })
// @ts-expect-error a default is filled in, but what is given out has it
void inferred.checked({ type: 'OfZod', data: { sku: 'a' } })

class Tally {
  sum = 0
  typed(text: string): NotedEvent {
    return { type: 'Noted', data: text }
  }
  constant(this: Readonly<Tally>, text: string) {
    // @ts-expect-error only events change it
    this.sum += 1
    return { type: 'Noted' as const, data: text }
  }
  vague(text: string) {
    return { type: 'Noted', data: text }
  }
}
const tallies = aggregates(
  aggregateFromClass(notedEvents, {
    category: 'tally',
    create: () => new Tally(),
    apply: () => {},
    copy: () => new Tally(),
  }),
)
void tallies.execute('1', 'typed', 'a')
void tallies.execute('1', 'constant', 'a')
// @ts-expect-error it returns events of any type
void tallies.execute('1', 'vague', 'a')
