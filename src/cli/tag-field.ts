import { UsageError } from './errors.ts'
import type { EventLine } from './event-line.ts'
import { didYouMean } from './suggest.ts'

/** A place in an imported record whose value becomes a tag. */
export interface TagField {
  /** As it was given: `metadata.role`. */
  readonly path: string
  readonly segments: readonly string[]
}

const ROOTS = ['stream', 'type', 'data', 'metadata', 'id', 'time', 'version']

/** Reads a path such as `metadata.role`. @throws UsageError if no record could have such a field */
export function parseTagField(path: string): TagField {
  const segments = path.split('.')
  const root = segments[0]!
  if (segments.includes('')) {
    throw new UsageError(`--tag-field takes a path such as metadata.role, not ${JSON.stringify(path)}`)
  }
  if (!ROOTS.includes(root)) {
    throw new UsageError(
      `--tag-field ${path}: a record has no field ${JSON.stringify(root)}${didYouMean(root, ROOTS)}`,
    )
  }
  return { path, segments }
}

/** Adds a tag for each value that the fields hold, named after the last part of the path. @throws RangeError for a value that is no tag */
export function withFieldTags(line: EventLine, fields: readonly TagField[]): EventLine {
  const tags = fields.flatMap((field) => tagsOf(line, field))
  if (tags.length === 0) return line
  return { ...line, event: { ...line.event, tags: [...(line.event.tags ?? []), ...tags] } }
}

function tagsOf({ streamId, event, version }: EventLine, { path, segments }: TagField): readonly string[] {
  const record = { ...event, stream: streamId, time: event.time?.toISOString(), version }
  const value = segments.reduce((holder: unknown, segment) => memberOf(holder, segment, path), record)
  const values = Array.isArray(value) ? value : [value]
  return values.flatMap((each) => tagText(each, path).map((text) => `${segments.at(-1)}:${text}`))
}

function memberOf(holder: unknown, name: string, path: string): unknown {
  if (Array.isArray(holder)) throw new RangeError(`the path ${path} leads through an array`)
  if (typeof holder !== 'object' || holder === null || holder instanceof Uint8Array) return undefined
  return Object.hasOwn(holder, name) ? holder[name as keyof typeof holder] : undefined
}

function tagText(value: unknown, path: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return [`${value}`]
  const kind =
    value instanceof Uint8Array ? 'bytes' : Array.isArray(value) ? 'arrays in an array' : 'an object'
  throw new RangeError(`${path} holds ${kind}, which cannot be a tag`)
}
