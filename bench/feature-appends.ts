import type { AppendOptions, EventStore } from 'eventdb'
import { randomOf } from './events.ts'
import { type Figures, measured } from './measured.ts'
import { builtSource, builtStream, streamOf, taggedSource } from './tagged.ts'

/** Appends of one event each. */
export interface Appends {
  readonly kind: 'append'
  readonly inFlight: number
  readonly events: number
  /** What each append asks for besides. */
  readonly asking: 'nothing' | 'version' | 'key' | 'query'
}

/** Events that a stream gets before its writer goes on to the next one. */
const EVENTS_A_STREAM = 50

/** Fills a large store. */
export async function build(store: EventStore, events: number): Promise<void> {
  const next = builtSource(1)
  const random = randomOf(2)
  for (let done = 0; done < events; done += 1_000) {
    const group = Array.from({ length: Math.min(1_000, events - done) }, () =>
      store.stream(builtStream(random)).append(next()),
    )
    await Promise.all(group)
  }
}

/** Keeps a number of appends in flight, each in the stream of its own writer, until enough events are in. */
export async function appends(store: EventStore, work: Appends): Promise<Figures> {
  const writers = Array.from({ length: work.inFlight }, (_, number) => writer(store, number, work.asking))
  const next = taggedSource(process.pid)
  const append = async (events: number): Promise<number> => {
    let left = events
    const write = async (one: Writer): Promise<void> => {
      for (; left > 0; ) {
        left -= 1
        await one(next())
      }
    }
    await Promise.all(writers.map(write))
    return events
  }
  // The first part warms up: the compiler, the caches, and the first pages of the file.
  const warmUp = Math.max(work.inFlight * 4, Math.round(work.events / 5))
  await append(warmUp)
  const seen = await measured(() => append(work.events))
  return { ...seen, eventsOfStore: (await store.info()).events }
}

type Writer = (event: ReturnType<ReturnType<typeof taggedSource>>) => Promise<unknown>

/** Writes to one recent stream after the other, as orders come and go. */
function writer(store: EventStore, number: number, asking: Appends['asking']): Writer {
  let count = 0
  return (event) => {
    const version = count % EVENTS_A_STREAM
    const id = streamOf(`${process.pid}-${number}-${Math.floor(count / EVENTS_A_STREAM)}`, number % 50)
    count += 1
    return store.stream(id).append(event, optionsOf(asking, version, `${process.pid}-${number}-${count}`))
  }
}

function optionsOf(asking: Appends['asking'], version: number, unique: string): AppendOptions {
  switch (asking) {
    case 'nothing':
      return {}
    case 'version':
      return { expectedVersion: version }
    case 'key':
      return { idempotencyKey: unique }
    case 'query':
      return { failIfEventsMatch: { query: { items: [{ tags: [`seat:${unique}`] }] } } }
  }
}
