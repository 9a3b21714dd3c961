import type { RecordedEvent } from './event.ts'
import { indexedTexts } from './event-writer.ts'
import type { Keyspace } from './keyspace.ts'
import { isSystemStream } from './prepared-event.ts'
import type { Settings } from './settings.ts'
import { callerIdOf, stampOfEvent, streamNumberOf } from './stored-event.ts'

/** The rows of indexes that an event has. */
function indexRowsOf(keys: Keyspace, event: RecordedEvent, settings: Settings): Uint8Array[] {
  if (isSystemStream(event.streamId)) return []
  const stamp = stampOfEvent(event)!
  return indexedTexts(event, settings).map(({ index, text }) => keys.indexKey(index, text, stamp))
}

/** All rows that an event has but that of its stream, and its chunks. */
export function rowsOf(keys: Keyspace, event: RecordedEvent, settings: Settings): Uint8Array[] {
  const id = callerIdOf(event)
  return [
    keys.logKey(stampOfEvent(event)!),
    ...indexRowsOf(keys, event, settings),
    ...(id === undefined ? [] : [keys.eventIdKey(streamNumberOf(event), id)]),
  ]
}
