import { defineInlineProjection, type EventShape, type EventStore, type Projection } from 'eventdb'
import { eventSource } from './events.ts'
import { type Figures, measured } from './measured.ts'
import { PARTITIONS } from './projection-work.ts'

/** What an inline projection makes of every event; `none` if there is none. */
export type InlineBy = 'none' | 'counting' | 'partitioned' | 'emitting'

/** Appends of one event each, to 10,000 streams, so many at a time. */
export interface Appending {
  readonly kind: 'append'
  readonly by: InlineBy
  readonly inFlight: number
  readonly events: number
}

interface Counted {
  readonly count: number
}

/** Appends while a projection is in force, and makes sure that it has counted everything. */
export async function append(store: EventStore, { by, inFlight, events }: Appending): Promise<Figures> {
  const projection = projectionBy(by)
  const running = projection && (await store.project(projection))
  const next = eventSource(1, false)
  let begun = 0
  const appendSome = async (): Promise<void> => {
    while (begun < events) {
      const number = begun
      begun += 1
      await store.stream(`order-${(number * 7_919) % PARTITIONS}`).append(next())
    }
  }
  const seen = await measured(async () => {
    await Promise.all(Array.from({ length: inFlight }, appendSome))
    return events
  })
  let counted = 0
  for await (const { state } of running?.partitions() ?? []) counted += state.count
  if (running !== undefined && counted !== events)
    throw new Error(`${by}: ${counted} events were counted, but there are ${events}`)
  return { ...seen }
}

function projectionBy(by: InlineBy): Projection<EventShape, Counted> | undefined {
  if (by === 'none') return undefined
  return defineInlineProjection<Counted>({
    name: by,
    source: { kind: 'category', category: 'order' },
    ...(by === 'partitioned' && { partitionBy: 'stream' }),
    initialState: () => ({ count: 0 }),
    any: ({ count }, { streamId, version }, { emit }) => {
      if (by === 'emitting') emit(`seen-${streamId}`, { type: 'Seen', data: { version } })
      return { count: count + 1 }
    },
  })
}
