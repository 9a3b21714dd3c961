import { isUtf8 } from 'node:buffer'
import { LineError } from './errors.ts'
import { LINE_BYTES_MAX } from './limits.ts'

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * Splits bytes into lines, without their ends (`\n` or `\r\n`) and without a byte order mark. The last line need not end.
 * Holds one line and one chunk in memory. A line is valid until the next one is asked for.
 *
 * @throws LineError for a line that is longer than {@link LINE_BYTES_MAX}
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number = LINE_BYTES_MAX,
): AsyncGenerator<Buffer> {
  let number = 1
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end)
      yield lineOf(begun, rest, number, lineBytesMax)
      begun = []
      begunBytes = 0
      number += 1
      start = end + 1
    }
    if (start === chunk.length) continue
    begun.push(chunk.subarray(start))
    begunBytes += chunk.length - start
    if (begunBytes > lineBytesMax + 1) throw tooLong(number, lineBytesMax)
  }
  if (begunBytes > 0) yield lineOf(begun, Buffer.alloc(0), number, lineBytesMax)
}

/** Decodes a line. @throws RangeError if it is not UTF-8 */
export function textOfLine(line: Buffer): string {
  if (!isUtf8(line)) throw new RangeError('not UTF-8')
  return line.toString('utf8')
}

/** Tells whether a line holds nothing but blanks. */
export function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09)
}

function lineOf(begun: readonly Uint8Array[], rest: Uint8Array, number: number, bytesMax: number): Buffer {
  const whole = begun.length === 0 ? bufferOf(rest) : Buffer.concat([...begun, rest])
  const line = withoutMark(withoutReturn(whole), number)
  if (line.length > bytesMax) throw tooLong(number, bytesMax)
  return line
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}

function withoutMark(line: Buffer, number: number): Buffer {
  if (number !== 1 || !line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) return line
  return line.subarray(BYTE_ORDER_MARK.length)
}

function tooLong(number: number, bytesMax: number): LineError {
  return new LineError(number, `longer than ${bytesMax} bytes`)
}
