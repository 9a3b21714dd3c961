import { InvalidArgumentError } from '../errors.ts'
import { AGGREGATE_CACHE_STATES_MAX, SNAPSHOT_NAME_BYTES_MAX, STREAM_ID_BYTES_MAX } from '../limits.ts'
import type { AggregateSettings, SnapshotPolicy } from '../store/contract-aggregates.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkName, describe } from '../store/text.ts'

/** Names of what can be said of any aggregate. */
export const SETTINGS = ['category', 'snapshots', 'hidden', 'cacheMax'] as const

const checkPolicyNames = onlyNames(
  'A snapshot policy',
  'name',
  'every',
  'loadMs',
  'when',
  'schemaVersion',
  'keep',
  'encode',
  'decode',
  'onProblem',
)

/** Checks what can be said of any aggregate. @throws InvalidArgumentError, LimitExceededError */
export function checkSettings<S>({ category, snapshots, hidden, cacheMax }: AggregateSettings<S>): void {
  checkName(category, 'The category of an aggregate', STREAM_ID_BYTES_MAX)
  if (category.startsWith('$')) {
    throw new InvalidArgumentError('Categories that begin with $ are reserved for the system', { category })
  }
  if (hidden !== undefined && hidden !== 'refuse' && hidden !== 'skip') {
    throw new InvalidArgumentError(`hidden is 'refuse' or 'skip', not ${describe(hidden)}`, { hidden })
  }
  checkWhole('cacheMax', cacheMax, 0, AGGREGATE_CACHE_STATES_MAX)
  if (snapshots !== undefined) checkPolicy(snapshots)
}

function checkPolicy<S>(policy: SnapshotPolicy<S>): void {
  checkPolicyNames(policy)
  const { name, every, loadMs, when, schemaVersion, keep, encode, decode, onProblem } = policy
  if (name !== undefined) checkName(name, 'The name of snapshots', SNAPSHOT_NAME_BYTES_MAX)
  if (every === undefined && loadMs === undefined && when === undefined) {
    throw new InvalidArgumentError('A snapshot policy needs `every`, `loadMs` or `when`')
  }
  checkWhole('every', every, 1, Number.MAX_SAFE_INTEGER)
  checkWhole('schemaVersion', schemaVersion, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('keep', keep, 1, Number.MAX_SAFE_INTEGER)
  if (loadMs !== undefined && !(typeof loadMs === 'number' && loadMs >= 0)) {
    throw new InvalidArgumentError(`loadMs is a number of milliseconds from 0 on, not ${describe(loadMs)}`, {
      loadMs,
    })
  }
  for (const [name, value] of Object.entries({ when, encode, decode, onProblem })) {
    if (value === undefined || typeof value === 'function') continue
    throw new InvalidArgumentError(`${name} must be a function, not ${describe(value)}`, { [name]: value })
  }
  if ((encode === undefined) !== (decode === undefined)) {
    throw new InvalidArgumentError('encode and decode of a snapshot policy need each other')
  }
}

/** Checks an optional whole number. @throws InvalidArgumentError */
export function checkWhole(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return
  const upTo = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`
  throw new InvalidArgumentError(`${name} is a whole number ${upTo}, not ${describe(value)}`, {
    [name]: value,
  })
}
