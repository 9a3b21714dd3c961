import type { Codecs } from '../store/codecs.ts'
import type { FoldedEvent } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import type { Payload, PreparedEvent } from '../store/prepared-event.ts'

/**
 * A new event as it will be read: its data and metadata are what their encoding yields, so that `evolve` sees the same now and later. They are
 * decoded when they are first looked at.
 */
export function decidedEvent<E extends EventShape>(
  event: PreparedEvent,
  streamId: string,
  version: number,
  codecs: Codecs,
): FoldedEvent<E> {
  return new DecidedEvent(event, streamId, version, codecs) as unknown as FoldedEvent<E>
}

class DecidedEvent {
  readonly #event: PreparedEvent
  readonly #codecs: Codecs
  #data: unknown
  #metadata: unknown
  #decoded = 0
  readonly type: string
  readonly streamId: string
  readonly version: number

  constructor(event: PreparedEvent, streamId: string, version: number, codecs: Codecs) {
    this.#event = event
    this.#codecs = codecs
    this.type = event.type
    this.streamId = streamId
    this.version = version
  }

  get time(): Date {
    return new Date(this.#event.timeMs!)
  }

  get tags(): readonly string[] {
    return this.#event.tags
  }

  get data(): unknown {
    if ((this.#decoded & 1) === 0) {
      const { data, isCoded } = this.#event
      this.#data = isCoded ? this.#codecs.decode(data as Uint8Array) : decoded(data)
      this.#decoded |= 1
    }
    return this.#data
  }

  get metadata(): unknown {
    if ((this.#decoded & 2) === 0) {
      this.#metadata = decoded(this.#event.metadata)
      this.#decoded |= 2
    }
    return this.#metadata
  }

  /** What `console.log` shows in Node, and what tests compare. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return this.toJSON()
  }

  toJSON(): object {
    const { type, streamId, version, time, tags, data, metadata } = this
    return { type, streamId, version, time, tags, data, metadata }
  }
}

function decoded(payload: Payload | undefined): unknown {
  if (payload === undefined) return undefined
  return typeof payload === 'string' ? JSON.parse(payload) : new Uint8Array(payload)
}
