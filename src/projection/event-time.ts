import { timeOfStamp } from '../kv/stamp.ts'
import type { RecordedEvent } from '../store/event.ts'
import { stampOfEvent, timeMsOf } from '../store/stored-event.ts'

/** When an event happened, but not later than it was recorded, in milliseconds since 1970. */
export function timeMsIn(event: RecordedEvent): number {
  const recordedMs = timeOfStamp(stampOfEvent(event)!)
  return Math.min(timeMsOf(event) ?? recordedMs, recordedMs)
}
