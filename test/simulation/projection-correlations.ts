import assert from 'node:assert/strict'
import {
  type CorrelationDefinition,
  defineCorrelation,
  defineEvents,
  matchesOf,
  type OpenAttempts,
  type Projection,
  type RunOnceOptions,
  sequence,
} from 'eventdb'
import type { Process } from './projection-process.ts'
import type { RulesPlan, WishedEvent } from './projection-rules.ts'

/** What is drawn for a run's correlation. */
export interface CorrelationPlan {
  readonly looksFor: 'following' | 'absence'
  readonly by: 'stream' | 'function'
  readonly overlap: NonNullable<CorrelationDefinition<WishedEvent>['overlap']>
}

/** The correlation of all runs, and the stream that it emits to. */
export const FOUND = 'found'

const events = defineEvents<WishedEvent>()

/** Looks for an A and a B in time, without a D in between, or else for those that no C follows. */
export function correlationOf({
  source,
  correlation: { looksFor, by, overlap },
}: Pick<RulesPlan, 'source'> & { readonly correlation: CorrelationPlan }): Projection<
  WishedEvent,
  OpenAttempts<WishedEvent['type']>
> {
  const following = sequence(events).startsWith('A').followedBy('B', { within: 2_000 })
  return defineCorrelation(events, {
    name: FOUND,
    source,
    by: by === 'stream' ? by : ({ data }) => `p${data.k % 2}`,
    sequence: looksFor === 'following' ? following : following.notFollowedBy('C', { within: 1_000 }),
    overlap,
    onMatch: ({ events: found }, { emit, partition }) =>
      emit(FOUND, { type: 'Found', data: [partition, ...found.map(({ version }) => version)] }),
  })
}

/** All that there is of it. */
interface Found {
  readonly matches: readonly unknown[]
  readonly open: readonly unknown[]
  readonly emitted: readonly unknown[]
}

/** What is stored, and what has been emitted. */
export async function storedFound(
  { store }: Pick<Process, 'store'>,
  projection: ReturnType<typeof correlationOf>,
): Promise<Found> {
  const emitted: unknown[] = []
  for await (const { type, data } of store.stream(FOUND).read()) if (type === 'Found') emitted.push(data)
  return { ...(await allOf(store.projection(projection))), emitted }
}

/** What a loop over the log comes to. */
export async function trueFound(
  { store }: Pick<Process, 'store'>,
  projection: ReturnType<typeof correlationOf>,
): Promise<Found> {
  const emitted: unknown[] = []
  const onEmit: RunOnceOptions['onEmit'] = (made) => {
    if ('events' in made) for (const { data } of made.events) emitted.push(data)
  }
  const answer = await store.runOnce(projection, { onEmit })
  return { ...(await allOf(answer)), emitted }
}

async function allOf(
  reader: Pick<
    ReturnType<Process['store']['projection']> & { state(partition?: string): Promise<unknown> },
    'kv' | 'partitions'
  >,
): Promise<Omit<Found, 'emitted'>> {
  const matches: unknown[] = []
  for await (const match of matchesOf(reader)) matches.push(match)
  const open: unknown[] = []
  for await (const { partition, state } of reader.partitions()) open.push([partition, state])
  return { matches, open }
}

/** Whether two have come to the same. */
export function isSameFound(a: Found, b: Found): boolean {
  try {
    assert.deepEqual(a, b)
    return true
  } catch {
    return false
  }
}
