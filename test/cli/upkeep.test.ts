import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import {
  eventdb,
  interruptedEventdb,
  numbers,
  parseLines,
  printed,
  progressOf,
  shop,
  test,
} from './eventdb.ts'

/** More events than any of the commands does at a time. */
const MANY = 3_000

const onTerminal = { columns: 100, env: { NO_COLOR: '1' } }

async function checked(store: string): Promise<unknown> {
  const [report] = await printed(['check', '--store', store])
  return report
}

describe('eventdb scavenge', () => {
  test('removes what deleted streams and retention hide', async ({ folder }) => {
    const store = await shop(folder, 70)
    await eventdb(['delete', 'order-1', '--store', store])
    await eventdb(['metadata', 'order-2', '--max-count', '4', '--store', store])
    const [report] = await printed(['scavenge', '--store', store])
    expect(report).toMatchObject({ streams: 2, events: 16, others: 0, interrupted: false })
    expect(report?.bytes).toBeGreaterThan(0)
    expect(await printed(['scavenge', '--store', store])).toMatchObject([{ events: 0, bytes: 0 }])
    expect(await numbers(['read', 'order-2', '--store', store])).toHaveLength(4)
    expect(await checked(store)).toMatchObject({ problems: [] })
  })

  test('sums up for people on a terminal', async ({ folder }) => {
    const store = await shop(folder, 7)
    await eventdb(['tombstone', 'order-1', '--yes', '--store', store])
    const { stdout } = await eventdb(['scavenge', '--store', store], onTerminal)
    expect(stdout).toMatch(/^1 event removed \(\d+ bytes\); 1 stream looked at\.\n$/)
  })

  test('stops at Ctrl-C, and goes on the next time', async ({ folder }) => {
    const store = await shop(folder, MANY)
    await eventdb(['delete', 'order-1', '--store', store])
    const { code, stdout, stderr } = await interruptedEventdb(['scavenge', '--store', store])
    expect(code).toBe(130)
    expect(stdout).toMatch(/^200 events removed/)
    expect(stderr).toBe('interrupted: what was done stays done; the same command goes on from there\n')
    expect(await checked(store)).toMatchObject({ problems: [] })
    expect(await printed(['scavenge', '--store', store])).toMatchObject([{ events: 229 }])
  })
})

describe('eventdb reindex', () => {
  test('drops and adds indexes', async ({ folder }) => {
    const store = await shop(folder)
    const reindex = (...args: string[]) => printed(['reindex', ...args, '--store', store])
    expect(await reindex('--drop', 'type', '--drop', 'tag')).toEqual([{ indexes: ['category'] }])
    expect((await eventdb(['query', '--type', 'OrderChanged', '--store', store])).code).toBe(1)
    expect(await reindex('--add', 'type,tag', '--drop', 'category')).toEqual([{ indexes: ['type', 'tag'] }])
    expect(await numbers(['query', '--type', 'OrderChanged', '--store', store])).toHaveLength(20)
    expect(await checked(store)).toMatchObject({ problems: [] })
  })

  test('shows how far it is, and the indexes at the end', async ({ folder }) => {
    const store = await shop(folder, MANY, ['--indexes', 'none'])
    const finished = await eventdb(['reindex', '--add', 'type', '--store', store], onTerminal)
    expect(finished.stdout).toBe('Indexes: type.\n')
    expect(progressOf(finished)[0]).toMatch(/^building type {2}█*░+ {2,3}\d+ % {2}500 events$/)
  })

  test.for([
    { args: ['--add', 'type'], goOn: ['--add', 'type'], hint: 'the same command goes on from there' },
    { args: ['--add', 'type'], goOn: [], hint: 'the same command goes on from there' },
    {
      args: ['--drop', 'category', '--add', 'category'],
      goOn: ['--add', 'category'],
      hint: 'the same command without --drop goes on from there',
    },
  ])('stops at Ctrl-C with $args, and goes on with $goOn', async ({ args, goOn, hint }, { folder }) => {
    const store = await shop(folder, MANY, ['--indexes', 'category'])
    const { code, stdout, stderr } = await interruptedEventdb(['reindex', ...args, '--store', store])
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: `interrupted: ${hint}\n` })
    expect((await eventdb(['query', '--type', 'T', '--store', store])).code).toBe(1)
    await printed(['reindex', ...goOn, '--store', store])
    expect(await checked(store)).toMatchObject({ problems: [] })
    expect(await printed(['query', '--category', 'order', '--store', store])).toHaveLength(MANY)
  })
})

describe('eventdb backup', () => {
  test('copies the store while it is in use', async ({ folder }) => {
    const store = await shop(folder)
    const copy = join(folder, 'backups', 'copy')
    await using open = await openEventStore(store)
    await open.stream('order-1').append({ type: 'OrderChanged', data: { number: 21 } })
    const [report] = await printed(['backup', copy, '--store', store])
    expect(report).toEqual({ folder: copy, bytes: expect.any(Number) })
    expect(report?.bytes).toBeGreaterThan(4_096)
    await open.stream('order-1').append({ type: 'OrderChanged', data: { number: 22 } })
    expect(await numbers(['export', '--store', copy])).toHaveLength(21)
    expect(await checked(copy)).toMatchObject({ problems: [], events: 21 })
  })

  test('refuses a folder that exists, and leaves it alone', async ({ folder }) => {
    const store = await shop(folder)
    const taken = join(folder, 'taken')
    await mkdir(taken)
    await writeFile(join(taken, 'letter'), 'dear')
    expect(await eventdb(['backup', taken, '--store', store])).toEqual({
      code: 1,
      stdout: '',
      stderr: `eventdb: There is something at ${taken} already\n`,
    })
    expect((await eventdb(['backup', store, '--store', store])).code).toBe(1)
    expect(await readdir(taken)).toEqual(['letter'])
    expect((await readdir(folder)).toSorted()).toEqual(['shop', 'taken'])
  })

  test('shows how far it is, and sums up', async ({ folder }) => {
    const store = await shop(folder, MANY)
    const copy = join(folder, 'copy')
    const finished = await eventdb(['backup', copy, '--store', store], onTerminal)
    expect(finished.stdout).toMatch(/\/copy: \d+\.\d [KM]iB backed up \(\d+ s\)\n$/)
    expect(progressOf(finished)[0]).toMatch(/^█*░* +\d+ % {2}[\d.]+ [KM]iB of [\d.]+ [KM]iB$/)
  })

  test('leaves nothing behind at Ctrl-C', async ({ folder }) => {
    const store = await shop(folder, MANY)
    const interrupted = await interruptedEventdb(['backup', join(folder, 'copy'), '--store', store])
    expect(interrupted).toEqual({ code: 130, stdout: '', stderr: 'interrupted: nothing was left behind\n' })
    expect(await readdir(folder)).toEqual(['shop'])
  })
})

describe('eventdb check', () => {
  test('shows how far it is, and stops at Ctrl-C', async ({ folder }) => {
    const store = await shop(folder, MANY)
    const finished = await eventdb(['check', '--store', store], onTerminal)
    for (const line of progressOf(finished)) expect(line).toMatch(/^[\d,]+ rows? checked( {2}[\d,]+\/s)?$/)
    expect(progressOf(finished)).not.toEqual([])
    const interrupted = await interruptedEventdb(['check', '--store', store])
    expect(interrupted).toEqual({
      code: 130,
      stdout: '',
      stderr: 'interrupted: what is left was not looked at\n',
    })
  })
})

describe('eventdb info', () => {
  test('shows the indexes and what separates categories', async ({ folder }) => {
    const path = join(folder, 'store')
    await (await openEventStore(path, { indexes: ['tag'], categorySeparator: '::' })).close()
    const { stdout } = await eventdb(['info', '--store', path])
    expect(parseLines(stdout)).toMatchObject([{ indexes: ['tag'], categorySeparator: '::' }])
    expect((await eventdb(['info', '--store', path], onTerminal)).stdout).toMatch(
      /\nindexes {13}tag\ncategory separator {2}"::"\n/,
    )
  })
})
