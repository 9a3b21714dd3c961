import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect } from 'vitest'
import { paintWith } from '../../src/cli/paint.ts'
import { COMMAND_LINE, eventdb, shopLines, startProgram, test, toLines } from './eventdb.ts'

const noPseudoTerminal = spawnSync('script', ['--version']).status !== 0

describe('on a terminal', () => {
  const env = { NO_COLOR: '1' }

  test('append, read, streams, info and check print for people', async ({ folder }) => {
    const show = async (...args: string[]) =>
      (await eventdb([...args, '--store', folder], { env, columns: 80 })).stdout
    expect(await show('append', 'cart-1', '--type', 'ItemAdded', '--data', '{"sku":"tea"}')).toMatch(
      /^cart-1 {2}version 1 {2}position \d+\n$/,
    )
    expect(await show('read', 'cart-1')).toMatch(
      /^version {2}time \(UTC\) {11}type {7}data\n {6}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}ItemAdded {2}\{"sku":"tea"\}\n$/,
    )
    expect(await show('read', '--all')).toMatch(
      /^ *position {2}time \(UTC\) {11}stream {2}version {2}type {7}data\n/,
    )
    expect(await show('streams')).toBe('  version  stream\n        1  cart-1\n')
    expect(await show('info')).toMatch(
      /^store {15}\/.*\nengine {14}sqlite, format \d+\nindexes {13}category, type, tag\ncategory separator {2}"-"\nstreams {13}1\nevents {14}1\n/,
    )
    expect(await show('check')).toMatch(/^No problems\. Looked at 1 event in 1 stream, \d+ rows\.\n$/)
  })

  test('--json prints NDJSON all the same', async ({ folder }) => {
    await eventdb(['append', 's', '--type', 'T', '--store', folder])
    const args = ['read', 's', '--store', folder]
    const terminal = await eventdb([...args, '--json'], { columns: 80 })
    expect(terminal).toEqual(await eventdb(args))
  })

  test('colours are there unless NO_COLOR says otherwise, and FORCE_COLOR brings them elsewhere', async () => {
    const [coloured, plain, forced, piped] = await Promise.all([
      eventdb(['x'], { columns: 80 }),
      eventdb(['x'], { columns: 80, env }),
      eventdb(['x'], { env: { FORCE_COLOR: '1' } }),
      eventdb(['x']),
    ])
    expect(coloured.stderr).toContain('\x1b[')
    expect(forced.stderr).toBe(coloured.stderr)
    expect(plain.stderr).toBe(stripVTControlCharacters(coloured.stderr))
    expect(piped.stderr).toBe(plain.stderr)
  })

  test('import shows its progress on one line, which is gone at the end', async ({ folder }) => {
    const file = join(folder, 'shop.ndjson')
    await writeFile(file, toLines(shopLines(5_000)))
    const { stderr } = await eventdb(['import', file, '--store', join(folder, 'store')], { env, columns: 80 })
    const [first, ...updates] = stderr.split('\r')
    const summary = updates.pop()
    expect(first).toBe('')
    expect(updates.length).toBeGreaterThan(0)
    for (const update of updates) {
      expect(update).toMatch(/^[\d,]+ events {2}.* \d+ %/)
      expect(update.endsWith('\x1b[K') && !update.includes('\n')).toBe(true)
    }
    expect(summary?.startsWith('\x1b[K')).toBe(true)
    expect(summary).toMatch(/5,000 events imported .*\n$/)
  })

  test.skipIf(noPseudoTerminal)(
    'a real one, made by script(1), is recognised with its width and colours',
    async ({ folder }) => {
      await eventdb([
        'append',
        'cart-1',
        '--type',
        'ItemAdded',
        '--data',
        `"${'x'.repeat(200)}"`,
        '--store',
        folder,
      ])
      const read = [...COMMAND_LINE, 'read', 'cart-1', '--store', folder].map((word) => `'${word}'`).join(' ')
      const command = ['script', '-qec', `stty cols 60; ${read}`, '/dev/null']
      const { code, stdout } = await startProgram(command, { env: { TERM: 'xterm-256color' } }).finished
      expect(code).toBe(0)
      expect(stdout).toContain(`${paintWith(true).type('ItemAdded', 'ItemAdded')}  `)
      const lines = stripVTControlCharacters(stdout).trimEnd().split('\r\n')
      expect(lines).toHaveLength(2)
      expect(lines[1]).toHaveLength(60)
      expect(lines[1]).toMatch(/"xxx+…$/)
    },
  )
})
