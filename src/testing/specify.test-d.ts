import { aggregateFromClass } from '../aggregate/aggregate-from-class.ts'
import { aggregateFromDecider } from '../aggregate/aggregate-from-decider.ts'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { type EventDbError, ValidationError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { specify } from './specify.ts'

/** What the types must infer, and what must not compile. Nothing here runs. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function isTrue<_Claim extends true>(): void {}

type CartEvent =
  | {
      readonly type: 'ItemAdded'
      readonly data: { readonly sku: string }
      readonly metadata: { readonly by: string }
    }
  | { readonly type: 'CheckedOut' }

const cart = defineAggregate(defineEvents<CartEvent>(), {
  category: 'cart',
  initialState: () => ({ items: [] as readonly string[] }),
  evolve: { ItemAdded: (state, { data }) => ({ items: [...state.items, data.sku] }) },
  commands: {
    addItem: (_state, { sku }: { readonly sku: string }) => ({
      type: 'ItemAdded',
      data: { sku },
      metadata: { by: 'me' },
    }),
    checkOut: () => ({ type: 'CheckedOut' }),
    later: async () => ({ type: 'CheckedOut' }),
    sometimes: (state, _input: undefined) =>
      state.items.length > 0 ? Promise.resolve([]) : { type: 'CheckedOut' },
    optional: (_state, _n?: number) => [],
    byDefault: (_state, _n = 1) => ({ type: 'CheckedOut' }),
    never: () => {
      throw new Error('no')
    },
  },
})

const added = { type: 'ItemAdded', data: { sku: 'a' }, metadata: { by: 'me' } } as const

function givenEventsAreThoseOfTheAggregate(): void {
  const { given } = specify(cart, { now: new Date(0), id: '1' })
  given([])
  given(added)
  given([added, { ...added, time: new Date(0), tags: ['t'] }, { type: 'CheckedOut' }])
  given({ type: 'Renamed', data: { any: 1 }, metadata: { $schemaVersion: 1, by: 'me' }, tags: ['t'] })
  given([added, { type: 'ItemAdded', data: 'an old form', metadata: { $schemaVersion: 1 } }])
  // @ts-expect-error a misspelt type
  given({ type: 'ItemAded', data: { sku: 'a' }, metadata: { by: 'me' } })
  // @ts-expect-error a misspelt field
  given([{ type: 'ItemAdded', data: { skuu: 'a' }, metadata: { by: 'me' } }])
  // @ts-expect-error metadata is missing
  given({ type: 'ItemAdded', data: { sku: 'a' } })
  // @ts-expect-error an unknown option
  specify(cart, { clock: new Date(0) })
}

function commandsHaveTheirInputs(): void {
  const { given } = specify(cart)
  given([]).when('addItem', { sku: 'a' })
  given([]).when('addItem', { sku: 'a' }, { expectedVersion: 'no-stream', metadata: { by: 'me' } })
  given([]).when('checkOut')
  given([]).when('checkOut', undefined, { correlationId: 'c' })
  // @ts-expect-error a misspelt command
  given([]).when('addItems', { sku: 'a' })
  // @ts-expect-error an input is missing
  given([]).when('addItem')
  // @ts-expect-error a wrong input
  given([]).when('addItem', { sku: 1 })
  given([]).when('optional')
  given([]).when('optional', 7)
  given([]).when('byDefault', 7, { correlationId: 'c' })
  given([]).when('byDefault', undefined, { correlationId: 'c' })
  // @ts-expect-error a wrong input
  given([]).when('byDefault', 'x')
  // @ts-expect-error there is no store that could remember it
  given([]).when('checkOut', undefined, { idempotencyKey: 'k' })
}

function expectationsAreTyped(): void {
  const outcome = specify(cart).given([]).when('addItem', { sku: 'a' })
  outcome.then([])
  outcome.then({ type: 'ItemAdded', data: { sku: 'a' } })
  outcome.then({ type: 'ItemAdded', data: { sku: 'a' }, metadata: { by: 'me' }, tags: ['t'], id: 'x' })
  outcome.then([{ type: 'CheckedOut', metadata: { $correlationId: 'c' }, time: new Date(0) }])
  // @ts-expect-error a misspelt type
  outcome.then({ type: 'ItemAded', data: { sku: 'a' } })
  // @ts-expect-error data is missing
  outcome.then({ type: 'ItemAdded' })
  // @ts-expect-error a misspelt field
  outcome.then([{ type: 'ItemAdded', data: { skuu: 'a' } }])
  // @ts-expect-error a misspelt field of the event
  outcome.then({ type: 'CheckedOut', tag: ['t'] })
  // @ts-expect-error nothing is expected
  outcome.then()
  outcome.thenState({ items: ['a'] })
  outcome.thenState(({ items }) => items.length === 1)
  // @ts-expect-error a wrong state
  outcome.thenState({ items: [1] })
  // @ts-expect-error a wrong state
  specify(cart).given([]).thenState({ item: [] })
  // @ts-expect-error a function that tells nothing
  outcome.thenState(({ items }) => items.length)
  outcome.thenThrows(ValidationError)
  outcome.thenThrows(Error)
  outcome.thenThrows(/closed/)
  outcome.thenThrows((error) => error.message === 'no')
  outcome.thenThrows((error: ValidationError) => error.details.issues.length === 1)
  outcome.thenThrows((error: EventDbError) => error.code === 'closed')
  outcome.thenThrows({ code: 'closed' })
  // @ts-expect-error a text, of which it is not known whether all of it must be there
  outcome.thenThrows('closed')
  // @ts-expect-error any error, so also one of a mistake
  outcome.thenThrows()
  // @ts-expect-error a function that tells nothing
  outcome.thenThrows((error: Error) => error.message)
}

function onlyWhatIsAsynchronousReturnsPromises(): void {
  const { given } = specify(cart)
  const at = given([]).when('checkOut').then([])
  isTrue<Equal<typeof at, undefined>>()
  const never = given([]).when('never').thenThrows(Error)
  isTrue<Equal<typeof never, undefined>>()
  const later = given([]).when('later').thenNothing()
  isTrue<Equal<typeof later, Promise<void>>>()
  const sometimes = given([]).when('sometimes').thenState({ items: [] })
  isTrue<Equal<typeof sometimes, undefined | Promise<void>>>()
  const state = given([]).thenState({ items: [] })
  isTrue<Equal<typeof state, undefined>>()
  const whole = specify(cart, { async: true })
  const always = whole.given([]).when('checkOut').thenNothing()
  isTrue<Equal<typeof always, Promise<void>>>()
  const loaded = whole.given([]).thenState({ items: [] })
  isTrue<Equal<typeof loaded, Promise<void>>>()
}

async function whatWhenReturnsIsNoPromise(): Promise<void> {
  const { given } = specify(cart)
  // @ts-expect-error its `then` is that of given, when, then
  await given([]).when('later')
  await given([]).when('later').then([])
}

function otherKindsAreTyped(): void {
  class Counter {
    sum = 0
    count(by: number): { type: 'Counted'; data: { by: number } }[] {
      return [{ type: 'Counted', data: { by } }]
    }
    async countLater(by: number): Promise<{ type: 'Counted'; data: { by: number } }> {
      return { type: 'Counted', data: { by } }
    }
    apply(event: { type: 'Counted'; data: { by: number } }): void {
      this.sum += event.data.by
    }
  }
  const counter = aggregateFromClass(defineEvents<{ type: 'Counted'; data: { by: number } }>(), {
    category: 'counter',
    create: () => new Counter(),
    apply: (state, event) => state.apply(event),
    copy: ({ sum }) => Object.assign(new Counter(), { sum }),
  })
  const { given } = specify(counter)
  const counted = given([])
    .when('count', 1)
    .then({ type: 'Counted', data: { by: 1 } })
  isTrue<Equal<typeof counted, undefined>>()
  const later = given([]).when('countLater', 1).thenState(new Counter())
  isTrue<Equal<typeof later, Promise<void>>>()
  // @ts-expect-error it changes the object, so it is no command
  given([]).when('apply', { type: 'Counted', data: { by: 1 } })

  type Command = { type: 'Count'; by: number } | { type: 'Reset' }
  const decider = aggregateFromDecider(
    {
      initialState: 0,
      evolve: (sum: number, _event: { type: 'Counted' }) => sum + 1,
      decide: (_command: Command, _state: number): { type: 'Counted' }[] => [],
    },
    { category: 'counter' },
  )
  const decided = specify(decider).given({ type: 'Counted' })
  decided.when({ type: 'Count', by: 1 }).then([{ type: 'Counted' }])
  decided.when({ type: 'Reset' }, { expectedVersion: 1 }).thenState(1)
  // @ts-expect-error a misspelt command
  decided.when({ type: 'Rest' })
  // @ts-expect-error a wrong field
  decided.when({ type: 'Count', by: 'x' })
  // @ts-expect-error another event
  decided.when({ type: 'Reset' }).then({ type: 'Count' })
}

/** Named once each, as unused functions are errors. */
export const checks: readonly unknown[] = [
  givenEventsAreThoseOfTheAggregate,
  commandsHaveTheirInputs,
  expectationsAreTyped,
  onlyWhatIsAsynchronousReturnsPromises,
  whatWhenReturnsIsNoPromise,
  otherKindsAreTyped,
]
