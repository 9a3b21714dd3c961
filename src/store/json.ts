import { UnserializableError } from '../errors.ts'
import { JSON_DEPTH_MAX } from '../limits.ts'
import type { JsonValue } from './event.ts'

/** How deep the quick look goes before the careful one takes over. */
const QUICK_DEPTH = 64

/**
 * Writes a value as JSON, and refuses what JSON would drop, distort or choke on. Properties that are `undefined` are left
 * out, as everywhere in JSON; objects with a `toJSON` method, such as dates, are written as that says.
 *
 * @throws UnserializableError with the path to the culprit
 */
export function encodeJson(value: unknown, what: string): string {
  if (!isPlain(value, QUICK_DEPTH)) examine(value, what, [])
  return JSON.stringify(value)
}

/** Whether a value is certainly JSON. `false` means only that a closer look is needed. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || (depth > 0 && isPlainObject(value, depth - 1))
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) if (!isPlain(value[index], depth)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined && !isPlain(member, depth)) return false
  }
  return true
}

/** Looks at everything and remembers the way. @throws UnserializableError */
function examine(value: unknown, path: string, ancestors: readonly object[]): void {
  const problem = problemOf(value, ancestors)
  if (problem !== undefined) throw new UnserializableError(path, problem)
  if (typeof value !== 'object' || value === null) return
  const within = [...ancestors, value]
  if (hasToJson(value)) return examine(value.toJSON(), path, within)
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) examine(value[index], `${path}[${index}]`, within)
    return
  }
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) examine(member, joined(path, key), within)
  }
}

function problemOf(value: unknown, ancestors: readonly object[]): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `it is ${value}`
    case 'object':
      return value === null ? undefined : problemOfObject(value, ancestors)
    default:
      return value === undefined ? 'it is undefined' : `it is a ${typeof value}`
  }
}

function problemOfObject(value: object, ancestors: readonly object[]): string | undefined {
  if (ancestors.includes(value)) return 'it contains itself'
  if (ancestors.length >= JSON_DEPTH_MAX) return `it is nested more than ${JSON_DEPTH_MAX} levels deep`
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'it is an invalid Date'
  if (Array.isArray(value) || hasToJson(value)) return undefined
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return kind === 'Object' ? undefined : `it is a ${kind}`
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

function joined(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

/** What a closer look at a value has seen. */
export interface JsonLook {
  readonly met: Set<object>
  /** Whether it has properties that are `undefined`. */
  leavesOut: boolean
}

/** Looks at a value for the first time. */
export function newJsonLook(): JsonLook {
  return { met: new Set(), leavesOut: false }
}

/**
 * A value, if JSON gives it back as it is. Properties that are `undefined` may be left out. With `look`, no object may be in it twice: it would
 * come back as two.
 * @throws UnserializableError with the path to the culprit, and what to do
 */
export function keptByJson(value: unknown, path: string, remedy: string, look?: JsonLook): JsonValue {
  const problem = changeOf(value) ?? repetitionOf(value, look)
  if (problem !== undefined) throw new UnserializableError(path, `${problem}; ${remedy}`)
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) keptByJson(value[at], `${path}[${at}]`, remedy, look)
  } else if (typeof value === 'object' && value !== null) {
    for (const name in value) {
      const member = (value as Record<string, unknown>)[name]
      if (member === undefined) {
        if (look !== undefined) look.leavesOut = true
      } else if (!isLeaf(member)) keptByJson(member, joined(path, name), remedy, look)
    }
  }
  return value as JsonValue
}

function isLeaf(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null
}

function repetitionOf(value: unknown, look: JsonLook | undefined): string | undefined {
  if (look === undefined || typeof value !== 'object' || value === null) return undefined
  if (look.met.has(value)) return 'it is in there twice, or contains itself'
  look.met.add(value)
  return undefined
}

function changeOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? undefined
        : `it is ${Object.is(value, -0) ? '-0' : value}, which JSON changes`
    case 'object':
      if (value === null || Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
        return undefined
      return `it is a ${value.constructor?.name ?? 'object without a prototype'}, which JSON changes`
    default:
      return value === undefined ? 'it is undefined' : `it is a ${typeof value}`
  }
}
