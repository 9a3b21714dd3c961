import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineError } from './errors.ts'
import { isBlank, readLines, textOfLine } from './lines.ts'

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0
  for (let i = 0; start < bytes.length; i++) {
    const end = start + (sizes[i % sizes.length] ?? 1)
    yield bytes.subarray(start, end)
    start = end
  }
}

async function linesOf(bytes: Buffer | string, sizes = [3], bytesMax?: number): Promise<string[]> {
  const lines: string[] = []
  for await (const line of readLines(chunksOf(Buffer.from(bytes), sizes), bytesMax)) {
    lines.push(textOfLine(line))
  }
  return lines
}

describe('readLines()', () => {
  test('gives the same lines however the bytes are cut into chunks', async () => {
    const line = fc.string({ unit: 'binary' }).filter((text) => !/[\r\n\ufeff]/.test(text))
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(fc.array(line), sizes, fc.constantFrom('\n', '\r\n'), async (lines, cuts, end) => {
        expect(await linesOf(lines.map((text) => text + end).join(''), cuts)).toEqual(lines)
      }),
    )
  })

  test('does not need a newline at the end', async () => {
    expect(await linesOf('a\nb')).toEqual(['a', 'b'])
    expect(await linesOf('a\nb\n')).toEqual(['a', 'b'])
    expect(await linesOf('')).toEqual([])
    expect(await linesOf('\n\n')).toEqual(['', ''])
  })

  test('drops a byte order mark at the very beginning only', async () => {
    expect(await linesOf('\ufeffa\n\ufeffb\n')).toEqual(['a', '\ufeffb'])
  })

  test('keeps a carriage return that ends no line', async () => {
    expect(await linesOf('a\rb\r\n')).toEqual(['a\rb'])
  })

  test('copes with lines of 17 MiB', async () => {
    const long = 'x'.repeat(17 * 1_024 * 1_024)
    const lines = await linesOf(`${long}\nshort\n${long}`, [65_536])
    expect(lines.map((line) => line.length)).toEqual([long.length, 5, long.length])
  })

  test('refuses a line beyond the limit with its number', async () => {
    expect(await linesOf('12345\n12345', [2], 5)).toEqual(['12345', '12345'])
    const failure = linesOf('12345\n123456\n', [2], 5)
    await expect(failure).rejects.toThrow(LineError)
    await expect(failure).rejects.toMatchObject({ line: 2, message: 'longer than 5 bytes' })
    await expect(linesOf(`1\n${'x'.repeat(100)}`, [2], 5)).rejects.toMatchObject({ line: 2 })
  })
})

test('textOfLine() refuses what is not UTF-8', () => {
  expect(() => textOfLine(Buffer.from([0x61, 0xff]))).toThrow('not UTF-8')
})

test('isBlank() knows blanks and tabs', () => {
  expect(isBlank(Buffer.from(' \t '))).toBe(true)
  expect(isBlank(Buffer.from(''))).toBe(true)
  expect(isBlank(Buffer.from(' x'))).toBe(false)
})
