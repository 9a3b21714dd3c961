import type { EventStore } from 'eventdb'
import { CommandError } from './errors.ts'

/**
 * Refuses a stream that cannot be read at all: one that was never there is likely to be misspelt.
 *
 * @throws StreamNotFoundError, StreamTombstonedError; CommandError for a deleted one
 */
export async function mustBeThere(store: EventStore, streamId: string): Promise<void> {
  const { state } = await store.stream(streamId).info()
  if (state === 'live') return
  throw new CommandError(`Stream ${JSON.stringify(streamId)} is deleted`, {
    hint: 'eventdb restore brings it back, unless it was scavenged',
  })
}
