import { type EventStore, openEventStore } from 'eventdb'
import type { OpenProgram, Program } from '../program.ts'

/** The event store of this package, without the indexes that the hand-written programs do not have. */
export function eventdbOn(engine: 'sqlite' | 'lmdb' | 'memory'): OpenProgram {
  return async (folder) =>
    programOf(
      engine === 'memory'
        ? await openEventStore(':memory:', { indexes: [] })
        : await openEventStore(folder, { engine, indexes: [] }),
    )
}

function programOf(store: EventStore): Program {
  const count = async (
    events: AsyncIterable<{ readonly data?: unknown }>,
    touch: boolean,
  ): Promise<number> => {
    let seen = 0
    for await (const event of events) {
      if (!touch || event.data !== undefined) seen += 1
    }
    return seen
  }
  return {
    append: (streamId, event) => store.stream(streamId).append(event),
    appendBatch: (streamId, events) => store.stream(streamId).append(events),
    readStream: (streamId, touch) => count(store.stream(streamId).read(), touch),
    readLog: (touch) => count(store.all.read(), touch),
    close: () => store.close(),
  }
}
