import { ValidationError, type ValidationIssue } from '../errors.ts'
import type { SchemaIssue, SchemaResult, StandardSchema } from '../store/contract-event-types.ts'

/** What is held against a schema. */
export interface Checked {
  readonly type: string
  readonly data?: unknown
}

/** What a schema makes of the data of an event. @throws ValidationError */
export function validated(
  schema: StandardSchema,
  event: Checked,
  place?: { readonly streamId: string; readonly version: number },
): unknown {
  const outcome = schema['~standard'].validate(event.data)
  const output = (result: SchemaResult<unknown>): unknown => {
    if (result.issues === undefined) return result.value
    throw new ValidationError(event.type, result.issues.map(issueOf), place)
  }
  return outcome instanceof Promise ? outcome.then(output) : output(outcome)
}

function issueOf({ message, path = [] }: SchemaIssue): ValidationIssue {
  return { message, path: path.reduce<string>(joined, '') }
}

function joined(path: string, segment: PropertyKey | { readonly key: PropertyKey }): string {
  const key = typeof segment === 'object' ? segment.key : segment
  if (typeof key === 'number') return `${path}[${key}]`
  return path === '' ? String(key) : `${path}.${String(key)}`
}
