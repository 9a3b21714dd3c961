import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defineEvents } from '../events/define-events.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import { defineProjection } from '../projection/define-projection.ts'
import type { Runtime } from '../runtime.ts'
import type { EventStore } from '../store/contract.ts'
import type { EventPlace } from '../store/contract-appending.ts'
import { simulatedRuntime } from './simulated-runtime.ts'
import { specifyProjection } from './specify-projection.ts'
import type {
  ExpectedEmission,
  ExpectedRow,
  GivenDeletion,
  GivenRecord,
} from './specify-projection-contract.ts'

type Of<Type> = Type extends string ? { type: Type; data: { n: number } } : never
type E = Of<'A' | 'B' | 'C'>

/** Whatever a projection can do, so that no difference goes unseen. */
const everything = defineProjection(defineEvents<E>(), {
  name: 'everything',
  source: { kind: 'category', category: 'in' },
  partitionBy: 'stream',
  initialState: () => [] as unknown[],
  on: {
    A: (state, event, context) => {
      context.linkTo('links', event)
      context.schedule(`t${event.data.n % 3}`, new Date(event.time.getTime() + event.data.n * 1_000))
      return [...state, ['A', event.data.n, event.version, event.time.getTime()]]
    },
    B: async (state, { data, streamId }, context) => {
      const before = Number((await context.kv.get(['sum', streamId])) ?? 0)
      context.kv.set(['sum', streamId], before + data.n)
      context.emit('out', [{ type: 'Sum', data: { sum: before + data.n } }, { type: 'B' }])
      state.push(['B', before])
    },
  },
  deleted: (state, { streamId, version, isTombstone }, context) => {
    context.emit('out', { type: 'Gone', data: { streamId, version, isTombstone } })
    context.forget()
    return state
  },
  timer: (state, { name, due }, context) => {
    context.emit('timers', { type: 'Ran', data: { name, due: due.getTime(), of: context.partition } })
    if (state.length < 3) context.schedule(name, new Date(due.getTime() + 700))
    return [...state, [name, due.getTime()]]
  },
})

interface Step {
  readonly streamId: string
  readonly type: E['type'] | 'delete'
  readonly n: number
  readonly waitMs: number
}

const START_MS = Date.UTC(2024, 0, 1)

const step: fc.Arbitrary<Step> = fc.record({
  streamId: fc.constantFrom('in-a', 'in-b', 'other-a'),
  type: fc.constantFrom('A', 'B', 'C', 'delete' as const),
  n: fc.integer({ min: 1, max: 9 }),
  waitMs: fc.constantFrom(0, 0, 500, 3_000),
})

test('a projection of an example comes to what it comes to in a store', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const runtime = simulatedRuntime({ seed: 1, startMs: START_MS })
      const { given, deleted } = specifyProjection(everything)
      const log: (GivenRecord<E> | GivenDeletion)[] = []
      const record = async (store: EventStore, { streamId, type, n, waitMs }: Step): Promise<void> => {
        runtime.jumpClock(waitMs)
        const recordedAt = new Date(runtime.now())
        if (type !== 'delete') {
          const event = { type, data: { n } } as E
          await store.stream(streamId).append(event)
          log.push({ streamId, ...event, recordedAt })
        } else if (await store.stream(streamId).exists()) {
          await store.stream(streamId).delete()
          log.push(deleted(streamId, { recordedAt }))
        }
      }
      const seen = await runtime.run(outcomeIn(runtime, steps, record))
      const example = given(log)
      await example.thenPartitions(seen.partitions)
      await example.thenKv(seen.kv)
      await example.thenEmitted(seen.emitted)
    }),
    { numRuns: 60 },
  )
})

/** What a projection comes to that runs in a store while all this is recorded. At last an event of no interest makes all timers due. */
async function outcomeIn(
  runtime: Runtime,
  steps: readonly Step[],
  record: (store: EventStore, step: Step) => Promise<void>,
) {
  await using store = await openEventStore(':memory:', { runtime })
  await using projection = await store.project(everything)
  for (const one of [...steps, { streamId: 'in-z', type: 'C', n: 0, waitMs: 60_000 } as const]) {
    await record(store, one)
    const [last] = await store.all.read({ direction: 'backwards', limit: 1, system: true }).toArray()
    // What is deleted before it is handled is not handled.
    if (last !== undefined) await projection.waitFor(last.position)
  }
  const emitted: ExpectedEmission[] = []
  for await (const { streamId, type, data } of store.all.read({ resolveLinks: false })) {
    if (streamId === 'links') emitted.push({ streamId, link: data as EventPlace })
    else if (['out', 'timers'].includes(streamId)) emitted.push({ streamId, events: [{ type, data }] })
  }
  const partitions: Record<string, unknown[]> = {}
  for await (const { partition, state } of projection.partitions()) partitions[partition] = state
  const kv: ExpectedRow[] = []
  for await (const { key, value } of projection.kv.getRange([])) kv.push([key, value])
  return { emitted, partitions, kv }
}

test('this property is about all that a projection can do', async () => {
  const { given } = specifyProjection(everything)
  const a = { streamId: 'in-a', type: 'A', data: { n: 1 } } as const
  await expect(given([a, { ...a, type: 'B' }]).thenEmitted([])).rejects.toThrow(/emitted\[2\]/)
})
