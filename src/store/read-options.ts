import { InvalidArgumentError } from '../errors.ts'
import { firstPositionAt } from '../kv/stamp.ts'
import type { ReadOptions } from './contract-reading.ts'
import { onlyNames } from './known-names.ts'
import type { ReadShape } from './paged-read.ts'
import { describe } from './text.ts'

/** Versions from the first to the last, both inclusive. */
export interface VersionBounds {
  readonly first: number
  readonly last: number
}

/** Positions from the first to the last, both inclusive. */
export interface PositionBounds {
  readonly first: bigint
  readonly last: bigint
}

const POSITION_MAX = 2n ** 63n - 1n

/** From the first position that there can be to the last. */
export const ALL_POSITIONS: PositionBounds = { first: 0n, last: POSITION_MAX }

const SHAPE = ['limit', 'direction', 'resolveLinks', 'signal'] as const
const BOUNDS = ['from', 'after', 'to', 'before'] as const

/** Checks the names of the options for reading a stream. @throws InvalidArgumentError */
export const checkStreamReadOptions: (options: object) => void = onlyNames(
  'The options of a read',
  ...BOUNDS,
  ...SHAPE,
)

/** Checks the names of the options for reading what an index leads to. @throws InvalidArgumentError */
export const checkPositionReadOptions: (options: object) => void = checkStreamReadOptions

/** Checks the names of the options for reading everything. @throws InvalidArgumentError */
export const checkAllReadOptions: (options: object) => void = onlyNames(
  'The options of a read',
  ...BOUNDS,
  ...SHAPE,
  'system',
)

/** Checks a limit. @throws InvalidArgumentError */
export function checkLimit(limit: unknown, what: string): asserts limit is number {
  if (limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && (limit as number) >= 0)) return
  throw new InvalidArgumentError(
    `A limit must be a whole number of ${what} from 0 on, not ${describe(limit)}`,
    { limit },
  )
}

/** Checks a version that is asked for. @throws InvalidArgumentError */
export function checkVersion(version: unknown): asserts version is number {
  if (Number.isSafeInteger(version)) return
  throw new InvalidArgumentError(`A version is a whole number, not ${describe(version)}`, { version })
}

/** Checks limit and direction. @throws InvalidArgumentError */
export function shapeOf(options: ReadOptions<unknown>): ReadShape {
  const { limit = Number.POSITIVE_INFINITY, direction = 'forwards', resolveLinks = true } = options
  checkLimit(limit, 'events')
  if (direction !== 'forwards' && direction !== 'backwards') {
    throw new InvalidArgumentError(`A direction is 'forwards' or 'backwards', not ${describe(direction)}`, {
      direction,
    })
  }
  checkFlag('resolveLinks', resolveLinks)
  return { limit, backwards: direction === 'backwards', resolveLinks }
}

/** Checks an option that is on or off. @throws InvalidArgumentError */
export function checkFlag(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return
  throw new InvalidArgumentError(`"${name}" must be true or false, not ${describe(value)}`, { [name]: value })
}

/** Checks what is to end something. @throws InvalidArgumentError */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new InvalidArgumentError('"signal" must be an AbortSignal', { signal })
}

/** Checks bounds in versions. @throws InvalidArgumentError */
export function versionBounds(options: ReadOptions<number>): VersionBounds {
  const { from, after, to, before } = checked(options, (bound) => Number.isSafeInteger(bound), 'a version')
  return {
    first: Math.max(1, from ?? 1, after === undefined ? 1 : after + 1),
    last: Math.min(
      to ?? Number.MAX_SAFE_INTEGER,
      before === undefined ? Number.MAX_SAFE_INTEGER : before - 1,
    ),
  }
}

/** Checks bounds in positions and times; a time stands for all positions that were given out in its millisecond. */
export function positionBounds(options: ReadOptions<bigint | Date>): PositionBounds {
  const isBound = (bound: unknown): boolean =>
    typeof bound === 'bigint' || (bound instanceof Date && !Number.isNaN(bound.getTime()))
  const { from, after, to, before } = checked(options, isBound, 'a position (bigint) or a time (Date)')
  return {
    first: largest([0n, lowest(from), after === undefined ? undefined : highest(after) + 1n]),
    last: -largest([
      -POSITION_MAX,
      to === undefined ? undefined : -highest(to),
      before === undefined ? undefined : 1n - lowest(before)!,
    ]),
  }
}

function checked<Bound>(
  options: ReadOptions<Bound>,
  isBound: (bound: unknown) => boolean,
  kind: string,
): Pick<ReadOptions<Bound>, 'from' | 'after' | 'to' | 'before'> {
  for (const name of BOUNDS) {
    const bound = options[name]
    if (bound !== undefined && !isBound(bound)) {
      throw new InvalidArgumentError(`"${name}" must be ${kind}, not ${describe(bound)}`, { [name]: bound })
    }
  }
  return options
}

function lowest(bound: bigint | Date | undefined): bigint | undefined {
  if (bound === undefined || typeof bound === 'bigint') return bound
  return firstPositionAt(bound.getTime()) ?? POSITION_MAX
}

function highest(bound: bigint | Date): bigint {
  if (typeof bound === 'bigint') return bound
  return (firstPositionAt(bound.getTime() + 1) ?? POSITION_MAX) - 1n
}

function largest(numbers: readonly (bigint | undefined)[]): bigint {
  let most: bigint | undefined
  for (const number of numbers)
    if (number !== undefined && (most === undefined || number > most)) most = number
  return most!
}
