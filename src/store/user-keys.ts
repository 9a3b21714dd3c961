import { CorruptionError, InvalidArgumentError } from '../errors.ts'
import type { Reader, Transaction } from '../kv/contract.ts'
import type { Subspace } from '../kv/subspace.ts'
import type { Tuple } from '../tuple/elements.ts'
import type {
  KeyValueRangeOptions,
  KeyValueReader,
  KeyValueRow,
  KeyValueWriter,
} from './contract-transactions.ts'
import type { JsonValue } from './event.ts'
import { encodeJson } from './json.ts'
import { onlyNames } from './known-names.ts'
import { listing } from './listing.ts'
import { checkLimit } from './read-options.ts'
import { decodeJson } from './small-values.ts'
import { describe } from './text.ts'

/** First byte of a value: how the rest is to be read. */
const JSON_VALUE = 1
const BYTES_VALUE = 2

/** Rows that can be read one by one and in ranges. */
export type RowReader = Pick<Reader, 'get' | 'getRange'>

/** Rows that can be written as well. */
export type RowWriter = RowReader & Pick<Transaction, 'set' | 'clear' | 'clearRange'>

/** The caller's own keys, for reading. */
export function userKeyReader(tx: RowReader, space: Subspace): KeyValueReader {
  return {
    get: async (key) => decodeValue(await tx.get(space.pack(checkKey(key)))),
    getRange: (prefix, options = {}) => listing(() => rowsIn(tx, space, prefix, options)),
  }
}

async function* rowsIn(
  tx: RowReader,
  space: Subspace,
  prefix: Tuple,
  options: KeyValueRangeOptions,
): AsyncGenerator<KeyValueRow> {
  checkRange(prefix, options)
  for await (const { key, value } of tx.getRange(space.range(prefix), options)) {
    yield { key: space.unpack(key), value: decodeValue(value)! }
  }
}

/** The caller's own keys, for reading and writing. */
export function userKeyWriter(tx: RowWriter, space: Subspace): KeyValueWriter {
  return {
    ...userKeyReader(tx, space),
    set: (key, value) => tx.set(space.pack(checkKey(key)), encodeValue(value)),
    clear: (key) => tx.clear(space.pack(checkKey(key))),
    clearRange: (prefix) => {
      checkPrefix(prefix)
      if (prefix.length > 0) tx.clear(space.pack(prefix))
      tx.clearRange(space.range(prefix))
    },
  }
}

const checkRangeOptions = onlyNames('The options of a range', 'limit', 'reverse')

/** Checks what is to be read. @throws InvalidArgumentError */
export function checkRange(prefix: unknown, options: KeyValueRangeOptions): void {
  checkPrefix(prefix)
  checkRangeOptions(options)
  checkLimit(options.limit ?? Number.POSITIVE_INFINITY, 'rows')
}

/** Without this, anything with a length would be taken for a key, and a number for all keys. */
function checkPrefix(key: unknown): void {
  if (Array.isArray(key)) return
  throw new InvalidArgumentError(`A key must be an array, such as ['stock', 7], not ${describe(key)}`, {
    key,
  })
}

function checkKey(key: Tuple): Tuple {
  checkPrefix(key)
  if (key.length === 0) throw new InvalidArgumentError('A key must have at least one element')
  return key
}

function encodeValue(value: JsonValue | Uint8Array): Uint8Array {
  const isBytes = value instanceof Uint8Array
  const body = isBytes ? value : new TextEncoder().encode(encodeJson(value, 'value'))
  const encoded = new Uint8Array(body.length + 1)
  encoded[0] = isBytes ? BYTES_VALUE : JSON_VALUE
  encoded.set(body, 1)
  return encoded
}

function decodeValue(encoded: Uint8Array | undefined): JsonValue | Uint8Array | undefined {
  if (encoded === undefined) return undefined
  const body = encoded.subarray(1)
  switch (encoded[0]) {
    case JSON_VALUE:
      return decodeJson(body, 'The value of a key') as JsonValue
    case BYTES_VALUE:
      return new Uint8Array(body)
    default:
      throw new CorruptionError('The value of a key has an unknown kind')
  }
}
