import type { EventShape, NewEvent, TransactionEvent } from './event.ts'

/**
 * A schema of any library that follows Standard Schema (standardschema.dev, version 1): zod, valibot, arktype and others. What it accepts is
 * for it to say; `Output` is what it makes of it.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** What a schema does not like, and where. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

declare const DATA: unique symbol

/** What is known of an event type: that its data is `Data`, and by the options how to see to it. Made by `eventType`. */
export interface EventType<Data> extends EventTypeOptions<Data> {
  /** Only for the compiler. */
  readonly [DATA]?: () => Data
}

/** How the data of an event type is checked, and how that of old versions is brought up to date. */
export interface EventTypeOptions<Data> {
  /** What data is held against before it is written. What the schema makes of it is what is written. */
  readonly schema?: StandardSchema<Data>
  /** Version of the data's form, 1 to 1,000; noted in the metadata of each event, as `$schemaVersion`, unless it is 1. @default 1 */
  readonly version?: number
  /**
   * By version: makes data of this version into data of the next. There must be one for each version below `version`. Whether the last one
   * makes `Data` is not for the compiler to see, but for `validateOnRead`.
   */
  readonly upcast?: Readonly<Record<number, (data: never) => unknown>>
}

/** What `defineEvents` takes for one type: a schema, or what `eventType` made. */
export type EventTypeDefinition = EventType<unknown> | StandardSchema

/** The union of events that `defineEvents` describes: `EventOf<typeof events>`. */
export type EventOf<Events> = Events extends EventTypes<infer E> ? E : never

/** The union of events that an object of definitions describes. */
export type DefinedEvent<Types> = {
  [Type in keyof Types & string]: undefined extends DataOf<Types[Type]>
    ? { readonly type: Type; readonly data?: DataOf<Types[Type]> }
    : { readonly type: Type; readonly data: DataOf<Types[Type]> }
}[keyof Types & string]

type DataOf<Definition> =
  Definition extends StandardSchema<infer Output>
    ? Output
    : Definition extends EventType<infer Data>
      ? Data
      : never

/** An event that was read, as what it is today. */
export type UpToDateEvent<E extends EventShape> = E &
  Pick<TransactionEvent, 'id' | 'streamId' | 'version' | 'position' | 'time' | 'recordedAt'> &
  Pick<TransactionEvent, 'tags' | 'metadata' | 'link' | 'toJSON'>

declare const SHAPE: unique symbol

/** The events of an application: which types there are, what they hold, and what became of old ones. Made by `defineEvents`. */
export interface EventTypes<E extends EventShape> {
  /** Only for the compiler. */
  readonly [SHAPE]?: (event: E) => E
  /** The types that are written today, if they were listed. */
  readonly types: readonly E['type'][] | undefined
  /** What the events of today are, in a text: the types, the versions of their data, and which are retired. */
  readonly form: string
  /**
   * Checks a new event, and notes the version of its data. Resolves at once unless a schema is asynchronous.
   * @throws ValidationError; InvalidArgumentError for a type that was not listed
   */
  checked(event: NewEvent<E>): NewEvent<E> | Promise<NewEvent<E>>
  /**
   * What an event that was read is today: mostly itself; several if its type was split, none if nothing is left of it.
   * @throws UnknownEventError for data of a version that this program does not know; ValidationError with `validateOnRead`
   */
  upToDate(event: TransactionEvent): readonly UpToDateEvent<E>[] | Promise<readonly UpToDateEvent<E>[]>
}

/** What an event of a retired type becomes: events of types that are written today, in their newest version. */
export type Retired<E extends EventShape> = (
  event: TransactionEvent<{ readonly type: string; readonly data: never }>,
) => E | readonly E[]
