import type { UpToDateEvent } from '../store/contract-event-types.ts'
import type { EventShape, JsonObject, JsonValue, TransactionEvent } from '../store/event.ts'

/** An event that was read, with the type and data of today. What does the work runs when the data is looked at, once. */
export function eventToday<E extends EventShape>(
  event: TransactionEvent,
  type: string,
  data: () => unknown,
): UpToDateEvent<E> {
  return new EventToday(event, type, data) as unknown as UpToDateEvent<E>
}

class EventToday {
  readonly #event: TransactionEvent
  #make: (() => unknown) | undefined
  #data: unknown
  readonly type: string
  readonly version: number

  constructor(event: TransactionEvent, type: string, data: () => unknown) {
    this.#event = event
    this.#make = data
    this.type = type
    this.version = event.version
  }

  get data(): unknown {
    if (this.#make !== undefined) {
      this.#data = this.#make()
      this.#make = undefined
    }
    return this.#data
  }

  get metadata(): unknown {
    return this.#event.metadata
  }

  get id(): string {
    return this.#event.id
  }

  get streamId(): string {
    return this.#event.streamId
  }

  get position(): bigint | undefined {
    return this.#event.position
  }

  get time(): Date | undefined {
    return this.#event.time
  }

  get recordedAt(): Date | undefined {
    return this.#event.recordedAt
  }

  get tags(): readonly string[] {
    return this.#event.tags
  }
  get link(): TransactionEvent['link'] {
    return this.#event.link
  }

  /** As that of the event that was read, with the type and data of today. */
  toJSON(): JsonObject {
    const { data: read, ...json } = this.#event.toJSON()
    // Bytes that were taken over are in the notation that they had.
    const data = this.data === this.#event.data ? read : (this.data as JsonValue | undefined)
    return { ...json, type: this.type, ...(data !== undefined && { data }) }
  }

  /** What `console.log` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { position, streamId, version, id, type, time, recordedAt, tags, metadata, data, link } = this
    const event = { position, streamId, version, id, type, time, recordedAt, tags, metadata, data }
    return link === undefined ? event : { ...event, link }
  }
}
