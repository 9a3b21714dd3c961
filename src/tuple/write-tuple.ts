import { InvalidArgumentError } from '../errors.ts'
import {
  type Double,
  type Float,
  isIntegerNumber,
  isTuple,
  type Tuple,
  type TupleElement,
} from './elements.ts'
import { writeDouble, writeFloat } from './floating-point.ts'
import { NESTING_DEPTH_MAX } from './limits.ts'
import type { Scratch } from './scratch.ts'
import { ESCAPE, FALSE, NESTED, NULL, TRUE, UUID, VERSIONSTAMP } from './type-codes.ts'
import { UUID_BYTES, type Uuid } from './uuid.ts'
import { VERSIONSTAMP_BYTES, type Versionstamp, writeVersionstampAt } from './versionstamp.ts'
import { writeBigInteger, writeSafeInteger } from './write-integer.ts'
import { writeBytes, writeString } from './write-text.ts'

/**
 * Writes the elements of a tuple, one after the other, and counts the incomplete versionstamps among them.
 *
 * @throws InvalidArgumentError if an element has no encoding; what was written by then is of no use.
 */
export function writeTuple(scratch: Scratch, tuple: Tuple): void {
  for (let i = 0; i < tuple.length; i++) writeElement(scratch, tuple[i]!, 0)
}

function writeElement(scratch: Scratch, element: TupleElement, depth: number): void {
  if (typeof element === 'number') writeNumber(scratch, element)
  else if (typeof element === 'string') writeString(scratch, element)
  else if (typeof element === 'bigint') writeBigInteger(scratch, element)
  else if (typeof element === 'boolean') writeCode(scratch, element ? TRUE : FALSE)
  else if (typeof element === 'object') writeObject(scratch, element, depth)
  else throw unencodable(element)
}

function writeNumber(scratch: Scratch, value: number): void {
  if (Number.isSafeInteger(value) && isIntegerNumber(value)) writeSafeInteger(scratch, value)
  else if (isIntegerNumber(value)) throw unsafeInteger(value)
  else writeDouble(scratch, value)
}

function writeObject(scratch: Scratch, element: Extract<TupleElement, object | null>, depth: number): void {
  if (element === null) writeCode(scratch, NULL)
  else if (element instanceof Uint8Array) writeBytes(scratch, element)
  else if (isTuple(element)) writeNested(scratch, element, depth + 1)
  else writeWrapped(scratch, element)
}

function writeWrapped(scratch: Scratch, element: Double | Float | Uuid | Versionstamp): void {
  switch (element.type) {
    case 'versionstamp':
      writeVersionstamp(scratch, element)
      break
    case 'uuid':
      writeUuid(scratch, element)
      break
    case 'double':
      writeDouble(scratch, element.value)
      break
    case 'float':
      writeFloat(scratch, element.value)
      break
    default:
      throw unencodable(element)
  }
}

/** A nested tuple ends with 0x00, so a null in it, 0x00 as well, is escaped as in a byte string. */
function writeNested(scratch: Scratch, tuple: Tuple, depth: number): void {
  if (depth > NESTING_DEPTH_MAX) {
    throw new InvalidArgumentError('Tuples are nested too deep', { depthMax: NESTING_DEPTH_MAX })
  }
  writeCode(scratch, NESTED)
  for (let i = 0; i < tuple.length; i++) {
    const element = tuple[i]!
    writeElement(scratch, element, depth)
    if (element === null) writeCode(scratch, ESCAPE)
  }
  writeCode(scratch, 0x00)
}

function writeVersionstamp(scratch: Scratch, stamp: Versionstamp): void {
  scratch.reserve(1 + VERSIONSTAMP_BYTES)
  scratch.byte(VERSIONSTAMP)
  writeVersionstampAt(scratch.bytes, scratch.length, stamp)
  if (stamp.transactionVersion === undefined) {
    scratch.holes++
    scratch.holeOffset = scratch.length
  }
  scratch.length += VERSIONSTAMP_BYTES
}

function writeUuid(scratch: Scratch, value: Uuid): void {
  if (value.bytes.length !== UUID_BYTES) {
    throw new InvalidArgumentError('A UUID has 16 bytes', { length: value.bytes.length })
  }
  writeCode(scratch, UUID)
  scratch.append(value.bytes)
}

function writeCode(scratch: Scratch, code: number): void {
  scratch.reserve(1)
  scratch.byte(code)
}

function unsafeInteger(value: number): InvalidArgumentError {
  return new InvalidArgumentError('An integer this large may have lost digits: use a bigint, or double()', {
    value,
  })
}

/** Reached only by callers that the types have not stopped. */
function unencodable(element: never): InvalidArgumentError {
  return new InvalidArgumentError('A value of this type cannot be in a tuple', { type: typeof element })
}
