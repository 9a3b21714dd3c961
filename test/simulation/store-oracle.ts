import type { ExpectedVersion, JsonObject, MetadataPatch, NewEvent } from 'eventdb'

/** What the oracle keeps of an event: its place in the array is its place in the log. */
export interface ModelEvent {
  readonly streamId: string
  readonly version: number
  readonly id: string | undefined
  readonly data: unknown
}

/** One stream's part of an append. */
export interface ModelAppend {
  readonly streamId: string
  readonly events: readonly NewEvent[]
  readonly expectedVersion: ExpectedVersion
}

/** What a call came to: results without positions, or the code of an error with what it lists. */
export type Outcome =
  | { readonly results: readonly ModelResult[] }
  | { readonly code: string; readonly violations?: readonly object[] }

/** The result of one append, with the index in the log of its last event instead of a position. */
export interface ModelResult {
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
  readonly idempotent: boolean
  readonly lastIndex: number | undefined
}

/** The event store as plain arrays and maps, written from SEMANTICS.md alone. */
export class StoreOracle {
  events: ModelEvent[] = []
  metadata: Map<string, JsonObject> = new Map()
  own: Map<string, number> = new Map()

  /** A copy, to be changed by a transaction and kept if that commits. */
  copy(): StoreOracle {
    const copy = new StoreOracle()
    copy.events = [...this.events]
    copy.metadata = new Map(this.metadata)
    copy.own = new Map(this.own)
    return copy
  }

  stream(streamId: string): ModelEvent[] {
    return this.events.filter((event) => event.streamId === streamId)
  }

  exists(streamId: string): boolean {
    return this.metadata.has(streamId) || this.stream(streamId).length > 0
  }

  streams(): { readonly streamId: string; readonly version: number }[] {
    const ids = new Set([...this.events.map(({ streamId }) => streamId), ...this.metadata.keys()])
    return [...ids].sort().map((streamId) => ({ streamId, version: this.stream(streamId).length }))
  }

  append(
    appends: readonly ModelAppend[],
    conditions: readonly { readonly streamId: string; readonly expectedVersion: ExpectedVersion }[] = [],
  ): Outcome {
    const recorded = appends.map((append) => this.#recorded(append))
    if (recorded.includes('conflict')) return { code: 'idempotency-conflict' }
    const held = [...appends.filter((_, index) => recorded[index] === undefined), ...conditions]
    const violations = held.flatMap(({ streamId, expectedVersion }) =>
      this.#violation(streamId, expectedVersion),
    )
    if (violations.length > 0) return { code: 'wrong-expected-version', violations }
    const results = appends.map((append, index) => {
      const there = recorded[index]
      return typeof there === 'object' ? there : this.#write(append)
    })
    return { results }
  }

  create(streamId: string, metadata: JsonObject): Outcome {
    if (this.exists(streamId)) return { code: 'stream-exists' }
    return this.setMetadata(streamId, metadata)
  }

  setMetadata(streamId: string, patch: MetadataPatch): Outcome {
    const map = new Map(Object.entries({ ...this.metadata.get(streamId), ...patch }))
    for (const [key, value] of map) if (value === null) map.delete(key)
    this.metadata.set(streamId, Object.fromEntries(map))
    this.#write({ streamId: `$$${streamId}`, events: [{ type: '$', data: patch }] })
    return { results: [] }
  }

  #write({ streamId, events }: Pick<ModelAppend, 'streamId' | 'events'>): ModelResult {
    const before = this.stream(streamId).length
    for (const [index, { id, data }] of events.entries())
      this.events.push({ streamId, version: before + index + 1, id, data })
    return {
      streamId,
      firstVersion: before + 1,
      lastVersion: before + events.length,
      idempotent: false,
      lastIndex: events.length === 0 ? undefined : this.events.length - 1,
    }
  }

  #recorded({ streamId, events }: ModelAppend): ModelResult | 'conflict' | undefined {
    const stream = this.stream(streamId)
    const versions = events.map(
      ({ id }) => id !== undefined && stream.findIndex((event) => event.id === id) + 1,
    )
    if (!versions.some(Boolean)) return undefined
    const first = Number(versions[0])
    if (first === 0 || !versions.every((version, index) => version === first + index)) return 'conflict'
    const lastVersion = first + events.length - 1
    const lastIndex = this.events.indexOf(stream[lastVersion - 1]!)
    return { streamId, firstVersion: first, lastVersion, idempotent: true, lastIndex }
  }

  #violation(streamId: string, expected: ExpectedVersion): object[] {
    const [actual, exists] = [this.stream(streamId).length, this.exists(streamId)]
    const holds =
      expected === 'any' ||
      (expected === 'no-stream' && !exists) ||
      (expected === 'stream-exists' && exists) ||
      expected === actual
    return holds ? [] : [{ streamId, expected, actual, exists }]
  }
}
