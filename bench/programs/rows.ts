import { randomFillSync } from 'node:crypto'
import { crc32c } from '../../src/store/crc32c.ts'
import type { BenchEvent } from '../program.ts'

/**
 * Makes the rows that the event store writes, byte for byte as long, by hand: an event in the log, its row in the stream's index, a name for
 * a new stream, and a row for an id that the caller supplied. As tight as one program for one purpose can be.
 */
export interface Rows {
  /** Hands the rows of one event to `put`. */
  event(streamId: string, event: BenchEvent, put: (key: Buffer, value: Buffer) => void): void
}

/** The end of a stream. */
export interface Head {
  readonly number: number
  version: number
}

const PREFIX = Buffer.from([0x15, 0x01])

/** Begins where an earlier program ended: with the heads that it read back. */
export function rowsFrom(heads: Map<string, Head>, lastPosition: bigint): Rows {
  let position = lastPosition > 0n ? lastPosition : BigInt(Date.now()) << 20n
  const ids = Buffer.allocUnsafe(16 * 256)
  let idAt = ids.length
  return {
    event: (streamId, event, put) => {
      position += 1n
      let head = heads.get(streamId)
      if (head === undefined) {
        head = { number: heads.size + 1, version: 0 }
        heads.set(streamId, head)
        put(
          Buffer.concat([PREFIX, Buffer.from([0x15, 3, 2]), Buffer.from(streamId), Buffer.from([0])]),
          numberValue(head.number),
        )
      }
      head.version += 1
      if (idAt === ids.length) {
        randomFillSync(ids)
        idAt = 0
      }
      const id =
        event.id === undefined
          ? ids.subarray(idAt, idAt + 16)
          : Buffer.from(event.id.replaceAll('-', ''), 'hex')
      idAt += 16
      put(logKey(position), record(streamId, head, event, id, position))
      put(streamKey(head), stampValue(position))
      if (event.id !== undefined) put(idKey(head, id), numberValue(head.version))
    },
  }
}

/** The key of an event in the log. */
export function logKey(position: bigint): Buffer {
  const key = Buffer.allocUnsafe(17)
  key.writeUInt32BE(0x15011501, 0)
  key[4] = 0x33
  key.writeBigUInt64BE(position, 5)
  key.writeUInt32BE(0, 13)
  return key
}

/** The key of an event in its stream's index. */
export function streamKey({ number, version }: Head): Buffer {
  const key = Buffer.allocUnsafe(12)
  key.writeUInt32BE(0x15011504, 0)
  key[4] = 0x17
  key.writeUIntBE(number, 5, 3)
  key[8] = 0x17
  key.writeUIntBE(version, 9, 3)
  return key
}

function stampValue(position: bigint): Buffer {
  const value = Buffer.allocUnsafe(12)
  value.writeBigUInt64BE(position, 0)
  value.writeUInt32BE(0, 8)
  return value
}

function idKey({ number }: Head, id: Buffer): Buffer {
  const key = Buffer.allocUnsafe(25)
  key.writeUInt32BE(0x15011506, 0)
  key[4] = 0x17
  key.writeUIntBE(number, 5, 3)
  key[8] = 0x30
  id.copy(key, 9)
  return key
}

function numberValue(number: number): Buffer {
  const value = Buffer.allocUnsafe(4)
  value[0] = 0x17
  value.writeUIntBE(number, 1, 3)
  return value
}

const scratch = Buffer.allocUnsafe(64 * 1_024)

function record(
  streamId: string,
  { number, version }: Head,
  event: BenchEvent,
  id: Buffer,
  position: bigint,
): Buffer {
  scratch[0] = 1
  scratch[1] = event.id === undefined ? 0x10 : 0x50
  id.copy(scratch, 2)
  let at = writeVarint(version, writeVarint(number, 18))
  scratch[at] = event.type.length
  at += 1 + scratch.write(event.type, at + 1, 'latin1')
  scratch[at] = streamId.length
  at += 1 + scratch.write(streamId, at + 1, 'latin1')
  at += scratch.write(JSON.stringify(event.data), at, 'utf8')
  scratch.writeUInt32BE(crc32c(scratch, 0, at), at)
  // The stamp again, behind the record.
  scratch.writeBigUInt64BE(position, at + 4)
  scratch.writeUInt32BE(0, at + 12)
  return Buffer.from(scratch.subarray(0, at + 16))
}

/** Writes a number behind the id or what follows it; returns where it ends. */
function writeVarint(number: number, begin: number): number {
  let at = begin
  let left = number
  for (; left >= 0x80; left >>>= 7) scratch[at++] = (left & 0x7f) | 0x80
  scratch[at++] = left
  return at
}

/** Looks at an event that was read: its version and type, and its data if wanted. */
export function look(value: Uint8Array, touch: boolean): boolean {
  const bytes = value as Buffer
  let at = 18
  // Over the stream's number, which is of no use here.
  while (bytes[at]! >= 0x80) at += 1
  at += 1
  let version = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!
    version |= (byte & 0x7f) << shift
    if (byte < 0x80) break
  }
  const typeEnd = at + 1 + bytes[at]!
  const type = bytes.toString('latin1', at + 1, typeEnd)
  if (!touch) return type.length > 0 && version > 0
  return JSON.parse(bytes.toString('utf8', typeEnd + 1 + bytes[typeEnd]!, bytes.length - 16)) !== undefined
}

/** The type of an event that was read. */
export function typeOf(value: Uint8Array): string {
  const bytes = value as Buffer
  let at = 18
  // Over the stream's number and the version.
  for (let numbers = 0; numbers < 2; numbers += 1) {
    while (bytes[at]! >= 0x80) at += 1
    at += 1
  }
  return bytes.toString('latin1', at + 1, at + 1 + bytes[at]!)
}
