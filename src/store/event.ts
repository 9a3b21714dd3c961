/** Anything that JSON can hold. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue }

/**
 * The shape of an application's events: a type, and data that belongs to it. Describe your own as a union:
 *
 * ```ts
 * type CartEvent =
 *   | { type: 'ItemAdded'; data: { sku: string } }
 *   | { type: 'CheckedOut'; data: Record<string, never> }
 * ```
 */
export interface EventShape {
  readonly type: string
  readonly data?: unknown
  readonly metadata?: unknown
}

/** What the caller may say of a new event besides its shape. */
export interface NewEventFields {
  /** A UUID. With it, appending the same event again is recognised and changes nothing. @default a new UUIDv7 */
  readonly id?: string
  /** When it happened, in the caller's world; any instant. @default when it is recorded */
  readonly time?: Date
  /** Up to 64 words of up to 256 bytes by which the event can be found. A set: order and repeats don't matter. */
  readonly tags?: readonly string[]
}

/**
 * An event that is to be appended. `data` and `metadata` are JSON values, or a `Uint8Array` that is kept as it is.
 * Either may be left out.
 */
export type NewEvent<E extends EventShape = EventShape> = E & NewEventFields

/** What the store adds to an event. */
export interface RecordedFields {
  /** UUID of the event. */
  readonly id: string
  readonly streamId: string
  /** Place in its stream: 1, 2, 3, … */
  readonly version: number
  /** When it happened: what the caller said, else `recordedAt`. */
  readonly time: Date
  /** Tags, each once, in the order of their UTF-8 bytes. */
  readonly tags: readonly string[]
  /** Whatever it is, where the event's own type does not say; decoded when it is first looked at. */
  readonly metadata?: unknown
}

/** Where an event was found that a link points to. To go on reading behind it, use these and not the event's own. */
export interface EventLink<Position = bigint> {
  readonly id: string
  readonly streamId: string
  readonly version: number
  readonly position: Position
}

/** An event as it was stored. `data` and `metadata` are decoded when they are first looked at. */
export type RecordedEvent<E extends EventShape = EventShape> = E &
  RecordedFields & {
    /** Place in the global order. Opaque: it has gaps; compare it, never count with it. */
    readonly position: bigint
    /** When it was stored; never decreases in the order of positions. */
    readonly recordedAt: Date
    /** The link through which this was found, if through one. */
    readonly link?: EventLink | undefined
    /** The event as plain JSON, with its position as a decimal string and bytes in base64. */
    toJSON(): JsonObject
  }

/** An event as its own transaction sees it: the store does not know its position yet. */
export type PendingEvent<E extends EventShape = EventShape> = E &
  Omit<RecordedFields, 'time'> & {
    readonly position: undefined
    readonly recordedAt: undefined
    /** What the caller said, if anything. */
    readonly time: Date | undefined
    readonly link?: EventLink<undefined> | undefined
    toJSON(): JsonObject
  }

/** What reading inside a transaction yields: stored events, then the transaction's own. */
export type TransactionEvent<E extends EventShape = EventShape> = RecordedEvent<E> | PendingEvent<E>
