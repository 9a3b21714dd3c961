import { InvalidArgumentError } from '../errors.ts'
import { describe } from './text.ts'

/**
 * Makes a check that an object has no members but these. A misspelt name would otherwise be ignored in silence: a condition that is not
 * checked, or data that is not stored.
 */
export function onlyNames(what: string, ...names: readonly string[]): (given: object) => void {
  const known = new Set(names)
  return (given) => {
    if (typeof given !== 'object' || given === null) {
      throw new InvalidArgumentError(`${what} must be an object, not ${describe(given)}`, { given })
    }
    for (const name in given) {
      if (!known.has(name)) {
        throw new InvalidArgumentError(`${what} cannot have "${name}", only ${names.join(', ')}`, {
          name,
          known: names,
        })
      }
    }
  }
}
