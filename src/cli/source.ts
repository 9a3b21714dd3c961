import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip, type Gunzip } from 'node:zlib'
import { CommandError } from './errors.ts'
import { fileProblem } from './file-problem.ts'
import { READ_CHUNK_BYTES } from './limits.ts'

/** Where lines come from: a file or standard input, plain or gzipped. */
export interface Source {
  /** What to call it in messages. */
  readonly name: string
  /** Its size as it is stored, if it is known. */
  readonly bytesTotal: number | undefined
  /** How many of those bytes were read and decompressed. */
  bytesRead(): number
  /** Its content, decompressed. To be iterated once. */
  chunks(): AsyncIterable<Uint8Array>
  /** Ends the reading, also in the middle of a wait. */
  stop(): void
}

/** Opens a file, or standard input for `-`. @throws CommandError if there is no such file */
export async function openSource(path: string, stdin: Readable): Promise<Source> {
  if (path === '-') return sourceOf('<stdin>', undefined, stdin)
  const found = await stat(path).catch((error: unknown) => {
    throw fileProblem(path, error)
  })
  if (found.isDirectory()) throw new CommandError(`${path}: is a folder, not a file`)
  const stream = createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })
  return sourceOf(path, found.isFile() ? found.size : undefined, stream)
}

function sourceOf(name: string, bytesTotal: number | undefined, stream: Readable): Source {
  let bytesRead = 0
  let bytesDone = (): number => bytesRead
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      bytesRead += chunk.length
      yield chunk
    }
  }
  // What waits to be decompressed is read, but not done: of a small file that may be most of it.
  const countBy = (gunzip: Gunzip): void => {
    bytesDone = () => gunzip.bytesWritten
  }
  return {
    name,
    bytesTotal,
    bytesRead: () => bytesDone(),
    chunks: () => readable(name, decompressed(counted(), countBy)),
    stop: () => stream.destroy(),
  }
}

/** Says of which source an error speaks. */
async function* readable(name: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks
  } catch (error) {
    if (isGzipError(error)) {
      throw new CommandError(`${name}: the gzip data is damaged or ends early (${error.message})`)
    }
    throw fileProblem(name, error)
  }
}

function isGzipError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}

/** Passes bytes on, decompressed if they begin as gzip does (RFC 1952: 1f 8b). */
async function* decompressed(
  chunks: AsyncGenerator<Buffer>,
  countBy: (gunzip: Gunzip) => void,
): AsyncGenerator<Buffer> {
  const head = await firstBytes(chunks)
  const whole = startingWith(head, chunks)
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole
    return
  }
  const gunzip = createGunzip({ chunkSize: READ_CHUNK_BYTES })
  countBy(gunzip)
  // The callback takes the failures, which the iteration reports as well.
  yield* pipeline(Readable.from(whole, { objectMode: false }), gunzip, () => {})
}

/** A pipe may bring a single byte at first; two are needed to know. */
async function firstBytes(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0)
  while (head.length < 2) {
    const next = await chunks.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  return head
}

async function* startingWith(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  yield* rest
}
