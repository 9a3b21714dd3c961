import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import { defineProjection } from '../projection/define-projection.ts'
import { specifyProjection } from './specify-projection.ts'

/** The failure of an example, with exactly this message. */
const failure = (...lines: readonly string[]): unknown =>
  expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION', message: lines.join('\n') })

type OrderEvent =
  | { type: 'Placed'; data: { total: number } }
  | { type: 'Paid' }
  | { type: 'Cancelled'; data: { why: string } }

/** What is to be paid by day; who does not pay within three days is reminded, once. */
const sales = defineProjection(defineEvents<OrderEvent>(), {
  name: 'sales',
  source: { kind: 'category', category: 'order' },
  partitionBy: 'stream',
  initialState: () => ({ total: 0, isPaid: false }),
  on: {
    Placed: (_state, event, context) => {
      const { data, time, streamId } = event
      context.kv.set(['total', data.total, streamId], { day: time.toISOString().slice(0, 10) })
      context.linkTo('placed', event)
      context.schedule('remind', new Date(time.getTime() + 3 * DAY_MS))
      return { total: data.total, isPaid: false }
    },
    Paid: (state, { streamId }, context) => {
      context.kv.clear(['total', state.total, streamId])
    },
    Cancelled: async (state, { data }, context) => {
      if (state.total === 0) throw new RangeError(`nothing to cancel: ${data.why}`)
      await Promise.resolve()
      context.forget()
    },
  },
  deleted: (_state, _deletion, context) => context.forget() as undefined,
  timer: (state, { name, due }, context) => {
    context.emit('mail', [
      { type: 'Reminded', data: { order: context.partition, total: state.total }, tags: [name] },
      { type: 'Noted', data: { due: due.toISOString() } },
    ])
    return { ...state, isPaid: false }
  },
})

const DAY_MS = 24 * 3_600_000
const day = (number: number): Date => new Date(Date.UTC(2024, 4, number))
const placed = { streamId: 'order-1', type: 'Placed', data: { total: 5 }, time: day(1) } as const

describe('specifyProjection', () => {
  const { given, deleted } = specifyProjection(sales)
  const other = { ...placed, streamId: 'order-2', data: { total: 7 }, time: day(2) } as const

  test('tells the state of a partition, the initial one included', async () => {
    await given([placed, other]).thenState({ total: 5, isPaid: false }, 'order-1')
    await given(placed).thenState((state) => state.total === 5, 'order-1')
    await given(placed).thenState({ total: 0, isPaid: false }, 'order-2')
    await given([]).thenState({ total: 0, isPaid: false })
    await expect(given(placed).thenState({ total: 6, isPaid: false }, 'order-1')).rejects.toEqual(
      failure(
        'The state of the partition "order-1" is not as expected:',
        '',
        '  state.total is 5 instead of 6',
      ),
    )
    await expect(given(placed).thenState({ total: 5, isPaid: false }, 'order-2')).rejects.toEqual(
      failure(
        'The state of the partition "order-2", of which nothing was handled, is not as expected:',
        '',
        '  state.total is 0 instead of 5',
      ),
    )
  })

  test('tells all partitions, with the differences of each', async () => {
    const one = { total: 5, isPaid: false }
    const two = { total: 7, isPaid: false }
    await given([placed, other]).thenPartitions({ 'order-2': two, 'order-1': one })
    await given([placed, other]).thenPartitions({ 'order-2': (state) => state.total > 5, 'order-1': one })
    await given([]).thenPartitions({})
    await expect(
      given([placed, other]).thenPartitions({ 'order-1': { ...one, total: 6 }, 'order-3': two }),
    ).rejects.toEqual(
      failure(
        'The partitions are not as expected:',
        '',
        '  partitions["order-1"].total is 5 instead of 6',
        '  partitions["order-2"] is not expected: { total: 7, isPaid: false }',
        '  partitions["order-3"] is missing: { total: 7, isPaid: false }',
      ),
    )
    await expect(
      given(placed).thenPartitions({
        'order-1': function isLarge(state) {
          return state.total > 5
        },
      }),
    ).rejects.toEqual(
      failure(
        'The state of the partition "order-1" is not as expected: isLarge does not accept { total: 5, isPaid: false }',
      ),
    )
  })

  test('knows what was forgotten, by a handler or with its stream', async () => {
    const cancelled = { streamId: 'order-1', type: 'Cancelled', data: { why: 'late' } } as const
    await given([placed, cancelled]).thenPartitions({})
    await given([placed, other, deleted('order-1')]).thenPartitions({
      'order-2': { total: 7, isPaid: false },
    })
    await given([placed, deleted('order-1', { isTombstone: true })]).thenPartitions({})
    await given([placed, deleted('cart-1')]).thenState({ total: 5, isPaid: false }, 'order-1')
  })

  test('tells the read model, in any order of its rows', async () => {
    const rows = [
      [['total', 7, 'order-2'], { day: '2024-05-02' }],
      [['total', 5, 'order-1'], { day: '2024-05-01' }],
    ] as const
    await given([placed, other]).thenKv(rows)
    await given([placed, other, { streamId: 'order-2', type: 'Paid' }]).thenKv(rows.slice(1))
    await expect(given([placed]).thenKv([[['total', 5, 'order-1'], { day: '2024-05-02' }]])).rejects.toEqual(
      failure(
        'The read model is not as expected:',
        '',
        "  kv[0][1].day is '2024-05-01' instead of '2024-05-02'",
      ),
    )
    await expect(given([]).thenKv(rows.slice(1))).rejects.toThrow(/kv\[0\] is missing/)
  })

  test('tells what was linked and emitted, together or apart', async () => {
    const link = { streamId: 'placed', link: { streamId: 'order-1', version: 1 } }
    await given(placed).thenEmitted(link)
    const reminded = { type: 'Reminded', data: { order: 'order-1', total: 5 } }
    const noted = { type: 'Noted', data: { due: '2024-05-04T00:00:00.000Z' } }
    const late = given([placed, { streamId: 'order-9', type: 'Paid', time: day(4) }])
    await late.thenEmitted([link, { streamId: 'mail', events: [reminded, noted] }])
    await late.thenEmitted([
      link,
      { streamId: 'mail', events: { ...reminded, tags: ['remind'], metadata: { $causationId: FIRST_ID } } },
      { streamId: 'mail', events: noted },
    ])
    await late.thenEmitted([link, expect.objectContaining({ streamId: 'mail' }), expect.anything()])
    await expect(
      late.thenEmitted([link, { streamId: 'mail', events: { ...reminded, tags: ['again'] } }]),
    ).rejects.toEqual(
      failure(
        'The projection did not emit what was expected:',
        '',
        "  emitted[1].event.tags[0] is 'remind' instead of 'again'",
        "  emitted[2] is not expected: { streamId: 'mail', event: { type: 'Noted', data: { due: '2024-05-04T00:00:00.000Z' } } }",
      ),
    )
    await expect(given(placed).thenEmitted([])).rejects.toThrow(/emitted\[0\] is not expected/)
    await expect(given(placed).thenEmitted({ ...link, streamId: 'x' })).rejects.toThrow(
      /emitted\[0\].streamId is 'placed' instead of 'x'/,
    )
  })

  test('at lets timers run that are due by then', async () => {
    const link = { streamId: 'placed', link: { streamId: 'order-1', version: 1 } }
    await given(placed)
      .at(new Date(day(4).getTime() - 1))
      .thenEmitted(link)
    await given(placed)
      .at(day(4))
      .thenEmitted([link, { streamId: 'mail', events: [{ type: 'Reminded', data: REMINDED }, DUE] }])
    expect(() => given(placed).at('2024' as unknown as Date)).toThrow('The time of at() must be a valid Date')
  })

  test('an event that was dated far ahead does not make timers due before it was recorded', async () => {
    const far = { streamId: 'order-9', type: 'Paid', time: day(30) } as const
    const link = { streamId: 'placed', link: { streamId: 'order-1', version: 1 } }
    await given([placed, { ...far, recordedAt: day(2) }]).thenEmitted(link)
    await given([placed, far]).thenEmitted([link, expect.anything(), expect.anything()])
  })

  test('tells with what it stopped, and where', async () => {
    const cancelled = { streamId: 'order-1', type: 'Cancelled', data: { why: 'late' } } as const
    await given(cancelled).thenThrows(RangeError)
    await given([other, cancelled]).thenThrows(/nothing to cancel: late/)
    await given(cancelled).thenThrows({ name: 'RangeError' })
    await expect(given(cancelled).thenThrows(TypeError)).rejects.toEqual(
      failure(
        'The projection, at Cancelled of order-1, version 1, should fail with a TypeError, but it failed with RangeError: nothing to cancel: late',
      ),
    )
    await expect(given(placed).thenThrows(RangeError)).rejects.toEqual(
      failure("The projection should fail, but it came to { 'order-1': { total: 5, isPaid: false } }"),
    )
    await expect(given([placed, { ...cancelled, streamId: 'order-7' }]).thenPartitions({})).rejects.toEqual(
      failure(
        'The projection should come to partitions, but it failed at Cancelled of order-7, version 1 with RangeError: nothing to cancel: late',
      ),
    )
    await expect(given(placed).thenThrows('no' as never)).rejects.toThrow(/thenThrows\(\) needs a class/)
  })

  test('passes over what is not of the source, and says so', async () => {
    const elsewhere = { ...placed, streamId: 'cart-1' }
    await given(elsewhere).thenPartitions({})
    await expect(
      given([elsewhere, deleted('cart-1')]).thenState({ total: 5, isPaid: false }),
    ).rejects.toThrow(/Not of its source, and passed over: Placed of cart-1, \$stream-deleted of \$\$cart-1$/)
  })

  test('stops where a handler says so, if it is one that is run once', async () => {
    const untilFive = defineProjection(defineEvents<OrderEvent>(), {
      name: 'until five',
      source: { kind: 'all' },
      initialState: () => ({ sum: 0 }),
      on: {
        Placed: ({ sum }, { data }, context) => {
          if (sum + data.total >= 5) context.stop()
          return { sum: sum + data.total }
        },
      },
      timer: (state) => state,
    })
    const small = { ...placed, data: { total: 2 } }
    const once = specifyProjection(untilFive, { once: true })
    await once.given([small, placed, other, small]).thenState({ sum: 7 })
    await once.given([small, small]).at(day(9)).thenState({ sum: 4 })
    await specifyProjection(untilFive)
      .given([small, placed])
      .thenThrows(/stopped/)
    expect(() => specifyProjection(untilFive, { once: 1 as never })).toThrow(
      'once must be true or false, not 1',
    )
  })

  test('points at the line of the example', async () => {
    const error = await given(placed)
      .thenPartitions({})
      .catch((failed: Error) => failed)
    expect(error?.stack?.split('\n').find((line) => line.startsWith('    at '))).toContain(
      'specify-projection.test.ts',
    )
  })

  test('refuses a log that could not have been recorded', async () => {
    const refused = (log: unknown) => given(log as never).thenPartitions({})
    await expect(refused([placed, { ...placed, streamId: '$x' }])).rejects.toThrow(
      /^given\[1\] could not have been recorded: InvalidArgumentError: Stream ids that begin with \$/,
    )
    await expect(refused({ ...placed, data: { total: Number.NaN } })).rejects.toThrow(/UnserializableError/)
    await expect(refused({ ...placed, recordedAt: 'x' })).rejects.toThrow(/"recordedAt" must be a valid Date/)
    await expect(refused({ ...placed, colour: 'x' })).rejects.toThrow(/colour/)
    await expect(refused({ deleted: 'order-1', time: day(1) })).rejects.toThrow(/time/)
    expect(() => specifyProjection(sales, { now: 5 as never })).toThrow('now must be a valid Date, not 5')
    expect(() => specifyProjection(sales, { clock: 5 } as never)).toThrow(/clock/)
    expect(() => specifyProjection({} as never)).toThrow('A projection is made by defineProjection')
  })
})

const FIRST_ID = '00000000-0000-4000-8000-000000000001'
const REMINDED = { order: 'order-1', total: 5 }
const DUE = { type: 'Noted', data: { due: '2024-05-04T00:00:00.000Z' } }

describe('what a handler of an example sees', () => {
  test('are versions, positions, times and ids as they would be recorded', async () => {
    const seen = defineProjection({
      name: 'seen',
      source: { kind: 'all' },
      initialState: (): unknown[] => [],
      any: (state, { streamId, version, id, time, recordedAt, tags, metadata, data }, { position }) =>
        [
          ...state,
          {
            streamId,
            version,
            id,
            time: time.toISOString(),
            recordedAt: recordedAt.getTime(),
            tags,
            metadata,
            data,
            hasPosition: position > 0n,
          },
        ] as unknown[],
    })
    const { given } = specifyProjection(seen, { now: day(1) })
    const id = 'c0ffee00-0000-4000-8000-000000000000'
    const event = { type: 'E', tags: ['b', 'a'], metadata: { by: 'me' }, data: { undefined, n: 1 } }
    await given([
      { streamId: 's', type: 'E' },
      { streamId: 't', id, ...event, time: day(5) },
      { streamId: 's', type: 'E', time: day(2) },
    ]).thenState((events) => {
      const plain = { tags: [], hasPosition: true }
      expect(events).toEqual([
        {
          streamId: 's',
          version: 1,
          id: FIRST_ID,
          time: day(1).toISOString(),
          recordedAt: day(1).getTime(),
          ...plain,
        },
        {
          streamId: 't',
          version: 1,
          id,
          time: day(5).toISOString(),
          recordedAt: day(5).getTime(),
          ...plain,
          tags: ['a', 'b'],
          metadata: { by: 'me' },
          data: { n: 1 },
        },
        {
          streamId: 's',
          version: 2,
          id: FIRST_ID.replace(/1$/, '2'),
          time: day(2).toISOString(),
          recordedAt: day(5).getTime(),
          ...plain,
        },
      ])
      return true
    })
  })

  test('are events as they are today', async () => {
    const events = defineEvents({
      Rated: eventType<{ stars: number }>({
        version: 2,
        upcast: { 1: ({ points }: { points: number }) => ({ stars: points / 20 }) },
      }),
      Named: z.object({ name: z.string().default('nobody') }),
    })
    const ratings = defineProjection(events, {
      name: 'ratings',
      source: { kind: 'query', query: { items: [{ types: ['Rated', 'Named'], tags: ['film:1'] }] } },
      initialState: () => ({ stars: 0, name: '' }),
      on: {
        Rated: (state, { data }) => ({ ...state, stars: state.stars + data.stars }),
        Named: (state, { data }) => ({ ...state, name: data.name }),
      },
    })
    const { given } = specifyProjection(ratings)
    const tags = ['film:1']
    await given([
      { streamId: 'film-1', type: 'Rated', data: { points: 40 }, metadata: { $schemaVersion: 1 }, tags },
      { streamId: 'film-1', type: 'Rated', data: { stars: 3 }, tags },
      { streamId: 'film-2', type: 'Rated', data: { stars: 5 } },
      { streamId: 'film-1', type: 'Named', data: {} as { name: string }, tags },
    ]).thenState({ stars: 5, name: 'nobody' })
    await expect(
      given({ streamId: 'f', type: 'Named', data: { name: 5 as unknown as string } }).thenPartitions({}),
    ).rejects.toThrow(/given\[0\] could not have been recorded: ValidationError/)
  })
})
