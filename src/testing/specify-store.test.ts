import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import type { NewEvent } from '../store/event.ts'
import { simulatedRuntime } from './simulated-runtime.ts'
import { specify } from './specify.ts'
import type { ExpectedEvent } from './specify-contract.ts'

const events = defineEvents({
  Added: z.object({ sku: z.string(), quantity: z.number().default(1), note: z.string().optional() }),
  Rated: eventType<{ stars: number; by?: string | undefined }>({ version: 2, upcast: { 1: (data) => data } }),
})

type ListEvent = typeof events extends { checked(event: NewEvent<infer E>): unknown } ? E : never

/** Whatever an event may say, in the state, so that no difference goes unseen. */
const list = defineAggregate(events, {
  category: 'list',
  initialState: () => [] as unknown[],
  evolve: (state, { type, data, streamId, version, time, tags }) => [
    ...state,
    { type, data, streamId, version, time, tags },
  ],
  commands: {
    add: (state, data: object, { now, exists, version }) => {
      if (state.length > 6) throw new Error(`full at ${version}`)
      const tags = [`at ${version}`, String(exists), 'x']
      return { type: 'Added', data: data as never, tags, time: new Date(now.getTime() + version) }
    },
    rate: (state, { stars, times }: { readonly stars: number; readonly times: number }) =>
      Array.from({ length: times }, (_, index) => ({
        type: 'Rated',
        data: { stars, by: state.length > index ? 'Ann' : undefined },
      })),
  },
})

const call = fc.oneof(
  fc.record({
    name: fc.constant('add' as const),
    input: fc.record(
      { sku: fc.oneof(fc.string(), fc.constant(7)), quantity: fc.double({ noNaN: true }), note: fc.string() },
      { requiredKeys: ['sku'] },
    ),
  }),
  fc.record({
    name: fc.constant('rate' as const),
    input: fc.record({ stars: fc.integer(), times: fc.nat(3) }),
  }),
)

test('examples come to what the same commands come to in a store', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
      const runtime = simulatedRuntime({ seed: 1, startMs: 5_000 })
      await runtime.run(compareWithStore(calls, runtime))
    }),
    { numRuns: 50 },
  )
})

/** Runs commands in a store, and each of them as an example given what was in the store before. */
async function compareWithStore(
  calls: readonly { readonly name: 'add' | 'rate'; readonly input: unknown }[],
  runtime: ReturnType<typeof simulatedRuntime>,
): Promise<void> {
  await using store = await openEventStore(':memory:', { runtime })
  const lists = store.aggregate(list)
  for (const { name, input } of calls) {
    const history = await store.stream<ListEvent>('list-1').read().toArray()
    const now = new Date(runtime.now())
    const outcome = specify(list, { now })
      .given(history.map(writtenAgain))
      .when(name, input as never)
    const executed = await lists.execute('1', name, input as never).catch((error: unknown) => ({ error }))
    if ('error' in executed) {
      const { message } = executed.error as Error
      outcome.thenThrows((error) => error.message === message)
      continue
    }
    outcome.then(executed.events.map(writtenAgain) as readonly ExpectedEvent<ListEvent>[])
    outcome.thenState(executed.state)
    expect((await lists.load('1')).state).toEqual(executed.state)
  }
}

function writtenAgain(event: object): NewEvent<ListEvent> {
  const { type, data, metadata, time, tags } = event as Required<NewEvent>
  return { type, ...(data !== undefined && { data }), metadata, time, tags } as unknown as NewEvent<ListEvent>
}
