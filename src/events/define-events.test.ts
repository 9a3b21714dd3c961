import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError, UnknownEventError, ValidationError } from '../errors.ts'
import type { EventTypes, Retired, UpToDateEvent } from '../store/contract-event-types.ts'
import type { EventShape, NewEvent, TransactionEvent } from '../store/event.ts'
import { defineEvents } from './define-events.ts'
import { eventType } from './event-type.ts'

/** An event as it was read. */
function read(type: string, data?: unknown, metadata?: unknown): TransactionEvent {
  const fields = {
    id: '0189dd5c-0000-7000-8000-000000000001',
    streamId: 'cart-1',
    version: 3,
    position: 7n,
    time: new Date(5),
    recordedAt: new Date(6),
    tags: ['t'],
  }
  const toJSON = (): { type: string } => ({ type })
  return { type, data, metadata, ...fields, toJSON }
}

/** What events are today: their types and data. */
async function today<E extends EventShape>(
  events: EventTypes<E>,
  event: TransactionEvent,
): Promise<{ type: string; data?: unknown }[]> {
  return (await events.upToDate(event)).map(({ type, data }) => ({ type, data }))
}

/** What a promise, or a call, is refused with. */
async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return expect.fail('it is not refused')
}

const added = (data: unknown): NewEvent => ({ type: 'ItemAdded', data })

describe('defineEvents() without definitions', () => {
  const events = defineEvents<{ type: 'ItemAdded'; data: { sku: string } }>()

  test('checks nothing and changes nothing', () => {
    const event = { type: 'Else', data: 7, metadata: { $schemaVersion: 9 } } as never
    expect(events.checked(event)).toBe(event)
    const stored = read('Else', 7, { $schemaVersion: 9 })
    expect(events.upToDate(stored)).toEqual([stored])
    expect([events.types, events.form]).toEqual([undefined, ''])
  })
})

describe('checked()', () => {
  const events = defineEvents({
    ItemAdded: eventType<{ sku: string }>(),
    CouponUsed: eventType<{ code: string }>({ version: 3, upcast: { 1: (data) => data, 2: (data) => data } }),
  }) as EventTypes<EventShape>

  test('refuses types that were not listed', () => {
    expect(() => events.checked({ type: 'ItemAded' })).toThrow(
      new InvalidArgumentError(
        'An event of the type "ItemAded" cannot be written: the types are ItemAdded, CouponUsed',
        { type: 'ItemAded' },
      ),
    )
  })

  test('notes the version of the data, unless it is 1', () => {
    const event = added({ sku: 'a' })
    expect(events.checked(event)).toBe(event)
    expect(events.checked({ type: 'CouponUsed', data: 1 })).toEqual({
      type: 'CouponUsed',
      data: 1,
      metadata: { $schemaVersion: 3 },
    })
    expect(events.checked({ type: 'CouponUsed', metadata: { by: 'me' } })).toEqual({
      type: 'CouponUsed',
      metadata: { by: 'me', $schemaVersion: 3 },
    })
  })

  test('does not let metadata of another event say of which version the data is', () => {
    const metadata = { by: 'me', $schemaVersion: 2 }
    expect(events.checked({ ...added(1), metadata })).toEqual({ ...added(1), metadata: { by: 'me' } })
    expect(events.checked({ type: 'CouponUsed', metadata })).toEqual({
      type: 'CouponUsed',
      metadata: { by: 'me', $schemaVersion: 3 },
    })
  })

  test.each([Uint8Array.of(1), 'text', 7, ['a'], null])(
    'refuses the metadata %j, in which no version can be noted',
    (metadata) => {
      expect(() => events.checked({ type: 'CouponUsed', metadata })).toThrow(
        new InvalidArgumentError(
          'The metadata of CouponUsed must be an object, as the version of its data is noted there',
          { type: 'CouponUsed' },
        ),
      )
      const event = { ...added(1), metadata }
      expect(events.checked(event)).toBe(event)
    },
  )
})

describe('upcasters', () => {
  const upcast = {
    1: (data: { readonly title: string }) => ({ name: data.title }),
    2: (data: { readonly name: string }) => ({ name: data.name.trim(), tags: [] }),
  }
  const events = defineEvents({
    Renamed: eventType<{ name: string; tags: string[] }>({ version: 3, upcast }),
  })

  test.each([
    [{ title: ' a ' }, undefined],
    [{ title: ' a ' }, { by: 'me' }],
    [{ title: ' a ' }, Uint8Array.of(3)],
    [{ name: ' a ' }, { $schemaVersion: 2 }],
    [{ name: 'a', tags: [] }, { $schemaVersion: 3 }],
  ])('bring the data %j up to date', async (data, metadata) => {
    expect(await today(events, read('Renamed', data, metadata))).toEqual([
      { type: 'Renamed', data: { name: 'a', tags: [] } },
    ])
  })

  test('leave an event alone that is up to date, or not known', () => {
    for (const event of [read('Renamed', 1, { $schemaVersion: 3 }), read('Else', 1, { $schemaVersion: 9 })]) {
      const [same] = events.upToDate(event) as readonly UpToDateEvent<EventShape>[]
      expect(same).toBe(event)
    }
  })

  test('run when the data is looked at, once', async () => {
    const calls: number[] = []
    const counted = defineEvents({
      Renamed: eventType<number>({
        version: 3,
        upcast: { 1: (data: number) => calls.push(data), 2: (length: number) => length + 10 },
      }),
    })
    const [event] = await counted.upToDate(read('Renamed', 5))
    expect([event!.type, event!.version, calls]).toEqual(['Renamed', 3, []])
    expect([event!.data, event!.data, calls]).toEqual([11, 11, [5]])
  })

  test('keep everything else of the event', async () => {
    const stored = read('Renamed', { title: 'a' }, { by: 'me' })
    const [event] = (await events.upToDate(stored)) as readonly TransactionEvent[]
    for (const name of [
      'id',
      'streamId',
      'version',
      'position',
      'time',
      'recordedAt',
      'tags',
      'metadata',
    ] as const)
      expect(event![name]).toEqual(stored[name])
  })

  test.each([4, 0, -1, 1.5, Number.NaN])('do not know version %d', async (version) => {
    const error = await refusal(() => events.upToDate(read('Renamed', {}, { $schemaVersion: version })))
    expect(error).toBeInstanceOf(UnknownEventError)
    expect((error as UnknownEventError).details).toEqual({
      eventType: 'Renamed',
      streamId: 'cart-1',
      version: 3,
      schemaVersion: version,
    })
    const why = version === 4 ? 'newer than what is known here' : 'versions are whole numbers from 1'
    expect((error as UnknownEventError).message).toContain(why)
  })

  const step = fc.oneof(
    fc.integer().map((by) => (list: readonly number[]) => [...list, by]),
    fc.integer().map((by) => (list: readonly number[]) => list.map((one) => one ^ by)),
    fc.constant((list: readonly number[]) => list.toReversed()),
    fc.constant((list: readonly number[]) => list.slice(1)),
  )

  test('do what the same functions do one after the other', () => {
    const written = fc.array(step, { maxLength: 12 }).chain((steps) =>
      fc.record({
        steps: fc.constant(steps),
        from: fc.integer({ min: 1, max: steps.length + 1 }),
        data: fc.array(fc.integer()),
      }),
    )
    fc.assert(
      fc.property(written, ({ steps, from, data }) => {
        const chain = Object.fromEntries(steps.map((each, index) => [index + 1, each]))
        const changing = defineEvents({
          Changed: eventType<readonly number[]>({ version: steps.length + 1, upcast: chain }),
        })
        const metadata = from === 1 ? undefined : { $schemaVersion: from }
        const [event] = changing.upToDate(read('Changed', data, metadata)) as readonly { data?: unknown }[]
        let byHand: readonly number[] = data
        for (const each of steps.slice(from - 1)) byHand = each(byHand)
        expect(event!.data).toEqual(byHand)
      }),
    )
  })
})

describe('retired types', () => {
  const retired: Readonly<Record<string, Retired<never>>> = {}
  const define = (more: typeof retired): EventTypes<EventShape> =>
    defineEvents(
      {
        ItemAdded: eventType<unknown>({ version: 2, upcast: { 1: (data) => data } }),
        CheckedOut: eventType(),
      },
      {
        retired: {
          ProductAdded: ({ data }: { data: { name: string } }) => ({
            type: 'ItemAdded',
            data: { sku: data.name },
          }),
          AddedAndPaid: ({ data, version }) => [
            { type: 'ItemAdded', data: { sku: data, version } },
            { type: 'CheckedOut' },
          ],
          Viewed: () => [],
          ...more,
        },
      },
    ) as EventTypes<EventShape>
  const events = define(retired)

  test('are renamed, split, or dropped', async () => {
    expect(await today(events, read('ProductAdded', { name: 'a' }))).toEqual([
      { type: 'ItemAdded', data: { sku: 'a' } },
    ])
    expect(await today(events, read('AddedAndPaid', 'b'))).toEqual([
      { type: 'ItemAdded', data: { sku: 'b', version: 3 } },
      { type: 'CheckedOut', data: undefined },
    ])
    expect(await today(events, read('Viewed'))).toEqual([])
  })

  test('keep the place and the time of the event, and are not upcast again', async () => {
    for (const event of await events.upToDate(read('AddedAndPaid', 'b', { by: 'me' }))) {
      expect(event).toMatchObject({
        version: 3,
        time: new Date(5),
        streamId: 'cart-1',
        metadata: { by: 'me' },
      })
    }
  })

  test('are not written any more', () => {
    expect(() => events.checked({ type: 'Viewed' })).toThrow(
      'An event of the type "Viewed" cannot be written: the types are ItemAdded, CheckedOut',
    )
    expect(events.types).toEqual(['ItemAdded', 'CheckedOut'])
  })

  test('must become types of today', () => {
    const wrong = define({ Old: () => ({ type: 'ProductAdded' }) as never })
    expect(() => wrong.upToDate(read('Old'))).toThrow(
      new InvalidArgumentError(
        'The retired type Old became "ProductAdded", but the types are ItemAdded, CheckedOut',
        { type: 'ProductAdded' },
      ),
    )
  })
})

describe('validateOnRead', () => {
  const schema = z.object({ sku: z.string(), quantity: z.number().default(1) })
  const definitions = {
    ItemAdded: eventType({
      schema,
      version: 2,
      upcast: { 1: (data: object) => ({ ...data, sku: 'upcast' }) },
    }),
    Noted: eventType<string>(),
  }
  const retired = { Old: () => ({ type: 'ItemAdded', data: { sku: 7 as never, quantity: 1 } }) as const }
  const lax = defineEvents(definitions, { retired })
  const strict = defineEvents(definitions, { retired, validateOnRead: true })

  test('holds schemas against what is read, after upcasting, and says where it was', async () => {
    expect(await today(strict, read('ItemAdded', { quantity: 3 }))).toEqual([
      { type: 'ItemAdded', data: { sku: 'upcast', quantity: 3 } },
    ])
    for (const event of [read('ItemAdded', { sku: 7 }, { $schemaVersion: 2 }), read('Old')]) {
      const error = await refusal(() => strict.upToDate(event))
      expect((error as ValidationError).details).toMatchObject({
        eventType: 'ItemAdded',
        streamId: 'cart-1',
        version: 3,
        issues: [{ path: 'sku' }],
      })
      expect(await lax.upToDate(event)).toHaveLength(1)
    }
    expect(await today(strict, read('Noted', 7))).toEqual([{ type: 'Noted', data: 7 }])
  })

  test('leaves what schemas make of it alone', async () => {
    const data = { sku: 'a', color: 'red' }
    expect(await today(strict, read('ItemAdded', data, { $schemaVersion: 2 }))).toEqual([
      { type: 'ItemAdded', data },
    ])
  })

  test('waits for asynchronous schemas', async () => {
    const later = defineEvents(
      { Noted: z.string().refine(async (text) => text !== 'b', 'no b') },
      {
        validateOnRead: true,
        retired: { Two: () => (['a', 'c'] as const).map((data) => ({ type: 'Noted', data }) as const) },
      },
    )
    const event = later.upToDate(read('Noted', 'a'))
    expect(event).toBeInstanceOf(Promise)
    expect(await today(later, read('Two'))).toEqual([
      { type: 'Noted', data: 'a' },
      { type: 'Noted', data: 'c' },
    ])
    expect(await refusal(() => later.upToDate(read('Noted', 'b')))).toBeInstanceOf(ValidationError)
  })
})
