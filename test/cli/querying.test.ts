import { openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import { eventdb, printed, shop, test, toLines } from './eventdb.ts'

const SCHOOL = toLines([
  { stream: 'course-1', type: 'Defined', tags: ['course:1'] },
  { stream: 'student-2', type: 'Enrolled', tags: ['course:1', 'student:2'] },
  { stream: 'student-3', type: 'Enrolled', tags: ['course:1', 'student:3'] },
  { stream: 'student-2', type: 'Left', tags: ['course:1', 'student:2'] },
  { stream: 'school', type: 'Closed' },
])

async function school(folder: string): Promise<(line: string) => Promise<string[]>> {
  await eventdb(['import', '-', '--store', folder], { input: SCHOOL })
  return async (line) => {
    const events = await printed(['query', ...line.split(' '), '--store', folder])
    return events.map(({ stream, type }) => `${stream} ${type}`)
  }
}

describe('eventdb query', () => {
  test('reads any of the types with all of the tags, or another alternative', async ({ folder }) => {
    const query = await school(folder)
    expect(await query('--type Enrolled --type Left')).toHaveLength(3)
    expect(await query('--tag course:1 --tag student:2')).toEqual(['student-2 Enrolled', 'student-2 Left'])
    expect(await query('--type Enrolled --tag student:2')).toEqual(['student-2 Enrolled'])
    expect(await query('--type Closed --or --type Enrolled --tag student:3')).toEqual([
      'student-3 Enrolled',
      'school Closed',
    ])
    expect(await query('--tag course:9')).toEqual([])
  })

  test('reads a category', async ({ folder }) => {
    const query = await school(folder)
    expect(await query('--category student')).toHaveLength(3)
    expect(await query('--category school')).toEqual(['school Closed'])
    expect(await query('--category stud')).toEqual([])
  })

  test('keeps to its bounds, in both directions', async ({ folder }) => {
    const query = await school(folder)
    expect(await query('--tag course:1 --backwards --limit 2')).toEqual([
      'student-2 Left',
      'student-3 Enrolled',
    ])
    expect(await query('--tag course:1 --to 2000-01-01')).toEqual([])
    const [second] = await printed(['query', '--type', 'Enrolled', '--limit', '1', '--store', folder])
    expect(await query(`--tag course:1 --after ${second?.position}`)).toEqual([
      'student-3 Enrolled',
      'student-2 Left',
    ])
    expect(await query(`--category student --before ${second?.position}`)).toEqual([])
  })

  test('prints the table of a read on a terminal', async ({ folder }) => {
    await school(folder)
    const options = { columns: 100, env: { NO_COLOR: '1' } }
    const all = await eventdb(['read', '--all', '--store', folder], options)
    const found = await eventdb(
      ['query', '--tag', 'course:1', '--or', '--type', 'Closed', '--store', folder],
      options,
    )
    expect(found).toEqual(all)
  })

  test('says how to get an index that it lacks', async ({ folder }) => {
    const store = await shop(folder, 3, ['--indexes', 'category'])
    expect(await eventdb(['query', '--type', 'OrderChanged', '--store', store])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^eventdb: The store has no index by type.*\nhint: eventdb reindex --add /,
      ),
    })
    expect(await printed(['query', '--category', 'order', '--store', store])).toHaveLength(3)
  })
})

describe('eventdb read, of links', () => {
  async function withLinks(folder: string): Promise<string> {
    const store = await shop(folder, 3)
    await using open = await openEventStore(store)
    const list = open.stream('list')
    await list.append({ type: 'Begun' })
    await list.linkTo({ streamId: 'order-3', version: 1 })
    return store
  }

  test('shows what they point to, and where they are', async ({ folder }) => {
    const store = await withLinks(folder)
    const [begun, third] = await printed(['read', 'list', '--store', store])
    expect(begun).not.toHaveProperty('link')
    expect(third).toMatchObject({
      stream: 'order-3',
      version: 1,
      data: { number: 3 },
      link: { stream: 'list', version: 2, position: expect.stringMatching(/^\d+$/) },
    })
    const table = await eventdb(['read', 'list', '--store', store], { columns: 100, env: { NO_COLOR: '1' } })
    expect(table.stdout).toMatch(/\n {6}2 {2}\S+ \S+ {2}OrderChanged {2}\{"number":3\} {2}from order-3 1\n$/)
  })

  test('shows links themselves with --no-resolve-links', async ({ folder }) => {
    const store = await withLinks(folder)
    for (const args of [
      ['list', '--after', '1'],
      ['--all', '--backwards', '--limit', '1'],
    ]) {
      const events = await printed(['read', ...args, '--no-resolve-links', '--store', store])
      expect(events).toMatchObject([
        { stream: 'list', version: 2, type: '$link', data: { streamId: 'order-3', version: 1 } },
      ])
    }
  })
})
