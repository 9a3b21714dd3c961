import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import {
  COMMAND_LINE,
  eventdb,
  numbers,
  parseLines,
  printed,
  shop,
  spawned,
  startProgram,
  test,
} from './eventdb.ts'

describe('eventdb append', () => {
  test('writes an event with everything that can be said of it', async ({ folder }) => {
    const id = 'AAAAAAAA-0000-4000-8000-000000000001'
    const fields = ['--data', '-', '--metadata', '{"user":7}', '--id', id, '--tag', 'b', '--tag', 'a']
    const time = ['--time', '2024-05-01T08:30:00+02:00']
    const args = ['append', 'order-1', '--type', 'OrderPlaced', '--store', folder, ...fields, ...time]
    const first = await eventdb(args, { input: '{"total":42}' })
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const [result] = parseLines(first.stdout)
    expect(result).toMatchObject({ stream: 'order-1', version: 1, idempotent: false })
    const [event] = parseLines((await eventdb(['read', 'order-1', '--store', folder])).stdout)
    expect(event).toMatchObject({
      ...{ stream: 'order-1', type: 'OrderPlaced', data: { total: 42 }, metadata: { user: 7 }, version: 1 },
      ...{
        id: id.toLowerCase(),
        time: '2024-05-01T06:30:00.000Z',
        tags: ['a', 'b'],
        position: result?.position,
      },
    })
    const second = await eventdb(args, { input: '{"total":42}' })
    expect(parseLines(second.stdout)).toEqual([{ ...result, idempotent: true }])
  })

  test('fails with exit code 1 if the stream is not as expected', async ({ folder }) => {
    const append = ['append', 's', '--type', 'T', '--store', folder, '--expected-version']
    expect((await eventdb([...append, 'no-stream'])).code).toBe(0)
    expect((await eventdb([...append, '1'])).code).toBe(0)
    expect(await eventdb([...append, '1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'eventdb: Stream "s" was expected to be at version 1, but it is at version 2\n',
    })
  })

  test('is made once with an idempotency key', async ({ folder }) => {
    const append = (...more: string[]) =>
      eventdb(['append', 's', '--data', '7', '--idempotency-key', 'k', '--store', folder, ...more])
    const [first] = parseLines((await append('--type', 'T')).stdout)
    const second = await append('--type', 'T', '--expect', 'no-stream')
    expect(parseLines(second.stdout)).toEqual([{ ...first, idempotent: true }])
    expect(await append('--type', 'U')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'eventdb: The idempotency key "k" was used for another append or command\n',
    })
    expect((await printed(['read', 's', '--store', folder])).map(({ data }) => data)).toEqual([7])
  })

  test('can expect a deleted stream, which goes on with the next version', async ({ folder }) => {
    const append = ['append', 's', '--type', 'T', '--store', folder]
    await eventdb(append)
    const early = await eventdb([...append, '--expect', 'deleted'])
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('it is at version 1') })
    await eventdb(['delete', 's', '--store', folder])
    const late = await eventdb([...append, '--expect', 'deleted'])
    expect(parseLines(late.stdout)).toMatchObject([{ version: 2 }])
  })

  test('makes a store with the indexes asked for, and refuses one that has others', async ({ folder }) => {
    const append = (indexes: string) =>
      eventdb(['append', 's', '--type', 'T', '--store', folder, '--indexes', indexes])
    expect((await append('tag,category')).code).toBe(0)
    expect((await append('category,tag')).code).toBe(0)
    expect(await append('none')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^eventdb: The store has the indexes \[category,tag\], not \[\]/),
    })
    const [info] = parseLines((await eventdb(['info', '--store', folder])).stdout)
    expect(info).toMatchObject({ indexes: ['category', 'tag'], events: 2 })
  })

  test('takes the store from EVENTDB_STORE', async ({ folder }) => {
    const env = { EVENTDB_STORE: folder }
    expect((await eventdb(['append', 's', '--type', 'T'], { env })).code).toBe(0)
    expect(parseLines((await eventdb(['streams'], { env })).stdout)).toEqual([
      { stream: 's', version: 1, state: 'live' },
    ])
  })

  test('shows where an error comes from with --verbose, or EVENTDB_DEBUG', async ({ folder }) => {
    const args = ['append', '$mine', '--type', 'T', '--store', folder]
    const [brief, verbose, debug] = await Promise.all([
      eventdb(args),
      eventdb([...args, '--verbose']),
      eventdb(args, { env: { EVENTDB_DEBUG: '1' } }),
    ])
    expect(brief.code).toBe(1)
    expect(brief.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(verbose.stderr).toMatch(/\n {4}at .*append/)
    expect(debug.stderr).toMatch(/\n {4}at .*append/)
  })
})

describe('eventdb read', () => {
  test('keeps to its bounds, in both directions', async ({ folder }) => {
    const store = ['--store', await shop(folder, 28)]
    expect(await numbers(['read', 'order-3', ...store])).toEqual([3, 10, 17, 24])
    expect(await numbers(['read', 'order-3', '--from', '2', '--to', '3', ...store])).toEqual([10, 17])
    expect(await numbers(['read', 'order-3', '--after', '2', '--before', '4', ...store])).toEqual([17])
    expect(await numbers(['read', 'order-3', '--backwards', '--limit', '2', ...store])).toEqual([24, 17])
    expect(await numbers(['read', '--all', '--limit', '3', ...store])).toEqual([1, 2, 3])
    expect(await numbers(['read', '--all', '--backwards', '--limit', '1', ...store])).toEqual([28])
    expect(await numbers(['read', '--all', '--from', '2000-01-01', '--limit', '1', ...store])).toEqual([1])
    expect(await numbers(['read', '--all', '--to', '2000-01-01T00:00:00Z', ...store])).toEqual([])
    const [third] = parseLines((await eventdb(['read', 'order-3', '--limit', '1', ...store])).stdout)
    const after = ['--after', String(third?.position)]
    expect(await numbers(['read', '--all', ...after, '--limit', '2', ...store])).toEqual([4, 5])
  })

  test('says that a stream does not exist, and nothing for one without events in the bounds', async ({
    folder,
  }) => {
    const store = ['--store', await shop(folder)]
    const [missing, empty] = await Promise.all([
      eventdb(['read', 'order-99', ...store]),
      eventdb(['read', 'order-1', '--after', '1000', ...store]),
    ])
    expect(missing).toEqual({ code: 1, stdout: '', stderr: 'eventdb: Stream "order-99" does not exist\n' })
    expect(empty).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test.for(['sqlite', 'lmdb'] as const)(
    'works while a program holds a store on %s open and writes',
    async (engine, { folder }) => {
      const spawnedNumbers = async (what: string) =>
        parseLines<{ data: { number: number } }>(
          (await spawned(['read', what, '--store', folder])).stdout,
        ).map((event) => event.data.number)
      await using store = await openEventStore(folder, { engine })
      await store.stream('order-1').append({ type: 'T', data: { number: 1 } })
      expect(await spawnedNumbers('order-1')).toEqual([1])
      await store.stream('order-1').append({ type: 'T', data: { number: 2 } })
      expect(await spawnedNumbers('--all')).toEqual([1, 2])
      expect((await spawned(['append', 'order-1', '--type', 'T', '--store', folder])).code).toBe(0)
      expect(await store.stream('order-1').info()).toMatchObject({ version: 3 })
    },
  )
})

describe('eventdb streams, info and check', () => {
  test('streams lists by prefix, in order, in pages', async ({ folder }) => {
    const store = ['--store', await shop(folder)]
    await eventdb(['append', 'user-1', '--type', 'T', ...store])
    const names = async (...args: string[]) =>
      parseLines((await eventdb(['streams', ...args, ...store])).stdout).map((entry) => entry.stream)
    expect(await names('--prefix', 'order-', '--limit', '2')).toEqual(['order-0', 'order-1'])
    expect(await names('--after', 'order-5')).toEqual(['order-6', 'user-1'])
  })

  test('info counts', async ({ folder }) => {
    const { code, stdout } = await eventdb(['info', '--store', await shop(folder)])
    expect(code).toBe(0)
    expect(parseLines(stdout)).toMatchObject([
      { engine: 'sqlite', streams: 7, events: 20, lastPosition: /\d+/ },
    ])
  })

  test('check passes on a sound store', async ({ folder }) => {
    const { code, stdout } = await eventdb(['check', '--store', await shop(folder)])
    expect(code).toBe(0)
    expect(parseLines(stdout)).toMatchObject([{ problems: [], events: 20, streams: 7 }])
  })

  test('check reports every problem with exit code 1', async ({ folder }) => {
    const path = await shop(folder, 1)
    await damage(path)
    const { code, stdout } = await eventdb(['check', '--store', path])
    expect(code).toBe(1)
    const [report] = parseLines<{ problems: unknown[] }>(stdout)
    expect(report?.problems.length).toBeGreaterThan(0)
  })

  test('commands that need a store make no store where there is none', async ({ folder }) => {
    const missing = join(folder, 'none')
    const onStream = ['delete', 'restore', 'metadata', 'tombstone --yes'].map((line) => [
      ...line.split(' '),
      's',
    ])
    const onStore = ['streams', 'info', 'check', 'export', 'scavenge', 'reindex'].map((name) => [name])
    const others = [
      ['read', '--all'],
      ['query', '--type', 'T'],
      ['backup', join(folder, 'copy')],
    ]
    for (const args of [...onStream, ...onStore, ...others]) {
      const { code, stdout, stderr } = await eventdb([...args, '--store', missing])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^eventdb: There is no event store in .*none\nhint: /)
    }
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a pipe', () => {
  test('that is closed early is no failure', async ({ folder }) => {
    const store = await shop(folder, 5_000)
    const line = [...COMMAND_LINE, 'export', '--store', store].map((word) => `'${word}'`).join(' ')
    const script = `${line} | head -1; echo "codes: \${PIPESTATUS[@]}"`
    const { stdout, stderr } = await startProgram(['bash', '-c', script], {}).finished
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toMatchObject([expect.stringContaining('"number":1}'), 'codes: 0 0', ''])
  })
})

describe.skipIf(!existsSync('/dev/full'))('a full disk', () => {
  test('behind the output is a failure, also for the last line', async ({ folder }) => {
    const store = await shop(folder, 1)
    const line = [...COMMAND_LINE, 'export', '--store', store].map((word) => `'${word}'`).join(' ')
    const { code, stderr } = await startProgram(['bash', '-c', `${line} > /dev/full`], {}).finished
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'eventdb: standard output: no space left on the disk\n',
    })
  })
})

/** Flips bits of the only event's type in every file of the store. */
async function damage(store: string): Promise<void> {
  for (const name of ['eventdb.sqlite', 'eventdb.sqlite-wal']) {
    const path = join(store, name)
    if (!existsSync(path)) continue
    const bytes = await readFile(path)
    for (let at = bytes.indexOf('OrderChanged'); at !== -1; at = bytes.indexOf('OrderChanged', at))
      bytes[at]! ^= 1
    await writeFile(path, bytes)
  }
}
