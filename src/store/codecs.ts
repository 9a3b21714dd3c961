import { CodecMissingError, CorruptionError, InvalidArgumentError, UnserializableError } from '../errors.ts'
import { CODEC_NAME_LENGTH_MAX, CODECS_MAX } from '../limits.ts'
import type { DataCodec } from './contract-codec.ts'
import { onlyNames } from './known-names.ts'
import { describe } from './text.ts'

const NAME = new RegExp(`^[A-Za-z0-9._-]{1,${CODEC_NAME_LENGTH_MAX}}$`)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const checkNames = onlyNames('A codec', 'name', 'encode', 'decode')

/** The codecs that a store was given. Coded data begins with the name of its codec, so that it can be read whatever writes today. */
export class Codecs {
  /** What new data is written with; JSON if there is none. */
  readonly #writer: DataCodec | undefined
  readonly #byName = new Map<string, DataCodec>()

  /** @throws InvalidArgumentError */
  constructor(codecs: readonly DataCodec[] = []) {
    if (!Array.isArray(codecs) || codecs.length > CODECS_MAX) {
      throw new InvalidArgumentError(`codecs must be an array of at most ${CODECS_MAX}`, { codecs })
    }
    for (const codec of codecs) {
      checkCodec(codec)
      if (this.#byName.has(codec.name))
        throw new InvalidArgumentError(`There are two codecs with the name ${codec.name}`, {
          name: codec.name,
        })
      this.#byName.set(codec.name, codec)
    }
    const [first] = codecs
    this.#writer = first?.name === jsonCodec.name ? undefined : first
  }

  /** Encodes data, with the name of the codec in front; `undefined` if it is to be JSON. @throws UnserializableError, LimitExceededError */
  encode(data: unknown, path: string): Uint8Array | undefined {
    const codec = this.#writer
    if (codec === undefined) return undefined
    const body = encoded(codec, data, path)
    const bytes = new Uint8Array(1 + codec.name.length + body.length)
    bytes[0] = codec.name.length
    encoder.encodeInto(codec.name, bytes.subarray(1))
    bytes.set(body, 1 + codec.name.length)
    return bytes
  }

  /** Decodes data. @throws CodecMissingError, CorruptionError */
  decode(coded: Uint8Array): unknown {
    const { name, body } = partsOfCoded(coded)
    const codec = this.#byName.get(name)
    if (codec === undefined) throw new CodecMissingError(name)
    try {
      return codec.decode(body)
    } catch (error) {
      throw new CorruptionError(`The codec ${name} cannot decode the data of an event: ${messageOf(error)}`, {
        codec: name,
      })
    }
  }
}

/** The codec that is always there. Put it first to write JSON again, and the others behind it to read what they have written. */
export const jsonCodec: DataCodec = {
  name: 'json',
  encode: (data) => encoder.encode(JSON.stringify(data)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
}

/** No codecs but JSON. */
export const ONLY_JSON: Codecs = new Codecs()

/** What coded data consists of. @throws CorruptionError */
export function partsOfCoded(coded: Uint8Array): { readonly name: string; readonly body: Uint8Array } {
  const end = 1 + (coded[0] ?? 0)
  const name = decoder.decode(coded.subarray(1, end))
  if (end > coded.length || !NAME.test(name)) throw new CorruptionError('The name of a codec is damaged')
  return { name, body: new Uint8Array(coded.subarray(end)) }
}

function checkCodec(codec: DataCodec): void {
  checkNames(codec)
  const { name, encode, decode } = codec
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new InvalidArgumentError(
      `The name of a codec consists of 1 to ${CODEC_NAME_LENGTH_MAX} letters, digits, ".", "_" and "-", unlike ${describe(name)}`,
      { name },
    )
  }
  for (const [member, value] of Object.entries({ encode, decode })) {
    if (typeof value === 'function') continue
    throw new InvalidArgumentError(
      `${member} of the codec ${name} must be a function, not ${describe(value)}`,
    )
  }
}

function encoded(codec: DataCodec, data: unknown, path: string): Uint8Array {
  let bytes: unknown
  try {
    bytes = codec.encode(data)
  } catch (error) {
    throw new UnserializableError(path, `the codec ${codec.name} refuses it: ${messageOf(error)}`)
  }
  if (bytes instanceof Uint8Array) return bytes
  throw new UnserializableError(path, `the codec ${codec.name} makes ${describe(bytes)} of it, not bytes`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
