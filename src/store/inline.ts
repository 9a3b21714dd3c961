import { ProjectionNotCarriedError, ProjectionRefusedError } from '../errors.ts'
import { INLINE_ROUNDS_MAX, TRANSACTION_AGE_MS_MAX } from '../limits.ts'
import type { SourceName } from './contract-query.ts'
import type { PendingEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { AppendingSession, InlineWork } from './inline-carriers.ts'
import { DELETED, TOMBSTONED } from './life.ts'
import { isSystemStream, SYSTEM_PREFIX } from './prepared-event.ts'
import { matchesQuery, type PreparedQuery, prepareQuery } from './query.ts'
import { categoryOf, type InlineEntry, type Settings } from './settings.ts'
import { linkTargetOf } from './stored-event.ts'

/** The inline projections in one transaction: see "How inline projections come into force" in `docs/projections.md`. */
export class InlineHandling {
  readonly #session: AppendingSession
  readonly #host: StoreHost
  readonly #settings: Settings
  readonly #works = new Map<InlineEntry, InlineWork>()

  constructor(session: AppendingSession, host: StoreHost, settings: Settings) {
    this.#session = session
    this.#host = host
    this.#settings = settings
  }

  /** Hands on what was appended, and what is emitted for it in turn. @throws ProjectionNotCarriedError, ProjectionRefusedError */
  async handOn(next: () => readonly PendingEvent[]): Promise<void> {
    let events = next()
    for (let round = 0; events.length > 0; round += 1) {
      for (const entry of this.#settings.inline) await this.#handle(entry, events, round)
      events = next()
    }
  }

  /** Writes what has come of it. @throws ProjectionRefusedError */
  write(): void {
    for (const work of this.#works.values()) work.write()
  }

  async #handle(entry: InlineEntry, events: readonly PendingEvent[], round: number): Promise<void> {
    const meant = events.filter((event) => this.#isMeant(entry, event))
    const [first] = meant
    if (first === undefined) return
    if (round > INLINE_ROUNDS_MAX) {
      throw refusal(
        entry,
        first,
        `it goes round in circles: events were emitted for emitted events ${INLINE_ROUNDS_MAX} times`,
      )
    }
    const handling = this.#workOf(entry, first).handle(meant)
    await this.#inTime(handling, () =>
      refusal(
        entry,
        first,
        `its handlers took more than ${TRANSACTION_AGE_MS_MAX} ms, and all appends wait for them`,
      ),
    )
  }

  #isMeant(entry: InlineEntry, event: PendingEvent): boolean {
    return isOf(entry, event.streamId, event, this.#settings) && linkTargetOf(event) === undefined
  }

  #workOf(entry: InlineEntry, first: PendingEvent): InlineWork {
    const known = this.#works.get(entry)
    if (known !== undefined) return known
    const carrier = this.#host.inline.find(entry)
    if (carrier === undefined) throw new ProjectionNotCarriedError(entry.name, entry.version, first.streamId)
    const work = carrier.begin(this.#session, entry.copy)
    this.#works.set(entry, work)
    return work
  }

  /** A handler that waits for an append of its own would wait for ever. */
  async #inTime(handling: Promise<void>, late: () => Error): Promise<void> {
    let cancel = (): void => {}
    const isLate = new Promise<never>((_, reject) => {
      cancel = this.#host.runtime.schedule(TRANSACTION_AGE_MS_MAX, () => reject(late()))
    })
    try {
      await Promise.race([handling, isLate])
    } finally {
      cancel()
    }
  }
}

function refusal({ name, version }: InlineEntry, event: PendingEvent, why: string): ProjectionRefusedError {
  const { streamId, type } = event
  return new ProjectionRefusedError(name, version, { streamId, version: event.version, type }, new Error(why))
}

/** What can be told of an event before it is recorded. */
interface Looked {
  readonly type: string
  readonly tags: readonly string[]
}

/** Whether an inline projection handles an event of a stream. */
export function isForInline(settings: Settings, streamId: string, event: Looked): boolean {
  return settings.inline.some((entry) => isOf(entry, streamId, event, settings))
}

function isOf(
  { source, hasDeleted }: InlineEntry,
  streamId: string,
  event: Looked,
  settings: Settings,
): boolean {
  if (!isSystemStream(streamId)) return isOfSource(source, streamId, event, settings)
  const isDeletion = hasDeleted && (event.type === DELETED || event.type === TOMBSTONED)
  return isDeletion && isOfStreams(source, streamId.slice(SYSTEM_PREFIX.length), settings)
}

function isOfSource(source: SourceName, streamId: string, event: Looked, settings: Settings): boolean {
  switch (source.kind) {
    case 'type':
      return event.type === source.type
    case 'query':
      return matchesQuery(preparedOnce(source), event)
    default:
      return isOfStreams(source, streamId, settings)
  }
}

function isOfStreams(source: SourceName, streamId: string, settings: Settings): boolean {
  switch (source.kind) {
    case 'all':
      return true
    case 'stream':
      return streamId === source.streamId
    case 'category':
      return categoryOf(streamId, settings) === source.category
    default:
      return false
  }
}

const prepared = new WeakMap<SourceName, PreparedQuery>()

/** Queries are asked of every event, and hardly ever change. */
function preparedOnce(source: SourceName & { readonly kind: 'query' }): PreparedQuery {
  const known = prepared.get(source) ?? prepareQuery(source.query)
  prepared.set(source, known)
  return known
}
