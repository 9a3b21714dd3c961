import { decidedEvent } from '../aggregate/decided-event.ts'
import type { Effect } from '../projection/effects.ts'
import type { Codecs } from '../store/codecs.ts'
import type { EventPlace } from '../store/contract-appending.ts'
import type { PreparedEvent } from '../store/prepared-event.ts'
import { formatUuid } from '../store/uuid.ts'
import { type Difference, differences, isMatcher } from './specify-difference.ts'
import { compareEvents, type DecidedEvent, picturesOf } from './specify-events.ts'

/** One event or link that was emitted. */
export type Emitted =
  | { readonly streamId: string; readonly one: DecidedEvent }
  | { readonly streamId: string; readonly link: EventPlace }

/** What was emitted, piece by piece, as it would be read. */
export function emittedIn(effects: readonly Effect[], codecs: Codecs): readonly Emitted[] {
  return effects.flatMap(({ streamId, what }): readonly Emitted[] => {
    if ('version' in what) return [{ streamId, link: what }]
    return (what as readonly PreparedEvent[]).map((prepared) => {
      const { link } = prepared
      if (link !== undefined) return { streamId, link: { streamId: link.streamId, version: link.version } }
      return { streamId, one: { event: readBack(prepared, streamId, codecs), prepared } }
    })
  })
}

function readBack(prepared: PreparedEvent, streamId: string, codecs: Codecs): DecidedEvent['event'] {
  const { type, data, metadata, tags } = decidedEvent(prepared, streamId, 0, codecs)
  const { timeMs } = prepared
  return { type, data, metadata, tags, time: timeMs === undefined ? undefined : new Date(timeMs) }
}

/** Everything of what was emitted, to compare one run with another. */
export function wholePicture(emitted: Emitted): object {
  if ('link' in emitted) return emitted
  const { streamId, one } = emitted
  const { id } = one.prepared
  return { streamId, ...one.event, ...(id !== undefined && { id: formatUuid(id, 0) }) }
}

type Pictures = readonly unknown[]

/** Compares what was emitted with what is expected. Events that follow each other may be expected together or apart. */
export function compareEmitted(
  emitted: readonly Emitted[],
  wanted: unknown,
): { readonly actual: Pictures; readonly expected: Pictures; readonly found: readonly Difference[] } {
  const pieces = (Array.isArray(wanted) ? wanted : [wanted]).flatMap(piecesOf)
  const expected = pieces.map(normalized)
  const actual = emitted.map((one, index) => pictureOf(one, pieces[index]))
  return { actual, expected, found: differences(actual, expected, 'emitted') }
}

type Piece = { readonly streamId: unknown; readonly event: unknown } | object

function piecesOf(wanted: unknown): readonly Piece[] {
  if (typeof wanted !== 'object' || wanted === null || isMatcher(wanted) || !('events' in wanted)) {
    return [wanted as Piece]
  }
  const { events, ...rest } = wanted as { readonly streamId: unknown; readonly events: unknown }
  return (Array.isArray(events) ? events : [events]).map((event) => ({ ...rest, event }))
}

function normalized(piece: Piece): unknown {
  if (piece === null || typeof piece !== 'object' || isMatcher(piece) || !('event' in piece)) return piece
  const { expected } = compareEvents([], [piece.event])
  return { ...piece, event: (expected as Pictures)[0] }
}

/** Of an event what is to be compared. */
function pictureOf(emitted: Emitted, piece: Piece | undefined): unknown {
  if ('link' in emitted) return emitted
  const { streamId, one } = emitted
  if (piece === null || typeof piece !== 'object' || !('event' in piece)) {
    return { streamId, event: picturesOf([one])[0] }
  }
  return { streamId, event: (compareEvents([one], [piece.event]).actual as Pictures)[0] }
}
