import { isDeepStrictEqual } from 'node:util'
import { shown } from './specify-failure.ts'
import { isPlain } from './specify-state.ts'

/** A place where a value differs from another. A side that is not there at all is left out. */
export interface Difference {
  readonly path: string
  readonly actual?: { readonly value: unknown }
  readonly expected?: { readonly value: unknown }
}

/** How a difference is told, with both sides in words. */
export type Wording = (path: string, actual: string | undefined, expected: string | undefined) => string

/**
 * Where a value differs from what is expected. Properties that are `undefined` count as missing, and 0 as -0; classes must be the same.
 * Whatever has a method `asymmetricMatch`, as `expect.any(String)` of vitest and jest, decides itself.
 */
export function differences(actual: unknown, expected: unknown, path: string): readonly Difference[] {
  return new Comparison(false).of(actual, expected, path)
}

/** The same for what is expected only in part: properties that are not named may be anything, and texts may be given as regular expressions. */
export function partialDifferences(actual: unknown, expected: unknown, path: string): readonly Difference[] {
  return new Comparison(true).of(actual, expected, path)
}

const LISTED_MAX = 10

/** Differences as lines of a message. */
export function listed(found: readonly Difference[], wording: Wording = insteadOf): string {
  const lines = found.slice(0, LISTED_MAX).map(({ path, actual, expected }) => {
    return `  ${wording(path, actual && shown(actual.value), expected && shownExpected(expected.value))}`
  })
  const more = found.length - lines.length
  return ['', '', ...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n')
}

function insteadOf(path: string, actual: string | undefined, expected: string | undefined): string {
  if (actual === undefined) return `${path} is missing: ${expected}`
  return expected === undefined
    ? `${path} is not expected: ${actual}`
    : `${path} is ${actual} instead of ${expected}`
}

/** An asymmetric matcher of vitest, jest and others. */
interface Matcher {
  asymmetricMatch(actual: unknown): unknown
  toAsymmetricMatcher?(): string
}

/** Whether something decides itself what it equals. */
export function isMatcher(value: unknown): value is Matcher {
  return (
    typeof value === 'object' &&
    value !== null &&
    'asymmetricMatch' in value &&
    typeof value.asymmetricMatch === 'function'
  )
}

function shownExpected(value: unknown): string {
  return isMatcher(value) ? (value.toAsymmetricMatcher?.() ?? shown(value)) : shown(value)
}

class Comparison {
  readonly #isPartial: boolean
  readonly #found: Difference[] = []
  /** What is being compared further up, for values that contain themselves. */
  readonly #above: (readonly [unknown, unknown])[] = []

  constructor(isPartial: boolean) {
    this.#isPartial = isPartial
  }

  of(actual: unknown, expected: unknown, path: string): readonly Difference[] {
    this.#compare(actual, expected, path)
    return this.#found
  }

  #compare(actual: unknown, expected: unknown, path: string): void {
    if (this.#isEqual(actual, expected)) return
    const isMet = this.#above.some((pair) => pair[0] === actual && pair[1] === expected)
    if (isMet) return
    this.#above.push([actual, expected])
    if (Array.isArray(actual) && Array.isArray(expected)) this.#compareLists(actual, expected, path)
    else if (this.#haveMembers(actual, expected)) this.#compareMembers(actual, expected, path)
    else this.#found.push({ path, actual: { value: actual }, expected: { value: expected } })
    this.#above.pop()
  }

  #isEqual(actual: unknown, expected: unknown): boolean {
    if (isMatcher(expected)) return Boolean(expected.asymmetricMatch(actual))
    if (this.#isPartial && expected instanceof RegExp && typeof actual === 'string') {
      return actual.search(expected) !== -1
    }
    return actual === expected || isDeepStrictEqual(actual, expected)
  }

  #compareLists(actual: readonly unknown[], expected: readonly unknown[], path: string): void {
    for (let index = 0; index < Math.max(actual.length, expected.length); index += 1) {
      const at = `${path}[${index}]`
      if (index >= actual.length) this.#found.push({ path: at, expected: { value: expected[index] } })
      else if (index >= expected.length) this.#found.push({ path: at, actual: { value: actual[index] } })
      else this.#compare(actual[index], expected[index], at)
    }
  }

  #haveMembers(actual: unknown, expected: unknown): actual is object {
    if (typeof actual !== 'object' || actual === null || !isKeyed(expected)) return false
    if (this.#isPartial && isPlain(expected)) return true
    const isSameKind = Object.getPrototypeOf(actual) === Object.getPrototypeOf(expected)
    return isKeyed(actual) && (isSameKind || (isPlain(actual) && isPlain(expected)))
  }

  #compareMembers(actual: object, expected: unknown, path: string): void {
    const [has, wanted] = [actual, expected] as readonly Readonly<Record<string, unknown>>[]
    const names = new Set([...Object.keys(wanted!), ...(this.#isPartial ? [] : Object.keys(has!))])
    for (const name of names) {
      const [value, other] = [has![name], wanted![name]]
      const at = joined(path, name)
      if (this.#isEqual(value, other)) continue
      if (value === undefined) this.#found.push({ path: at, expected: { value: other } })
      else if (other === undefined) this.#found.push({ path: at, actual: { value } })
      else this.#compare(value, other, at)
    }
  }
}

/** Whether all that there is to an object are its properties, unlike a Map or a Date. */
function isKeyed(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function joined(path: string, name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`
}
