import { listed, partialDifferences } from './specify-difference.ts'
import { type Failure, lineOf, shown } from './specify-failure.ts'
import { isPlain } from './specify-state.ts'

/** Says how an error differs from what was expected; `undefined` if it does not. What is said begins with who was to fail. */
export function judgeError(who: string, error: unknown, expected: unknown): Failure | undefined {
  const failure = (what: string): Failure => ({
    message: `${who} should fail with ${what}, but it failed with ${lineOf(error)}`,
    actual: error,
    expected,
    operator: 'thenThrows',
    cause: error,
  })
  if (isErrorClass(expected)) {
    return error instanceof expected ? undefined : failure(`a ${expected.name}`)
  }
  if (expected instanceof RegExp) {
    return messageOf(error).search(expected) === -1
      ? failure(`a message that matches ${expected}`)
      : undefined
  }
  if (typeof expected === 'function') {
    return expected(error) === true ? undefined : failure(`an error that ${nameOf(expected)} accepts`)
  }
  const found = partialDifferences(error, expected, 'error')
  if (found.length === 0) return undefined
  return {
    ...failure(''),
    message: `${who} failed with another error than expected:${listed(found)}\n\nIt was ${lineOf(error)}`,
  }
}

/** What is wrong with an expectation, if it is none: the others would never be met, or always. */
export function objectionTo(expected: unknown): string | undefined {
  if (typeof expected === 'function' || expected instanceof RegExp) return undefined
  if (isPlain(expected) && Object.keys(expected).length > 0) return undefined
  return `thenThrows() needs a class of errors, a regular expression, a function or some properties of the error, not ${shown(expected)}`
}

function isErrorClass(value: unknown): value is abstract new (...given: never) => unknown {
  if (typeof value !== 'function') return false
  if (value === Error || value.prototype instanceof Error) return true
  return /^class\b/.test(Function.prototype.toString.call(value))
}

function messageOf(error: unknown): string {
  const message = (error as { readonly message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : String(error)
}

function nameOf({ name }: { readonly name: string }): string {
  return name === '' ? 'the function' : name
}
