import { CorruptionError } from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import type { TransactionEvent } from './event.ts'
import type { LinkTarget } from './prepared-event.ts'
import { readEvent } from './read-event.ts'
import type { View } from './reading.ts'
import { foundThrough, linkTargetOf, streamNumberOf } from './stored-event.ts'
import { checkedStamp } from './stream-rows.ts'
import { Visibility } from './visibility.ts'

/** Puts events in the place of links that point to them. Links whose events are hidden or scavenged go. */
export async function resolveLinks<Event extends TransactionEvent>(
  view: View,
  events: readonly Event[],
): Promise<readonly Event[]> {
  const targets = events.map(linkTargetOf)
  if (targets.every((target) => target === undefined)) return events
  const visibility = new Visibility(view)
  await visibility.meet(targets.flatMap((target) => (target === undefined ? [] : [target.number])))
  const resolved: Event[] = []
  for (const [at, event] of events.entries()) {
    const target = targets[at]
    const found = target === undefined ? event : await followed(view, visibility, target)
    if (found !== undefined)
      resolved.push(target === undefined ? event : (foundThrough(found, event) as Event))
  }
  return resolved
}

/** What a link points to, which was there once: it is there, or hidden. @throws CorruptionError if it was lost */
async function followed(
  view: View,
  visibility: Visibility,
  { number, version, streamId }: LinkTarget,
): Promise<TransactionEvent | undefined> {
  if (visibility.hides(number, version, undefined)) return undefined
  const stamp = await stampAt(view, number, version)
  if (stamp !== undefined) return eventUnder(view, visibility, number, version, stamp)
  throw new CorruptionError(
    `A link points to version ${version} of stream ${JSON.stringify(streamId)}, which was lost`,
    { streamId, version },
  )
}

/** The event with this version, if it can be read. `visibility` must have met its stream. @throws CorruptionError */
export async function eventAt(
  view: View,
  visibility: Visibility,
  number: number,
  version: number,
): Promise<TransactionEvent | undefined> {
  const stamp = await stampAt(view, number, version)
  return stamp && eventUnder(view, visibility, number, version, stamp)
}

async function stampAt({ tx, keys }: View, number: number, version: number): Promise<Uint8Array | undefined> {
  const [row] = await tx.getRange(keys.streamRange(number, version, version)).toArray()
  return row && checkedStamp(row.value)
}

/** The event at a stamp, if it is not hidden, and what the row says that led there. */
async function eventUnder(
  view: View,
  visibility: Visibility,
  number: number,
  version: number,
  stamp: Uint8Array,
): Promise<TransactionEvent | undefined> {
  // The row of an event of this very transaction is there, but its stamp is not known.
  const isOwn = positionOf(stamp) === 0n
  if (visibility.hides(number, version, isOwn ? undefined : stamp)) return undefined
  if (isOwn) return view.pendingAt(number, version)
  const event = await readEvent(view.tx, view.keys, stamp)
  if (event !== undefined && event.version === version && streamNumberOf(event) === number) return event
  const position = positionOf(stamp)
  throw new CorruptionError(
    `The row of version ${version} of stream number ${number} does not lead to it, but to position ${position}`,
    { version, position },
  )
}
