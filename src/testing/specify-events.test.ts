import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { UnknownEventError, ValidationError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import { specify } from './specify.ts'

/** The failure of an example, with exactly this message. */
const failure = (...lines: readonly string[]): unknown =>
  expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION', message: lines.join('\n') })

describe('schemas and versions', () => {
  const events = defineEvents(
    {
      ItemAdded: z.object({ sku: z.string(), quantity: z.number().default(1) }),
      CouponUsed: eventType<{ code: string; percent: number }>({
        version: 3,
        upcast: {
          1: (code: string) => ({ code }),
          2: (data: { code: string }) => ({ ...data, percent: 10 }),
        },
      }),
    },
    {
      retired: {
        Both: ({ data }: { data: { sku: string } }) => [
          { type: 'ItemAdded', data: { ...data, quantity: 2 } },
          { type: 'CouponUsed', data: { code: 'x', percent: 5 } },
        ],
        Viewed: () => [],
      },
    },
  )
  const cart = defineAggregate(events, {
    category: 'cart',
    initialState: () => [] as string[],
    evolve: {
      ItemAdded: (state, { data, version }) => [...state, `${version}: ${data.quantity} ${data.sku}`],
      CouponUsed: (state, { data, version }) => [...state, `${version}: ${data.code} ${data.percent}%`],
    },
    commands: {
      add: (_state, data: unknown) => ({
        type: 'ItemAdded',
        data: data as { sku: string; quantity: number },
      }),
      use: (_state, code: string) => ({ type: 'CouponUsed', data: { code, percent: 20 } }),
      version: ({ length }, _input: undefined, { version }) =>
        length > version ? { type: 'CouponUsed', data: { code: 'y', percent: length } } : [],
    },
  })
  const { given } = specify(cart)

  test('are those of execute(): defaults are filled in, and other data is refused', () => {
    given([])
      .when('add', { sku: 'a', color: 'red' })
      .then({ type: 'ItemAdded', data: { sku: 'a', quantity: 1 } })
    given([]).when('add', { sku: 7 }).thenThrows(ValidationError)
    given([])
      .when('add', { sku: 7 })
      .thenThrows({ details: { issues: [{ path: 'sku', message: /string/ }] } })
  })

  test('note the version of data, which needs not be named', () => {
    const outcome = given([]).when('use', 'x')
    outcome.then({ type: 'CouponUsed', data: { code: 'x', percent: 20 }, metadata: {} })
    outcome.then({ type: 'CouponUsed', data: { code: 'x', percent: 20 }, metadata: { $schemaVersion: 3 } })
  })

  test('of given events are today’s, unless they say otherwise', () => {
    given([
      { type: 'CouponUsed', data: { code: 'a', percent: 1 } },
      { type: 'CouponUsed', data: 'b', metadata: { $schemaVersion: 1 } },
      { type: 'CouponUsed', data: { code: 'c' }, metadata: { $schemaVersion: 2, by: 'Ann' } },
      { type: 'Viewed', metadata: { $schemaVersion: 1 } },
      { type: 'Both', data: { sku: 'd' }, metadata: { $schemaVersion: 1 } },
    ])
      .when('version')
      .thenNothing()
    given({ type: 'Both', data: { sku: 'd' }, metadata: { $schemaVersion: 1 } })
      .when('version')
      .thenState(['1: 2 d', '1: x 5%', '2: y 2%'])
    const newer = { type: 'CouponUsed', data: {}, metadata: { $schemaVersion: 4 } }
    expect(() => given(newer)).toThrow(UnknownEventError)
  })

  test('of given events leave the rest of their metadata, as it was written', () => {
    const seen: unknown[] = []
    const watching = defineAggregate(events, {
      category: 'cart',
      initialState: () => 0,
      evolve: (count, event) => {
        seen.push((event as { readonly metadata?: unknown }).metadata)
        return count + 1
      },
      commands: {},
    })
    specify(watching).given([
      { type: 'CouponUsed', data: 'b', metadata: { $schemaVersion: 1 } },
      { type: 'CouponUsed', data: 'b', metadata: { $schemaVersion: 1, by: 'Ann' } },
      { type: 'CouponUsed', data: { code: 'c', percent: 1 } },
    ])
    expect(seen).toEqual([undefined, { by: 'Ann' }, { $schemaVersion: 3 }])
  })

  test('refuse given events that could not have been written today', () => {
    expect(() => given({ type: 'ItemAdded', data: {} as never })).toThrow(
      failure(
        'given[0] could not have been written: ValidationError: The data of "ItemAdded" is not valid: sku: Invalid input: expected string, received undefined',
      ),
    )
    expect(() => given({ type: 'Viewed' } as never)).toThrow(
      failure(
        'given[0] could not have been written: InvalidArgumentError: An event of the type "Viewed" cannot be written: the types are ItemAdded, CouponUsed. If it is an old one, say so by `metadata: { $schemaVersion: 1 }`',
      ),
    )
  })
})
