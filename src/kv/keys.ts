import { InvalidArgumentError, LimitExceededError } from '../errors.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../limits.ts'
import { SYSTEM_PREFIX } from './commit-record.ts'
import type { KeyRange } from './rows.ts'
import { STAMP_BYTES } from './stamp.ts'

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

/** Checks a range: both ends are keys, or the end of the key space. Empty and inverted ranges are empty. */
export function checkRange({ begin, end }: KeyRange): void {
  for (const key of [begin, end]) {
    if (key.length > KEY_BYTES_MAX + 1) throw new LimitExceededError('A key', KEY_BYTES_MAX, key.length)
    if (key.length > 0 && key[0]! >= SYSTEM_PREFIX && (key !== end || key.length > 1)) {
      throw new InvalidArgumentError('Keys that begin with the byte FF are reserved', { key })
    }
  }
}
