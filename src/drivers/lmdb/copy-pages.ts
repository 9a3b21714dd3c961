import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { StorageError } from '../../errors.ts'
import type { KeyValueBackupOptions } from '../../kv/contract.ts'

/** At least as much as the two meta pages, whatever the size of pages: 64 KiB at most. */
const HEAD_BYTES = 2 * 64 * 1_024
/** Read and written at once, in bytes. */
const CHUNK_BYTES = 1_024 * 1_024
/**
 * How much is copied between two flushes and reports, in bytes. One flush at the end would make the commits of others wait for all of
 * it: measured for 540 MB, their longest stall was 156 ms instead of 10.
 */
const FLUSH_BYTES = 8 * 1_024 * 1_024

/** The part of a database file that commits change in place, and how long the file was at the time. */
export interface DatabaseHead {
  readonly bytes: Uint8Array
  readonly fileBytes: number
}

/** Reads the head. To be called while nobody can commit. */
export function readHead(file: string): DatabaseHead {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const bytes = new Uint8Array(Math.min(size, HEAD_BYTES))
    const read = readSync(descriptor, bytes, 0, bytes.length, 0)
    if (read !== bytes.length) throw endsEarly(file, read)
    return { bytes, fileBytes: size }
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Writes the head and all pages behind it into a new file, which is not flushed to its end. As long as a read transaction pins the commit that
 * the head shows, its pages stay as they are, since LMDB writes changed pages elsewhere; the others may change meanwhile, and nothing
 * in the copy leads to them. LMDB's own copy relies on the same.
 *
 * @throws StorageError, errors of the file system, the signal's reason, what `onProgress` throws
 */
export async function copyPages(
  file: string,
  head: DatabaseHead,
  target: string,
  mode: number,
  options: KeyValueBackupOptions,
): Promise<void> {
  await using source = await open(file, 'r')
  await using copy = await open(target, 'wx', mode)
  await writeFully(copy, head.bytes, 0)
  const { fileBytes } = head
  const chunk = new Uint8Array(CHUNK_BYTES)
  let flushed = 0
  for (let at = head.bytes.length; at < fileBytes; ) {
    options.signal?.throwIfAborted()
    const wanted = Math.min(CHUNK_BYTES, fileBytes - at)
    const { bytesRead } = await source.read(chunk, 0, wanted, at)
    if (bytesRead === 0) throw endsEarly(file, at)
    await writeFully(copy, chunk.subarray(0, bytesRead), at)
    at += bytesRead
    if (at < flushed + FLUSH_BYTES || at === fileBytes) continue
    await copy.datasync()
    options.onProgress?.(at, fileBytes)
    flushed = at
  }
  options.onProgress?.(fileBytes, fileBytes)
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    written += bytesWritten
  }
}

function endsEarly(file: string, at: number): StorageError {
  return new StorageError(`${file} ends at ${at}, while it is being read`, 'io', { path: file })
}
