/** Whether something is an object as literals make them, of whichever realm. */
export function isPlain(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'))
  )
}

/** What was frozen, and whether nothing in it can change any more. */
const known = new WeakMap<object, boolean>()

/** Freezes plain objects and arrays, however deep. Returns whether that is all there is, so that nothing in it can change any more. */
export function freezePlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  const before = known.get(value)
  if (before !== undefined) return before
  if (!Array.isArray(value) && !isPlain(value)) return false
  // What contains itself is met again while it is looked at.
  known.set(value, true)
  Object.freeze(value)
  const isWhole = Object.values(value).map(freezePlain).every(Boolean)
  known.set(value, isWhole)
  return isWhole
}

/**
 * Copies a value, however deep, with everything of it that can be seen from outside: what is in private fields cannot. Nothing of the copy is
 * frozen. What it cannot copy, such as a promise, is in the copy itself.
 */
export function copyOf<T>(value: T): T {
  return copied(value, new Map()) as T
}

function copied(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return seen.get(value)
  const copy = emptyCopy(value)
  if (copy === undefined) return value
  seen.set(value, copy)
  if (value instanceof Map) {
    for (const [key, member] of value)
      (copy as Map<unknown, unknown>).set(copied(key, seen), copied(member, seen))
  }
  if (value instanceof Set) for (const member of value) (copy as Set<unknown>).add(copied(member, seen))
  if (ArrayBuffer.isView(value)) return copy
  for (const name of Reflect.ownKeys(value)) {
    const property = Reflect.getOwnPropertyDescriptor(value, name)!
    if (Array.isArray(value) && name === 'length') continue
    if ('value' in property) property.value = copied(property.value, seen)
    Reflect.defineProperty(copy, name, {
      ...property,
      configurable: true,
      ...('value' in property && { writable: true }),
    })
  }
  return copy
}

/** What a copy begins as; `undefined` of what cannot be copied. */
function emptyCopy(value: object): object | undefined {
  const prototype = Object.getPrototypeOf(value)
  const of = (made: object): object => Object.setPrototypeOf(made, prototype)
  if (Array.isArray(value)) return of(new Array(value.length))
  if (value instanceof Map) return of(new Map())
  if (value instanceof Set) return of(new Set())
  if (value instanceof Date) return of(new Date(value.getTime()))
  if (ArrayBuffer.isView(value) && 'slice' in value) return (value as Uint8Array).slice()
  return Object.prototype.toString.call(value) === '[object Object]' ? Object.create(prototype) : undefined
}
