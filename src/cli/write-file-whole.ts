import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { fileProblem } from './file-problem.ts'

/**
 * Writes a file that appears under its name only when it is complete and flushed to disk; one that was there before stays
 * until then. Compressed if the name ends in `.gz`. Nothing is left behind by a failure.
 *
 * @throws CommandError if the file system refuses, and what `content` throws
 */
export async function writeFileWhole(path: string, content: AsyncIterable<string>): Promise<void> {
  const unfinished = `${path}.${process.pid}.unfinished`
  const file = createWriteStream(unfinished, { flush: true })
  try {
    const text = Readable.from(content)
    if (path.endsWith('.gz')) await pipeline(text, createGzip(), file)
    else await pipeline(text, file)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw fileProblem(path, error)
  }
}
