import { InvalidArgumentError, UnknownEventError } from '../errors.ts'
import type {
  DefinedEvent,
  EventType,
  EventTypeDefinition,
  EventTypes,
  Retired,
  UpToDateEvent,
} from '../store/contract-event-types.ts'
import type { EventShape, JsonObject, NewEvent, TransactionEvent } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { eventToday } from './event-today.ts'
import { checkUpcasters, eventType, isSchema } from './event-type.ts'
import { validated } from './schema-check.ts'

/** Options of `defineEvents`. */
export interface DefineEventsOptions<E extends EventShape> {
  /** Types that are not written any more: what their events are today. */
  readonly retired?: Readonly<Record<string, Retired<E>>>
  /** Whether schemas are held against what is read as well, after upcasting. @default false */
  readonly validateOnRead?: boolean
}

/** In the metadata of an event: the version of its data, unless it is 1. */
export const SCHEMA_VERSION = '$schemaVersion'

/**
 * Describes the events of an application. By a union of types alone, nothing is checked at run time:
 *
 * ```ts
 * type CartEvent =
 *   | { type: 'ItemAdded'; data: { sku: string } }
 *   | { type: 'CheckedOut'; data: { items: number } }
 * const events = defineEvents<CartEvent>()
 * ```
 *
 * By an object of schemas and event types, the union follows, and data is checked before it is written and brought up to date when it is read:
 *
 * ```ts
 * const events = defineEvents({
 *   ItemAdded: z.object({ sku: z.string() }),
 *   CheckedOut: eventType<{ items: number }>(),
 * })
 * ```
 *
 * @throws InvalidArgumentError
 */
export function defineEvents<E extends EventShape>(): EventTypes<E>
export function defineEvents<const Types extends Readonly<Record<string, EventTypeDefinition>>>(
  types: Types,
  options?: DefineEventsOptions<DefinedEvent<Types>>,
): EventTypes<DefinedEvent<Types>>
export function defineEvents(
  types?: Readonly<Record<string, EventTypeDefinition>>,
  options: DefineEventsOptions<EventShape> = {},
): EventTypes<EventShape> {
  return types === undefined ? AS_WRITTEN : new DefinedEvents(types, options)
}

/** Events of which nothing is known at run time. */
const AS_WRITTEN: EventTypes<EventShape> = {
  types: undefined,
  form: '',
  checked: (event) => event,
  upToDate: (event) => [event],
}

const checkOptions = onlyNames('The options of defineEvents', 'retired', 'validateOnRead')

class DefinedEvents implements EventTypes<EventShape> {
  readonly types: readonly string[]
  readonly form: string
  readonly #known = new Map<string, EventType<unknown>>()
  readonly #retired = new Map<string, Retired<EventShape>>()
  readonly #validatesOnRead: boolean

  constructor(
    types: Readonly<Record<string, EventTypeDefinition>>,
    options: DefineEventsOptions<EventShape>,
  ) {
    checkOptions(options)
    const { retired = {}, validateOnRead = false } = options
    if (typeof types !== 'object' || types === null) {
      throw new InvalidArgumentError(`Event types are listed in an object, not in ${describe(types)}`)
    }
    for (const [type, definition] of Object.entries(types)) {
      // Of modules that import each other in a circle, one sees what is not there yet.
      if (definition === undefined)
        throw new InvalidArgumentError(`There is no definition of ${type}, but undefined`)
      const options = isSchema(definition) ? { schema: definition } : definition
      const known = eventType(options as EventType<unknown>)
      checkUpcasters(type, known)
      this.#known.set(type, known)
    }
    for (const [type, today] of Object.entries(retired)) {
      if (this.#known.has(type))
        throw new InvalidArgumentError(`The type ${type} cannot be retired, as it is written`)
      if (typeof today !== 'function')
        throw new InvalidArgumentError(`What became of ${type} must be a function, not ${describe(today)}`)
      this.#retired.set(type, today)
    }
    this.types = [...this.#known.keys()]
    const written = [...this.#known].map(([type, { version = 1 }]) => `${type}@${version}`).sort()
    this.form = JSON.stringify([written, [...this.#retired.keys()].sort()])
    this.#validatesOnRead = validateOnRead
  }

  checked(event: NewEvent): NewEvent | Promise<NewEvent> {
    const known = this.#known.get(event.type)
    if (known === undefined) {
      throw new InvalidArgumentError(
        `An event of the type ${describe(event.type)} cannot be written: the types are ${this.types.join(', ')}`,
        { type: event.type },
      )
    }
    const noted = withVersion(event, known.version ?? 1)
    if (known.schema === undefined) return noted
    const data = validated(known.schema, { type: event.type, data: event.data })
    return data instanceof Promise ? data.then((made) => withData(noted, made)) : withData(noted, data)
  }

  upToDate(
    event: TransactionEvent,
  ): readonly UpToDateEvent<EventShape>[] | Promise<readonly UpToDateEvent<EventShape>[]> {
    const retired = this.#retired.get(event.type)
    if (retired !== undefined) return this.#whatIsRead(event, this.#replacements(event, retired))
    const known = this.#known.get(event.type)
    if (known === undefined) return [event]
    const { version = 1, upcast } = known
    const written = versionOf(event)
    if (!(Number.isInteger(written) && written >= 1 && written <= version)) {
      throw new UnknownEventError(event, { schemaVersion: written })
    }
    const today =
      written === version
        ? event
        : eventToday(event, event.type, () => upcasted(event.data, written, version, upcast!))
    return this.#whatIsRead(event, [today])
  }

  #replacements(event: TransactionEvent, retired: Retired<EventShape>): UpToDateEvent<EventShape>[] {
    const replacements = retired(event as Parameters<Retired<EventShape>>[0])
    const list: readonly EventShape[] = Array.isArray(replacements) ? replacements : [replacements]
    return list.map(({ type, data }) => {
      if (this.#known.has(type)) return eventToday(event, type, () => data)
      throw new InvalidArgumentError(
        `The retired type ${event.type} became ${describe(type)}, but the types are ${this.types.join(', ')}`,
        { type },
      )
    })
  }

  #whatIsRead(
    event: TransactionEvent,
    list: readonly UpToDateEvent<EventShape>[],
  ): readonly UpToDateEvent<EventShape>[] | Promise<readonly UpToDateEvent<EventShape>[]> {
    if (!this.#validatesOnRead) return list
    const made = list.map((today) => {
      const schema = this.#known.get(today.type)?.schema
      if (schema === undefined) return today
      // What the schema makes of it is left alone: data that was just decided is what was written, not what a reader would make of it.
      const data = validated(schema, today, event)
      return data instanceof Promise ? data.then(() => today) : today
    })
    return made.some((one) => one instanceof Promise)
      ? Promise.all(made)
      : (made as readonly UpToDateEvent<EventShape>[])
  }
}

function upcasted(
  data: unknown,
  from: number,
  to: number,
  upcast: NonNullable<EventType<unknown>['upcast']>,
): unknown {
  let made = data
  for (let version = from; version < to; version += 1) made = upcast[version]!(made as never)
  return made
}

function versionOf({ metadata }: TransactionEvent): number {
  if (typeof metadata !== 'object' || metadata === null) return 1
  const version = (metadata as Readonly<Record<string, unknown>>)[SCHEMA_VERSION]
  return typeof version === 'number' ? version : 1
}

/** An event with the version of its data noted, whatever the caller's metadata, which may come from another event, says of it. */
function withVersion(event: NewEvent, version: number): NewEvent {
  const { metadata } = event
  const isMap = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
  if (version === 1) {
    if (!isMap || !(SCHEMA_VERSION in metadata)) return event
    const { [SCHEMA_VERSION]: _another, ...rest } = metadata as JsonObject
    return { ...event, metadata: rest }
  }
  if (metadata !== undefined && (!isMap || metadata instanceof Uint8Array)) {
    throw new InvalidArgumentError(
      `The metadata of ${event.type} must be an object, as the version of its data is noted there`,
      { type: event.type },
    )
  }
  return { ...event, metadata: { ...(metadata as JsonObject | undefined), [SCHEMA_VERSION]: version } }
}

function withData(event: NewEvent, data: unknown): NewEvent {
  return data === event.data ? event : { ...event, data }
}
