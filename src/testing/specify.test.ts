import { AssertionError } from 'node:assert'
import { describe, expect, test } from 'vitest'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { defineEvents } from '../events/define-events.ts'
import { specify } from './specify.ts'

type CartEvent =
  | { type: 'ItemAdded'; data: { sku: string; gift?: boolean | undefined }; metadata?: { by: string } }
  | { type: 'CheckedOut'; data: { items: number } }

class ClosedCart extends Error {
  readonly code = 'closed'
  readonly details: { readonly items: readonly string[]; readonly at: Date }

  constructor(items: readonly string[], at: Date) {
    super('The cart is closed')
    this.name = 'ClosedCart'
    this.details = { items, at }
  }
}

const cart = defineAggregate(defineEvents<CartEvent>(), {
  category: 'cart',
  initialState: () => ({ isOpen: true, items: [] as string[] }),
  evolve: {
    ItemAdded: (state, { data }) => ({ ...state, items: [...state.items, data.sku] }),
    CheckedOut: (state) => ({ ...state, isOpen: false }),
  },
  commands: {
    addItem: (state, input: { sku: string; gift?: boolean | undefined }, { now }) => {
      if (!state.isOpen) throw new ClosedCart(state.items, now)
      return { type: 'ItemAdded', data: input }
    },
    addAll: (_state, skus: readonly string[]) => skus.map((sku) => ({ type: 'ItemAdded', data: { sku } })),
    addTagged: (_state, _input: undefined, { id, streamId, now }) => ({
      type: 'ItemAdded',
      data: { sku: `${id} of ${streamId}` },
      metadata: { by: 'Ann' },
      tags: ['b', 'a'],
      time: new Date(now.getTime() + 1),
      id: '0189dd5c-0000-7000-8000-00000000000a',
    }),
    checkout: (state) => ({ type: 'CheckedOut', data: { items: state.items.length } }),
    addMany: (_state, count = 2) =>
      Array.from({ length: count }, () => ({ type: 'ItemAdded', data: { sku: 'x' } })),
    tidy: () => undefined,
  },
})

const { given } = specify(cart)
const added = (sku: string): CartEvent => ({ type: 'ItemAdded', data: { sku } })
const closed: CartEvent = { type: 'CheckedOut', data: { items: 0 } }

/** The failure of an example. */
function failureOf(example: () => unknown): AssertionError {
  try {
    example()
  } catch (error) {
    expect(error).toBeInstanceOf(AssertionError)
    return error as AssertionError
  }
  return expect.fail('the example does not fail')
}

describe('then()', () => {
  test('takes one event, several, or none', () => {
    given([]).when('addItem', { sku: 'a' }).then(added('a'))
    given([])
      .when('addAll', ['a', 'b'])
      .then([added('a'), added('b')])
    given(added('a'))
      .when('checkout')
      .then({ type: 'CheckedOut', data: { items: 1 } })
    given([added('a'), closed])
      .when('tidy')
      .then([])
  })

  test('follows a command whose input may be left out', () => {
    given([])
      .when('addMany')
      .then([added('x'), added('x')])
    given([]).when('addMany', 1).then(added('x'))
    given([])
      .when('addMany', undefined, { metadata: { by: 'Ann' } })
      .then([
        { ...added('x'), metadata: { by: 'Ann' } },
        { ...added('x'), metadata: { by: 'Ann' } },
      ])
  })

  test('tells where the events differ, and shows both to test runners', () => {
    const error = failureOf(() => given([]).when('addItem', { sku: 'a' }).then(added('b')))
    expect(error.message).toBe(
      [
        'The command addItem did not decide on the events expected:',
        '',
        "  events[0].data.sku is 'a' instead of 'b'",
      ].join('\n'),
    )
    expect(error.actual).toEqual([added('a')])
    expect(error.expected).toEqual([added('b')])
    expect([error.operator, error.code, error.generatedMessage]).toEqual([
      'deepEqual',
      'ERR_ASSERTION',
      false,
    ])
  })

  test('tells of events that are missing, superfluous, or of another type', () => {
    const error = failureOf(() => given([]).when('addAll', ['a', 'b']).then(closed))
    expect(error.message).toBe(
      [
        'The command addAll did not decide on the events expected:',
        '',
        "  events[0].type is 'ItemAdded' instead of 'CheckedOut'",
        '  events[0].data.items is missing: 0',
        "  events[0].data.sku is not expected: 'a'",
        "  events[1] is not expected: { type: 'ItemAdded', data: { sku: 'b' } }",
      ].join('\n'),
    )
    const missing = failureOf(() => given([]).when('tidy').then([closed]))
    expect(missing.message).toBe(
      [
        'The command tidy did not decide on the events expected:',
        '',
        "  events[0] is missing: { type: 'CheckedOut', data: { items: 0 } }",
      ].join('\n'),
    )
  })

  test('lists ten differences and counts the rest', () => {
    const skus = Array.from({ length: 13 }, (_, index) => `${index}`)
    const { message } = failureOf(() => given([]).when('addAll', skus).then(closed))
    expect(message.split('\n').slice(-2)).toEqual([
      "  events[7] is not expected: { type: 'ItemAdded', data: { sku: '7' } }",
      '  and 5 more',
    ])
  })

  test('tells with which error the command failed instead, and keeps it as the cause', () => {
    const error = failureOf(() => given(closed).when('addItem', { sku: 'a' }).then(added('a')))
    expect(error.message).toBe(
      'The command addItem should decide on events, but it failed with ClosedCart: The cart is closed',
    )
    expect(error.cause).toBeInstanceOf(ClosedCart)
    expect(error.actual).toBe(error.cause)
    expect(error.expected).toEqual(added('a'))
  })

  test('compares metadata, tags, time and id only where they are named', () => {
    const { given } = specify(cart, { id: '7', now: new Date(999) })
    const outcome = given([]).when('addTagged', undefined, { metadata: { from: 'web' }, correlationId: 'c' })
    const event = added('7 of cart-7')
    outcome.then(event)
    outcome.then({
      ...event,
      metadata: { by: 'Ann', from: 'web' },
      tags: ['a', 'b', 'a'],
      time: new Date(1000),
      id: '0189DD5C-0000-7000-8000-00000000000A',
    })
    outcome.then({ ...event, metadata: { by: 'Ann', from: 'web', $correlationId: 'c' } })
    const error = failureOf(() =>
      outcome.then({ ...event, metadata: { by: 'Bob' }, tags: ['a'], time: new Date(2000) }),
    )
    expect(error.message).toBe(
      [
        'The command addTagged did not decide on the events expected:',
        '',
        "  events[0].metadata.by is 'Ann' instead of 'Bob'",
        "  events[0].metadata.from is not expected: 'web'",
        '  events[0].time is 1970-01-01T00:00:01.000Z instead of 1970-01-01T00:00:02.000Z',
        "  events[0].tags[1] is not expected: 'b'",
      ].join('\n'),
    )
    const wrongId = { ...event, id: '0189dd5c-0000-7000-8000-00000000000b' }
    expect(failureOf(() => outcome.then(wrongId)).message).toContain("0a' instead of '0189dd5c")
  })

  test('takes properties that are undefined as missing, as JSON does', () => {
    const outcome = given([]).when('addItem', { sku: 'a', gift: undefined })
    outcome.then(added('a'))
    outcome.then({ type: 'ItemAdded', data: { sku: 'a', gift: undefined } })
    const error = failureOf(() => outcome.then({ type: 'ItemAdded', data: { sku: 'a', gift: false } }))
    expect(error.message.split('\n').at(-1)).toBe('  events[0].data.gift is missing: false')
  })

  test('lets asymmetric matchers of the test runner decide', () => {
    const outcome = given([]).when('addItem', { sku: 'a' })
    outcome.then({ type: 'ItemAdded', data: { sku: expect.any(String) } })
    outcome.then(expect.arrayContaining([expect.objectContaining({ type: 'ItemAdded' })]))
    const error = failureOf(() => outcome.then({ type: 'ItemAdded', data: { sku: expect.any(Number) } }))
    expect(error.message.split('\n').at(-1)).toBe("  events[0].data.sku is 'a' instead of Any<Number>")
  })

  test('refuses expectations with names that no event has', () => {
    const outcome = given([]).when('addItem', { sku: 'a' })
    expect(() => outcome.then({ ...added('a'), tag: 'x' } as never)).toThrow(
      'An expected event cannot have "tag", only type, data, metadata, id, time, tags',
    )
  })

  test('points to the line of the example', () => {
    const { stack } = failureOf(() => given([]).when('addItem', { sku: 'a' }).then([]))
    expect(stack!.split('\n').find((line) => line.startsWith('    at '))).toContain('specify.test.ts')
  })
})

describe('thenNothing()', () => {
  test('passes if there was nothing to do', () => {
    given([]).when('tidy').thenNothing()
    given([]).when('addAll', []).thenNothing()
  })

  test('tells what was decided instead', () => {
    expect(failureOf(() => given([]).when('addAll', ['a', 'b']).thenNothing()).message).toBe(
      [
        'The command addAll should decide on nothing, but it decided on:',
        '',
        "  { type: 'ItemAdded', data: { sku: 'a' } }",
        "  { type: 'ItemAdded', data: { sku: 'b' } }",
      ].join('\n'),
    )
    expect(failureOf(() => given(closed).when('addItem', { sku: 'a' }).thenNothing()).message).toBe(
      'The command addItem should decide on nothing, but it failed with ClosedCart: The cart is closed',
    )
  })
})

describe('thenThrows()', () => {
  const refused = given(closed).when('addItem', { sku: 'a' })

  test.each([
    ['a class', ClosedCart],
    ['an ancestor of its class', Error],
    ['a text in the message', /cart is closed$/],
    ['a function', (error: ClosedCart) => error.details.items.length === 0],
    ['properties', { code: 'closed', message: 'The cart is closed' }],
    ['properties of properties', { details: { items: [] } }],
    ['a text in a property', { message: /closed/, name: 'ClosedCart' }],
  ])('accepts an error by %s', (_name, expected) => {
    refused.thenThrows(expected)
  })

  test.each([
    [RangeError, 'should fail with a RangeError, but it failed with ClosedCart: The cart is closed'],
    [
      /full/,
      'should fail with a message that matches /full/, but it failed with ClosedCart: The cart is closed',
    ],
    [
      function isFull() {
        return false
      },
      'should fail with an error that isFull accepts, but it failed with ClosedCart: The cart is closed',
    ],
    [
      { code: 'full', details: { items: ['a'] }, limit: 3 },
      [
        'failed with another error than expected:',
        '',
        "  error.code is 'closed' instead of 'full'",
        "  error.details.items[0] is missing: 'a'",
        '  error.limit is missing: 3',
        '',
        'It was ClosedCart: The cart is closed',
      ].join('\n'),
    ],
  ])('refuses another error than %s', (expected, message) => {
    const error = failureOf(() => refused.thenThrows(expected))
    expect(error.message).toBe(`The command addItem ${message}`)
    expect(error.cause).toBeInstanceOf(ClosedCart)
    expect([error.actual, error.expected]).toEqual([error.cause, expected])
  })

  test('accepts what is no error by its class or what it says', () => {
    class Refusal {
      readonly reason = 'full'
    }
    const refusing = defineAggregate(defineEvents<CartEvent>(), {
      category: 'cart',
      initialState: () => 0,
      evolve: {},
      commands: {
        refuse: (_state, reason: unknown) => {
          throw reason
        },
      },
    })
    const { given } = specify(refusing)
    given([]).when('refuse', new Refusal()).thenThrows(Refusal)
    given([]).when('refuse', new Refusal()).thenThrows({ reason: 'full' })
    given([])
      .when('refuse', 'full')
      .thenThrows(/^full$/)
    expect(failureOf(() => given([]).when('refuse', undefined).thenThrows(Refusal)).message).toBe(
      'The command refuse should fail with a Refusal, but it failed with undefined',
    )
  })

  test('tells what was decided instead', () => {
    const error = failureOf(() => given([]).when('addItem', { sku: 'a' }).thenThrows(ClosedCart))
    expect(error.message).toBe(
      "The command addItem should fail, but it decided on:\n\n  { type: 'ItemAdded', data: { sku: 'a' } }",
    )
    expect(failureOf(() => given([]).when('tidy').thenThrows(/x/)).message).toBe(
      'The command tidy should fail, but it decided on nothing',
    )
  })

  test.each([undefined, 'closed', {}, null])('refuses %j, which says nothing of an error', (nothing) => {
    const { message } = failureOf(() => refused.thenThrows(nothing as never))
    expect(message).toContain('thenThrows() needs a class of errors, a regular expression, a function or')
  })
})

describe('thenState()', () => {
  test('compares what events have come to, with and without a command', () => {
    given([]).thenState({ isOpen: true, items: [] })
    given([added('a'), closed]).thenState({ isOpen: false, items: ['a'] })
    given(added('a'))
      .when('addAll', ['b', 'c'])
      .thenState({ isOpen: true, items: ['a', 'b', 'c'] })
    given(added('a')).thenState((state) => state.items.includes('a'))
    given(added('a')).thenState(expect.objectContaining({ items: ['a'] }))
  })

  test.each([
    ['The initial state', () => given([]).thenState({ isOpen: true, items: ['b'] }), 'is missing:'],
    [
      'The state after 1 event',
      () => given(added('a')).thenState({ isOpen: true, items: ['b'] }),
      "is 'a' instead of",
    ],
    [
      'The state after the command addItem',
      () =>
        given([])
          .when('addItem', { sku: 'a' })
          .thenState({ isOpen: true, items: ['b'] }),
      "is 'a' instead of",
    ],
  ])('tells where %s differs', (what, example, how) => {
    expect(failureOf(example).message).toBe(`${what} is not as expected:\n\n  state.items[0] ${how} 'b'`)
  })

  test('tells which function does not accept it', () => {
    const isEmpty = ({ items }: { readonly items: readonly string[] }): boolean => items.length === 0
    expect(failureOf(() => given([added('a'), closed]).thenState(isEmpty)).message).toBe(
      "The state after 2 events is not as expected: isEmpty does not accept { isOpen: false, items: [ 'a' ] }",
    )
  })

  test('tells that there is none if the command failed', () => {
    const outcome = given(closed).when('addItem', { sku: 'a' })
    expect(failureOf(() => outcome.thenState({ isOpen: false, items: [] })).message).toBe(
      'The command addItem should come to a state, but it failed with ClosedCart: The cart is closed',
    )
  })
})
