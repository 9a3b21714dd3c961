import { type Difference, differences, listed } from './specify-difference.ts'
import { judgeError, objectionTo } from './specify-errors.ts'
import { type Failure, lineOf, shown } from './specify-failure.ts'
import type { Stop } from './specify-projection-run.ts'
import { judgeState } from './specify-state-judge.ts'

/** Says of what should have come to something that it has failed. */
export function judgeStop({ error, where }: Stop, should: string, expected: unknown): Failure {
  const message = `The projection should ${should}, but it failed ${where} with ${lineOf(error)}`
  return { message, actual: error, expected, operator: 'deepEqual', cause: error }
}

/** Says how an error differs from what was expected; `undefined` if it does not. */
export function judgeThrown(stop: Stop | undefined, expected: unknown, actual: unknown): Failure | undefined {
  const objection = objectionTo(expected)
  if (objection !== undefined) return { message: objection, operator: 'thenThrows' }
  if (stop !== undefined) return judgeError(`The projection, ${stop.where},`, stop.error, expected)
  const message = `The projection should fail, but it came to ${shown(actual)}`
  return { message, actual, expected, operator: 'throws' }
}

/** Says how partitions differ from what was expected; `undefined` if they do not. */
export function judgePartitions(actual: ReadonlyMap<string, unknown>, wanted: unknown): Failure | undefined {
  if (typeof wanted !== 'object' || wanted === null) {
    return {
      message: `thenPartitions() needs an object of states by partition, not ${shown(wanted)}`,
      operator: 'thenPartitions',
    }
  }
  const expected = new Map(Object.entries(wanted))
  const found: Difference[] = []
  for (const partition of new Set([...actual.keys(), ...expected.keys()])) {
    const path = `partitions[${JSON.stringify(partition)}]`
    if (!actual.has(partition)) found.push({ path, expected: { value: expected.get(partition) } })
    else if (!expected.has(partition)) found.push({ path, actual: { value: actual.get(partition) } })
    else {
      const [state, other] = [actual.get(partition), expected.get(partition)]
      const failure = judgeState(`The state of the partition ${JSON.stringify(partition)}`, state, other)
      // A difference is listed with the others; what a function says, or what cannot be compared, has no place in a list.
      if (failure?.operator === 'thenState') return failure
      if (failure !== undefined) found.push(...differences(state, other, path))
    }
  }
  if (found.length === 0) return undefined
  return {
    message: `The partitions are not as expected:${listed(found)}`,
    actual: Object.fromEntries(actual),
    expected: wanted,
    operator: 'deepEqual',
  }
}
