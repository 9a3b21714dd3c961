import { InvalidArgumentError } from '../errors.ts'
import type { Scratch } from './scratch.ts'
import { BYTES, ESCAPE, STRING } from './type-codes.ts'

// Byte strings and strings end with 0x00; a 0x00 within them is followed by 0xff, which no element begins with.

/** Writes a byte string. */
export function writeBytes(scratch: Scratch, value: Uint8Array): void {
  scratch.reserve(2 + 2 * value.length)
  scratch.byte(BYTES)
  for (let i = 0; i < value.length; i++) {
    const byte = value[i]!
    scratch.byte(byte)
    if (byte === 0) scratch.byte(ESCAPE)
  }
  scratch.byte(0)
}

/**
 * Writes a string as UTF-8, whose byte order is the order of code points.
 *
 * @throws InvalidArgumentError if a surrogate stands alone: UTF-8 has no form for it.
 */
export function writeString(scratch: Scratch, value: string): void {
  // A code unit takes at most three bytes: a pair takes four, an escaped NUL two.
  scratch.reserve(2 + 3 * value.length)
  scratch.byte(STRING)
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i)
    if (unit >= 0x80) i += writeBeyondAscii(scratch, value, i, unit)
    else {
      scratch.byte(unit)
      if (unit === 0) scratch.byte(ESCAPE)
    }
  }
  scratch.byte(0)
}

/** Writes the code point that begins with this unit and returns the number of units to skip after it. */
function writeBeyondAscii(scratch: Scratch, value: string, at: number, unit: number): 0 | 1 {
  if (unit < 0x800) {
    scratch.byte(0xc0 | (unit >> 6))
    scratch.byte(0x80 | (unit & 0x3f))
    return 0
  }
  if (unit >= 0xd800 && unit <= 0xdfff) {
    writePair(scratch, value.codePointAt(at)!, at)
    return 1
  }
  scratch.byte(0xe0 | (unit >> 12))
  scratch.byte(0x80 | ((unit >> 6) & 0x3f))
  scratch.byte(0x80 | (unit & 0x3f))
  return 0
}

function writePair(scratch: Scratch, codePoint: number, at: number): void {
  if (codePoint <= 0xffff) {
    throw new InvalidArgumentError(
      'A string in a tuple has a surrogate on its own, which UTF-8 cannot hold',
      { at },
    )
  }
  scratch.byte(0xf0 | (codePoint >> 18))
  scratch.byte(0x80 | ((codePoint >> 12) & 0x3f))
  scratch.byte(0x80 | ((codePoint >> 6) & 0x3f))
  scratch.byte(0x80 | (codePoint & 0x3f))
}
