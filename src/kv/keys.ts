import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts'
import { byteString } from './byte-string.ts'
import { SYSTEM_PREFIX } from './commit-record.ts'
import type { KeyRange } from './rows.ts'
import { STAMP_BYTES } from './stamp.ts'
import type { WatchTarget } from './watches.ts'

/** Checks a key that is to be read or written. @throws InvalidArgumentError, LimitExceededError */
export function checkKey(key: Uint8Array): void {
  if (key.length === 0) throw new InvalidArgumentError('A key must not be empty')
  if (key.length > KEY_BYTES_MAX) throw new LimitExceededError('A key', KEY_BYTES_MAX, key.length)
  if (key[0]! >= SYSTEM_PREFIX)
    throw new InvalidArgumentError('Keys that begin with the byte FF are reserved', { key })
}

/** Checks a value that is to be written. @throws LimitExceededError */
export function checkValue(value: Uint8Array): void {
  if (value.length > VALUE_BYTES_MAX) throw new LimitExceededError('A value', VALUE_BYTES_MAX, value.length)
}

/** Checks that a hole for a stamp lies within the bytes. @throws InvalidArgumentError */
export function checkStampOffset(bytes: Uint8Array, offset: number): void {
  if (!Number.isInteger(offset) || offset < 0 || offset + STAMP_BYTES > bytes.length) {
    throw new InvalidArgumentError(
      `The hole of ${STAMP_BYTES} bytes at ${offset} is not within ${bytes.length} bytes`,
    )
  }
}

/** Checks that nothing follows the stamp of a key that is to be listed: joins compare whole keys. @throws InvalidArgumentError */
export function checkListedKey(key: Uint8Array, offset: number): void {
  if (offset + STAMP_BYTES !== key.length)
    throw new InvalidArgumentError('A listed key must end with its stamp', { key })
}

/** Checks the prefixes of a join, which are keys without their stamps. @throws InvalidArgumentError, LimitExceededError */
export function checkJoin(sets: readonly (readonly Uint8Array[])[]): void {
  if (sets.length === 0) throw new InvalidArgumentError('A join needs at least one set of prefixes')
  for (const prefixes of sets) {
    if (prefixes.length === 0) throw new InvalidArgumentError('A set of a join needs at least one prefix')
    for (const prefix of prefixes) checkKey(prefix)
  }
}

/** Checks a range: both ends are keys, or the end of the key space. Empty and inverted ranges are empty. */
export function checkRange({ begin, end }: KeyRange): void {
  for (const key of [begin, end]) {
    if (key.length > KEY_BYTES_MAX + 1) throw new LimitExceededError('A key', KEY_BYTES_MAX, key.length)
    if (key.length > 0 && key[0]! >= SYSTEM_PREFIX && (key !== end || key.length > 1)) {
      throw new InvalidArgumentError('Keys that begin with the byte FF are reserved', { key })
    }
  }
}

/** Checks what is to be watched: a key, or a range that is not empty. @throws InvalidArgumentError, LimitExceededError */
export function watchTarget(target: Uint8Array | KeyRange): WatchTarget {
  if (target instanceof Uint8Array) {
    checkKey(target)
    return { begin: byteString(target) }
  }
  checkRange(target)
  const [begin, end] = [byteString(target.begin), byteString(target.end)]
  if (begin >= end) throw new InvalidArgumentError('A range that is watched must not be empty')
  return { begin, end }
}
