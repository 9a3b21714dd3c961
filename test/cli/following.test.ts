import { openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import {
  COMMAND_LINE,
  eventdb,
  type Finished,
  numbers,
  parseLines,
  printed,
  shop,
  shopLines,
  start,
  startProgram,
  test,
} from './eventdb.ts'
import { printedBy } from './printed-by.ts'

/** Follows on a terminal in this process, and does something once it has begun. */
async function following(args: readonly string[], act: () => Promise<unknown>): Promise<Finished> {
  let acted: Promise<unknown> | undefined
  const onNote = (text: string): void => {
    if (text.startsWith('following ')) acted = act()
  }
  const finished = await eventdb(['tail', ...args], { columns: 100, env: { NO_COLOR: '1' }, onNote })
  await acted
  return finished
}

/** Appends the event of a number that `shopLines` would have, from another process's view. */
async function append(folder: string, ...all: readonly number[]): Promise<void> {
  await using store = await openEventStore(folder)
  for (const number of all) {
    const [{ stream, type, data }] = shopLines(number, number) as [
      { stream: string; type: string; data: object },
    ]
    await store.stream(stream).append({ type, data })
  }
}

describe('eventdb tail', () => {
  test('prints what follows a version, then what another process appends, as read prints it', async ({
    folder,
  }) => {
    const store = await shop(folder, 14)
    const tail = start(['tail', 'order-1', '--after', '1', '--limit', '3', '--store', store])
    await printedBy(tail, '"number":8}')
    await append(store, 15, 16, 22)
    const { code, stdout, stderr } = await tail.finished
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(parseLines(stdout)).toEqual(await printed(['read', 'order-1', '--after', '1', '--store', store]))
    expect(parseLines(stdout)).toHaveLength(3)
  })

  test('begins with what is recorded from now on', async ({ folder }) => {
    const store = await shop(folder, 14)
    const args = ['--all', '--json', '--limit', '2', '--store', store]
    const { code, stdout } = await following(args, () => append(store, 15, 16))
    expect(code).toBe(0)
    expect(parseLines(stdout)).toMatchObject([{ data: { number: 15 } }, { data: { number: 16 } }])
  })

  test('follows every kind of source', async ({ folder }) => {
    const store = await shop(folder, 7)
    const append = ['append', 'user-1', '--type', 'Registered', '--tag', 'vip', '--store', store]
    await eventdb([...append, '--data', '{"number":8}'])
    await eventdb([...append, '--data', '{"number":9}', '--tag', 'new'])
    const tail = (limit: number, ...args: string[]) =>
      numbers(['tail', ...args, '--from', 'start', '--limit', `${limit}`, '--store', store])
    expect(await tail(9, '--all')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await tail(1, 'order-3')).toEqual([3])
    expect(await tail(2, '--category', 'user')).toEqual([8, 9])
    expect(await tail(2, '--type', 'Registered')).toEqual([8, 9])
    expect(await tail(1, '--type', 'Registered', '--tag', 'new')).toEqual([9])
    expect(await tail(8, '--type', 'OrderChanged', '--or', '--tag', 'new')).toEqual([1, 2, 3, 4, 5, 6, 7, 9])
    expect(await tail(1, '--query', '{"items":[{"tags":["vip","new"]}]}')).toEqual([9])
  })

  test('begins at a position, a time, or so many events before the end', async ({ folder }) => {
    const store = await shop(folder, 28)
    const tail = (...args: string[]) => numbers(['tail', ...args, '--store', store])
    const [third] = await printed(['read', 'order-3', '--limit', '1', '--store', store])
    expect(await tail('--all', '--after', String(third!.position), '--limit', '2')).toEqual([4, 5])
    expect(await tail('--all', '--from', String(third!.position), '--limit', '2')).toEqual([3, 4])
    expect(await tail('order-3', '--from', '2000-01-01', '--limit', '2')).toEqual([3, 10])
    expect(await tail('order-3', '--last', '2', '--limit', '2')).toEqual([17, 24])
    expect(await tail('--all', '--last', '100', '--limit', '1')).toEqual([1])
  })

  test('filters what it prints; --last counts before that', async ({ folder }) => {
    const store = await shop(folder, 14)
    const tail = (...args: string[]) => numbers(['tail', '--all', ...args, '--store', store])
    expect(await tail('--filter-prefix', 'order-2', '--from', 'start', '--limit', '2')).toEqual([2, 9])
    expect(await tail('--filter-stream-pattern', '[35]$', '--last', '7', '--limit', '2')).toEqual([10, 12])
    await eventdb([
      'append',
      's',
      '--type',
      'Other',
      '--tag',
      'x',
      '--data',
      '{"number":0}',
      '--store',
      store,
    ])
    const start = ['--from', 'start', '--limit', '1']
    expect(await tail('--filter-type', 'Other', ...start)).toEqual([0])
    expect(await tail('--filter-type-pattern', '^Oth', ...start)).toEqual([0])
    expect(await tail('--filter-tag', 'x', ...start)).toEqual([0])
  })

  test('shows system events with --system', async ({ folder }) => {
    await eventdb(['append', 's', '--type', 'T', '--store', folder])
    await eventdb(['metadata', 's', 'owner=ada', '--store', folder])
    const all = ['--all', '--from', 'start', '--limit', '2', '--store', folder]
    const events = await printed(['tail', '--system', ...all])
    expect(events.map(({ stream }) => stream)).toEqual(['s', '$$s'])
  })

  test('prints one table for people, however the events come', async ({ folder }) => {
    const store = await shop(folder, 1)
    const args = ['order-1', '--last', '1', '--limit', '2', '--store', store]
    const { stdout, stderr } = await following(args, () => append(store, 8))
    expect(stdout).toMatch(/^version {2}time \(UTC\) .*\n {6}1 .*\{"number":1\}\n {6}2 .*\{"number":8\}\n$/)
    expect(stderr).toBe('following stream order-1; Ctrl-C ends it\n')
  })

  test.for([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends quietly with %s', async ([signal, code], { folder }) => {
    const tail = start(['tail', '--all', '--from', 'start', '--store', await shop(folder, 1)])
    await printedBy(tail, '"number":1}')
    tail.process.kill(signal)
    expect(await tail.finished).toEqual({ code, stdout: expect.stringMatching(/^.*\n$/), stderr: '' })
  })

  test('ends quietly when its reader has gone', async ({ folder }) => {
    const store = await shop(folder, 5_000)
    const tail = ['tail', '--all', '--from', 'start', '--store', store]
    const line = [...COMMAND_LINE, ...tail].map((word) => `'${word}'`).join(' ')
    const script = `${line} | head -1; echo "codes: \${PIPESTATUS[@]}"`
    const { stdout, stderr } = await startProgram(['bash', '-c', script], {}).finished
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toMatchObject([expect.stringContaining('"number":1}'), 'codes: 0 0', ''])
  })

  test('refuses a stream that is not there, unless --missing-ok waits for it', async ({ folder }) => {
    const store = await shop(folder, 1)
    expect(await eventdb(['tail', 'order-9', '--store', store])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'eventdb: Stream "order-9" does not exist\n',
    })
    const args = ['order-2', '--missing-ok', '--json', '--limit', '1', '--store', store]
    const { stdout } = await following(args, () => append(store, 2))
    expect(parseLines(stdout)).toMatchObject([{ stream: 'order-2', data: { number: 2 } }])
  })

  test('refuses a version that the stream has not reached', async ({ folder }) => {
    const { code, stderr } = await eventdb([
      'tail',
      'order-1',
      '--after',
      '2',
      '--store',
      await shop(folder, 1),
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^eventdb: There is no version 2 to begin at: the last is 1/)
  })

  test('fails when the stream is tombstoned meanwhile', async ({ folder }) => {
    const store = await shop(folder, 1)
    const { code, stderr } = await following(['order-1', '--store', store], async () => {
      await eventdb(['tombstone', 'order-1', '--yes', '--store', store])
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/\neventdb: Stream "order-1" .*\n$/)
  })

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[], 'Which events? Give one of STREAM|--all|'],
    [['s', '--all'], 'Give one of STREAM|--all|'],
    [['--category', 'c', '--type', 'T'], 'Give one of STREAM|--all|'],
    [['s', 't'], 'Unexpected argument "t"'],
    [['s', '--after', 'x'], '--after takes a version, a position or a time: "x"'],
    [['s', '--from', 'x'], '--from takes start, end, a version, a position or a time: "x"'],
    [['s', '--from', '1', '--last', '1'], 'Give one of --after, --from and --last'],
    [['s', '--limit', '0'], '--limit takes a whole number from 1 on'],
    [['s', '--system'], '--system goes with --all'],
    [['--all', '--missing-ok'], '--missing-ok goes with a STREAM'],
    [['--query', '{'], '--query: '],
    [['--query', '[]'], '--query takes an object'],
    [['--all', '--filter-type-pattern', '('], '--filter-type-pattern: Invalid regular expression'],
    [['--all', '--filter-typ', 'x'], 'Unknown option --filter-typ; did you mean --filter-type?'],
  ]
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await eventdb(['tail', ...args, '--store', '/tmp'])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr.startsWith(`eventdb: ${message}`), stderr).toBe(true)
      expect(stderr).toContain('Usage: eventdb tail')
    })
  }
})
