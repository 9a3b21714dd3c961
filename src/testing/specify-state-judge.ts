import { differences, isMatcher, listed } from './specify-difference.ts'
import { type Failure, shown } from './specify-failure.ts'
import { isPlain } from './specify-state.ts'

/** Says how a state differs from what is expected; `undefined` if it does not. */
export function judgeState(what: string, state: unknown, expected: unknown): Failure | undefined {
  if (typeof expected === 'function' && typeof state !== 'function') {
    if (expected(state) === true) return undefined
    const name = expected.name === '' ? 'the function' : expected.name
    return {
      message: `${what} is not as expected: ${name} does not accept ${shown(state)}`,
      actual: state,
      operator: 'thenState',
    }
  }
  if (isOpaque(state) && !isMatcher(expected)) {
    return {
      message: `Nothing of a ${state.constructor?.name} can be seen from outside, so it cannot be compared: give thenState() a function that looks at it`,
      operator: 'thenState',
    }
  }
  const found = differences(state, expected, 'state')
  if (found.length === 0) return undefined
  return {
    message: `${what} is not as expected:${listed(found)}`,
    actual: state,
    expected,
    operator: 'deepEqual',
  }
}

/** Whether two of them would be equal whatever they hold: an object of a class all of whose fields are private. */
function isOpaque(state: unknown): state is object {
  if (typeof state !== 'object' || state === null || Array.isArray(state) || isPlain(state)) return false
  const isKeyed = Object.prototype.toString.call(state) === '[object Object]'
  return isKeyed && Reflect.ownKeys(state).length === 0
}
