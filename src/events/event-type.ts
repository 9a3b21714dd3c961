import { InvalidArgumentError } from '../errors.ts'
import { SCHEMA_VERSION_MAX } from '../limits.ts'
import type { EventType, EventTypeOptions, StandardSchema } from '../store/contract-event-types.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'

const checkNames = onlyNames('An event type', 'schema', 'version', 'upcast')

/**
 * Says what is known of an event type: only that its data is `Data`; or a schema that checks it, from which the type follows; and how data of
 * old versions is brought up to date.
 *
 * ```ts
 * const CheckedOut = eventType<{ items: number }>()
 * const CouponUsed = eventType({
 *   schema: z.object({ code: z.string(), percent: z.number() }),
 *   version: 2,
 *   upcast: { 1: (data: { code: string }) => ({ ...data, percent: 10 }) },
 * })
 * ```
 *
 * @throws InvalidArgumentError for a version out of range. Whether there are all upcasters is for `defineEvents` to say, which knows the name.
 */
export function eventType<Data = undefined>(options: EventTypeOptions<Data> = {}): EventType<NoInfer<Data>> {
  checkNames(options)
  const { schema, version = 1 } = options
  if (schema !== undefined && !isSchema(schema)) {
    throw new InvalidArgumentError(`A schema must follow Standard Schema, not be ${describe(schema)}`)
  }
  if (!Number.isInteger(version) || version < 1 || version > SCHEMA_VERSION_MAX) {
    throw new InvalidArgumentError(
      `The version of an event type is a whole number from 1 to ${SCHEMA_VERSION_MAX}, not ${describe(version)}`,
      { version },
    )
  }
  return { ...options }
}

/** Whether something is a schema as Standard Schema has it. Those of arktype are functions. */
export function isSchema(value: unknown): value is StandardSchema {
  const isHolder = (typeof value === 'object' && value !== null) || typeof value === 'function'
  if (!isHolder || !('~standard' in value)) return false
  const standard = value['~standard'] as StandardSchema['~standard'] | undefined
  return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function'
}

/** Checks that there is an upcaster from each version of a type's data, and no other. @throws InvalidArgumentError */
export function checkUpcasters(type: string, { version = 1, upcast = {} }: EventType<unknown>): void {
  for (const [from, upcaster] of Object.entries(upcast)) {
    const isBelow = /^[1-9]\d*$/.test(from) && Number(from) < version
    if (isBelow && typeof upcaster === 'function') continue
    throw new InvalidArgumentError(
      isBelow
        ? `The upcaster of ${type} from version ${from} must be a function, not ${describe(upcaster)}`
        : `There is an upcaster of ${type} from version ${from}, but its data is of version ${version}`,
      { type, from, version },
    )
  }
  for (let from = 1; from < version; from += 1) {
    if (from in upcast) continue
    const message = `${type} has no upcaster from version ${from} of its data to version ${from + 1}`
    throw new InvalidArgumentError(message, { type, from, version })
  }
}
