import { InvalidArgumentError } from '../errors.ts'
import type { LoadOptions } from '../store/contract-aggregates.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { checkWhole } from './aggregate-settings.ts'

const checkNames = onlyNames('The options of load', 'version', 'asOf', 'signal')
const checkNamesWithin = onlyNames('The options of load', 'version', 'asOf')

/** Checks which state is wanted. @throws InvalidArgumentError */
export function checkLoadOptions(options: LoadOptions): void {
  checkNames(options)
  checkWhich(options)
}

/** The same within a transaction. @throws InvalidArgumentError */
export function checkLoadOptionsWithin(options: LoadOptions): void {
  checkNamesWithin(options)
  checkWhich(options)
}

function checkWhich({ version, asOf }: LoadOptions): void {
  checkWhole('version', version, 0, Number.MAX_SAFE_INTEGER)
  if (asOf !== undefined && !(asOf instanceof Date && !Number.isNaN(asOf.getTime()))) {
    throw new InvalidArgumentError(`asOf must be a valid Date, not ${describe(asOf)}`, { asOf })
  }
}
