import { defineEvents } from '../events/define-events.ts'
import type { EventStore } from '../store/contract.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { OpenAttempts } from './attempts.ts'
import { defineCorrelation } from './correlation.ts'
import { hours } from './durations.ts'
import { type CorrelationMatch, matchesOf } from './matches.ts'
import { sequence } from './sequence.ts'

/** What is inferred of sequences and correlations, and what must not compile. Checked by the compiler, never run. */

type OrderEvent =
  | { type: 'Placed'; data: { total: number } }
  | { type: 'Paid'; data: { by: 'card' | 'cash' } }
  | { type: 'Sent' }

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function holds<T extends true>(): T

const events = defineEvents<OrderEvent>()
const placed = sequence(events).startsWith('Placed')
const settings = { name: 'q', source: { kind: 'category', category: 'order' }, by: 'stream' } as const

/** Conditions, matches and states know the types of the events. */
export async function typesOf(store: EventStore): Promise<void> {
  const question = defineCorrelation(events, {
    ...settings,
    by: (event) => {
      if (event.type === 'Placed') event.data.total.toFixed(2)
      return event.streamId
    },
    sequence: placed
      .without(['Sent', 'Paid'])
      .followedBy((event) => event.type === 'Paid' && event.data.by === 'cash', { within: hours(1) })
      .within(hours(2)),
    onMatch: (match, { kv }) => {
      holds<Equal<typeof match, CorrelationMatch<'Placed' | 'Paid' | 'Sent'>>>()
      kv.set([match.by], match.durationMs)
    },
  })
  holds<Equal<typeof question, Projection<OrderEvent, OpenAttempts<'Placed' | 'Paid' | 'Sent'>>>>()
  for await (const { events } of matchesOf(await store.runOnce(question))) {
    holds<Equal<(typeof events)[number]['type'], 'Placed' | 'Paid' | 'Sent'>>()
  }
  for await (const { events } of matchesOf(store.projection('q'))) {
    holds<Equal<(typeof events)[number]['type'], string>>()
  }
  // A sequence of any events can be looked for among these.
  defineCorrelation(events, { ...settings, sequence: sequence().startsWith('Placed').followedBy('Sent') })
  defineCorrelation({ ...settings, sequence: sequence().startsWith('This').followedBy('That') })
}

/** What must not compile. */
export function misuse(): void {
  // @ts-expect-error there is no such type
  placed.followedBy('Delivered')
  // @ts-expect-error nor among several
  placed.followedBy(['Sent', 'Delivered'])
  // @ts-expect-error a promise says nothing yet
  placed.followedBy(async () => true)
  // @ts-expect-error when nothing comes, one has to say until when
  placed.notFollowedBy('Paid')
  // @ts-expect-error nothing follows what does not come
  placed.notFollowedBy('Paid', { within: 5 }).followedBy('Sent')
  // @ts-expect-error a sequence has to begin
  sequence(events).followedBy('Paid')
  const paid = placed.followedBy('Paid')
  // @ts-expect-error what belongs together has to be said
  defineCorrelation(events, { name: 'q', source: { kind: 'all' }, sequence: paid })
  // @ts-expect-error an overlap that there is not
  defineCorrelation(events, { ...settings, sequence: paid, overlap: 'all' })
  // @ts-expect-error the timers are its own
  defineCorrelation(events, { ...settings, sequence: paid, onMatch: (_, context) => context.cancel('x') })
  const others = defineEvents<{ type: 'Begun' }>()
  // @ts-expect-error a sequence of other events
  defineCorrelation(others, { ...settings, sequence: paid })
}
