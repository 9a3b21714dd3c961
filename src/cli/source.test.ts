import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openSource } from './source.ts'

const noInput = Readable.from([])

test('openSource() decompresses gzip, in however small pieces it comes, and members one after the other', async () => {
  const bytes = Buffer.concat([gzipSync('first\n'), gzipSync('second\n')])
  const pieces = Readable.from([...bytes].map((byte) => Buffer.from([byte])))
  const source = await openSource('-', pieces)
  expect(source).toMatchObject({ name: '<stdin>', bytesTotal: undefined })
  expect((await buffer(source.chunks())).toString()).toBe('first\nsecond\n')
})

test('openSource() passes on what is not gzip, also a single byte or none', async () => {
  for (const text of ['plain\n', '\x1f', '']) {
    const source = await openSource('-', Readable.from(text === '' ? [] : [Buffer.from(text)]))
    expect((await buffer(source.chunks())).toString()).toBe(text)
  }
})

test('openSource() counts the bytes of a file as they are done, up to all of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'eventdb-source-'))
  const content = randomBytes(1_000_000)
  for (const bytes of [content, gzipSync(content)]) {
    const path = join(folder, 'source')
    await writeFile(path, bytes)
    const source = await openSource(path, noInput)
    expect(source.bytesTotal).toBe(bytes.length)
    let passed = 0
    for await (const chunk of source.chunks()) {
      passed += chunk.length
      expect(source.bytesRead()).toBeGreaterThanOrEqual(passed)
      expect(source.bytesRead() - passed).toBeLessThan(500_000)
    }
    expect(passed).toBe(content.length)
    expect(source.bytesRead()).toBe(bytes.length)
  }
  await rm(folder, { recursive: true })
})

test('openSource() refuses a file that is not there, and a folder', async () => {
  await expect(openSource('/nowhere/at/all', noInput)).rejects.toThrow(
    '/nowhere/at/all: no such file or folder',
  )
  await expect(openSource(tmpdir(), noInput)).rejects.toThrow('is a folder, not a file')
})

test('Source.stop() ends a read that waits for more', async () => {
  const stdin = new Readable({ read: () => {} })
  const source = await openSource('-', stdin)
  const reading = buffer(source.chunks())
  source.stop()
  await expect(reading).rejects.toThrow()
})
