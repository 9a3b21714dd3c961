import { describe, expect } from 'vitest'
import { eventdb, numbers, parseLines, printed, shop, test } from './eventdb.ts'

/** Runs commands, each a line without odd words, on one store. */
async function onShop(folder: string, events = 14) {
  const store = await shop(folder, events)
  const args = (line: string): string[] => [...line.split(' '), '--store', store]
  return {
    run: (line: string) => eventdb(args(line)),
    printed: (line: string) => printed(args(line)),
    numbers: (line: string) => numbers(args(line)),
  }
}

describe('eventdb delete, restore and tombstone', () => {
  test('delete hides a stream everywhere, and restore brings it back', async ({ folder }) => {
    const { run, printed, numbers } = await onShop(folder)
    expect(await printed('delete order-3')).toEqual([{ stream: 'order-3', state: 'deleted' }])
    expect(await run('read order-3')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Stream "order-3" is deleted\nhint: eventdb restore brings it back'),
    })
    expect(await numbers('query --category order')).toHaveLength(12)
    expect(await printed('restore order-3')).toEqual([{ stream: 'order-3', state: 'live' }])
    expect(await numbers('read order-3')).toEqual([3, 10])
  })

  test('delete and tombstone keep to the expected version', async ({ folder }) => {
    const { run, printed } = await onShop(folder)
    for (const line of ['delete order-3 --expect 1', 'tombstone order-3 --yes --expected-version 1']) {
      expect(await run(line)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'eventdb: Stream "order-3" was expected to be at version 1, but it is at version 2\n',
      })
    }
    expect((await run('delete order-3 --expect 2')).code).toBe(0)
    expect(await printed('tombstone order-3 --yes --expect deleted')).toMatchObject([{ state: 'tombstoned' }])
  })

  test('restore refuses what was not deleted, was scavenged, or was never there', async ({ folder }) => {
    const { run } = await onShop(folder)
    const refusal = async (stream: string) => (await run(`restore ${stream}`)).stderr
    expect(await refusal('order-1')).toBe(
      'eventdb: Stream "order-1" cannot be restored, as it is not deleted\n',
    )
    expect(await refusal('order-9')).toBe('eventdb: Stream "order-9" does not exist\n')
    await run('delete order-1')
    await run('scavenge')
    expect(await refusal('order-1')).toBe(
      'eventdb: Stream "order-1" cannot be restored, as its events were scavenged\n',
    )
  })

  test('tombstone is for ever, so it changes nothing without --yes', async ({ folder }) => {
    const { run, printed, numbers } = await onShop(folder)
    expect((await run('tombstone order-3')).code).toBe(2)
    expect(await numbers('read order-3')).toEqual([3, 10])
    expect(await printed('tombstone order-3 --yes')).toEqual([{ stream: 'order-3', state: 'tombstoned' }])
    for (const line of [
      'read order-3',
      'restore order-3',
      'append order-3 --type T',
      'metadata order-3 a=1',
    ]) {
      expect((await run(line)).code, line).toBe(1)
    }
    expect((await run('check')).code).toBe(0)
  })

  test('delete and tombstone refuse a stream that was never there', async ({ folder }) => {
    const { run } = await onShop(folder)
    for (const line of ['delete order-9', 'tombstone order-9 --yes']) {
      expect(await run(line)).toMatchObject({ code: 1, stderr: 'eventdb: Stream "order-9" does not exist\n' })
    }
  })

  test('print for people on a terminal', async ({ folder }) => {
    const store = await shop(folder)
    const options = { columns: 80, env: { NO_COLOR: '1' } }
    expect((await eventdb(['delete', 'order-3', '--store', store], options)).stdout).toBe(
      'order-3  deleted\n',
    )
  })
})

describe('eventdb streams --deleted', () => {
  test('lists all streams with their states', async ({ folder }) => {
    const { run, printed } = await onShop(folder, 3)
    await run('delete order-1')
    await run('tombstone order-2 --yes')
    expect(await printed('streams')).toEqual([{ stream: 'order-3', version: 1, state: 'live' }])
    expect(await printed('streams --deleted')).toEqual([
      { stream: 'order-1', version: 1, state: 'deleted' },
      { stream: 'order-2', version: 1, state: 'tombstoned' },
      { stream: 'order-3', version: 1, state: 'live' },
    ])
  })

  test('shows them in a column on a terminal', async ({ folder }) => {
    const store = await shop(folder, 2)
    await eventdb(['tombstone', 'order-1', '--yes', '--store', store])
    const options = { columns: 80, env: { NO_COLOR: '1' } }
    const { stdout } = await eventdb(['streams', '--deleted', '--store', store], options)
    expect(stdout).toBe(
      [
        '  version  state       stream',
        '        1  tombstoned  order-1',
        '        1  live        order-2',
        '',
      ].join('\n'),
    )
  })
})

describe('eventdb metadata', () => {
  test('shows what is known of a stream', async ({ folder }) => {
    const { printed, run } = await onShop(folder)
    expect(await printed('metadata order-3')).toEqual([
      {
        ...{ stream: 'order-3', state: 'live', version: 2, firstVersion: 1, metadata: {} },
        createdAt: expect.stringMatching(/Z$/),
        modifiedAt: expect.stringMatching(/Z$/),
      },
    ])
    expect(await run('metadata order-9')).toMatchObject({
      code: 1,
      stderr: 'eventdb: Stream "order-9" does not exist\n',
    })
  })

  test('changes the map, and makes the stream if need be', async ({ folder }) => {
    const { printed } = await onShop(folder)
    const [first] = await printed('metadata account-1 owner=ada limit=100 note=x')
    expect(first).toMatchObject({ version: 0, metadata: { owner: 'ada', limit: 100, note: 'x' } })
    const [second] = await printed('metadata account-1 limit=200 --remove note --remove owner')
    expect(second?.metadata).toEqual({ limit: 200 })
  })

  test('changes what remains readable, all or nothing', async ({ folder }) => {
    const { printed, run, numbers } = await onShop(folder, 35)
    const [bounded] = await printed('metadata order-3 --max-count 2 --max-age 30d')
    expect(bounded).toMatchObject({ maxCount: 2, maxAgeMs: 2_592_000_000, firstVersion: 4 })
    expect(await numbers('read order-3')).toEqual([24, 31])
    const [lifted] = await printed('metadata order-3 --max-count none --max-age none --truncate-before 5')
    expect(lifted).toMatchObject({ truncateBefore: 5, firstVersion: 5 })
    expect(lifted).not.toHaveProperty('maxCount')
    expect(lifted).not.toHaveProperty('maxAgeMs')
    const refused = await run('metadata order-4 owner=ada --truncate-before 7')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('from 1 to 6') })
    expect(await printed('metadata order-4')).toMatchObject([{ metadata: {}, firstVersion: 1 }])
  })

  test('shows a deleted stream, too', async ({ folder }) => {
    const { printed, run } = await onShop(folder)
    await run('delete order-3')
    expect(await printed('metadata order-3')).toMatchObject([
      { state: 'deleted', version: 2, firstVersion: 3 },
    ])
  })

  test('prints for people on a terminal', async ({ folder }) => {
    const store = await shop(folder, 35)
    const args = [
      'metadata',
      'order-3',
      'owner=ada',
      '--max-count',
      '2',
      '--max-age',
      '12h',
      '--store',
      store,
    ]
    const { stdout } = await eventdb(args, { columns: 80, env: { NO_COLOR: '1' } })
    expect(stdout.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'T')).toBe(
      [
        'stream           order-3',
        'state            live',
        'versions         4 to 5',
        'created          T UTC',
        'modified         T UTC',
        'max count        2 events',
        'max age          12h',
        'truncate before  –',
        'metadata.owner   "ada"',
        '',
      ].join('\n'),
    )
    const json = await eventdb([...args, '--json'], { columns: 80 })
    expect(parseLines(json.stdout)).toHaveLength(1)
  })
})
