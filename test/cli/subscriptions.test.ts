import { openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import { eventdb, numbers, printed, shop, test } from './eventdb.ts'

/** Runs an action of `eventdb subscriptions` that must not fail. Returns what it prints. */
async function admin(action: string, store: string, ...args: readonly string[]) {
  return printed(['subscriptions', action, ...args, '--store', store])
}

/** Takes events of a group by a command that ends with an exit code. */
async function consume(store: string, limit: number, command: string, ...args: readonly string[]) {
  const all = [...args, '--limit', `${limit}`, '--exec', command, '--store', store]
  const { code, stdout, stderr } = await eventdb(['consume', '--group', 'g', ...all])
  expect(code, stderr).toBe(0)
  return stdout
}

describe('eventdb subscriptions', () => {
  test('create prints what is known of the group, and list lists it', async ({ folder }) => {
    const store = await shop(folder, 14)
    const [created] = await admin('create', store, 'order-1', '--group', 'g')
    expect(created).toMatchObject({
      ...{ group: 'g', source: { kind: 'stream', streamId: 'order-1' }, state: 'running', lag: 2, head: 2 },
      ...{ inFlight: 0, retrying: 0, parked: 0, consumers: [] },
      settings: { messageTimeoutMs: 30_000, strategy: 'round-robin', filter: null, maxConsumers: null },
    })
    expect(await admin('info', store, 'order-1', '--group', 'g')).toEqual([created])
    await admin('create', store, '--category', 'order', '--group', 'g')
    expect(await admin('list', store)).toEqual(
      expect.arrayContaining([
        { group: 'g', source: { kind: 'stream', streamId: 'order-1' }, state: 'running' },
        { group: 'g', source: { kind: 'category', category: 'order' }, state: 'running' },
      ]),
    )
  })

  test('create takes every setting', async ({ folder }) => {
    const store = await shop(folder, 14)
    const [third] = await printed(['read', 'order-3', '--limit', '1', '--store', store])
    const times = ['--message-timeout', '2m', '--checkpoint-after', '500ms', '--retry-backoff', '2s']
    const counts = ['--max-retry-count', '3', '--buffer-size', '7', '--max-consumers', '2']
    const bounds = ['--checkpoint-lower-bound', '5', '--checkpoint-upper-bound', '50']
    const words = ['--strategy', 'pinned', '--park-mode', 'single', '--no-resolve-links', '--system']
    const patterns = ['--filter-type-pattern', '^O', '--filter-stream-pattern', '[456]$']
    const names = ['--filter-type', 'OrderChanged', '--filter-prefix', 'order-', '--filter-prefix', 'x']
    const [created] = await admin(
      'create',
      store,
      ...['--all', '--group', 'g', '--start-from', String(third!.position), '--retry-backoff-max', '3m'],
      ...[...times, ...counts, ...bounds, ...words, ...patterns, ...names],
    )
    expect(created).toMatchObject({ checkpoint: third!.position, lag: 6, isLagExact: true })
    expect(created!.settings).toEqual({
      ...{ messageTimeoutMs: 120_000, maxRetryCount: 3, bufferSize: 7, maxConsumers: 2 },
      retryBackoff: { initialMs: 2_000, maxMs: 180_000 },
      ...{ checkpointAfterMs: 500, checkpointLowerBound: 5, checkpointUpperBound: 50 },
      ...{ strategy: 'pinned', parkMode: 'single', resolveLinks: false, system: true },
      filter: {
        ...{ types: ['OrderChanged'], typePattern: { source: '^O', flags: 'u' } },
        ...{ streamPrefixes: ['order-', 'x'], streamPattern: { source: '[456]$', flags: 'u' } },
      },
    })
  })

  test('create refuses a second group of the name, and a stream that is not there', async ({ folder }) => {
    const store = await shop(folder, 1)
    const create = (...args: string[]) =>
      eventdb(['subscriptions', 'create', '--group', 'g', ...args, '--store', store])
    expect((await create('order-1')).code).toBe(0)
    const second = await create('order-1')
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toMatch(/^eventdb: There is a subscription "g" to .*order-1.* already\n$/)
    expect((await create('order-2')).stderr).toBe('eventdb: Stream "order-2" does not exist\n')
    expect((await create('order-2', '--missing-ok')).code).toBe(0)
  })

  test('update changes what is named, and nothing else', async ({ folder }) => {
    const store = await shop(folder, 14)
    const given = [
      '--max-consumers',
      '2',
      '--filter-type',
      'T',
      '--no-resolve-links',
      '--retry-backoff',
      '2s',
    ]
    const [created] = await admin('create', store, '--all', '--group', 'g', ...given)
    const [first] = await admin('update', store, '--group', 'g', '--message-timeout', '1m')
    expect(first).toEqual({
      ...created,
      settings: { ...(created!.settings as object), messageTimeoutMs: 60_000 },
    })
    const lifted = ['--max-consumers', 'none', '--no-filter', '--resolve-links']
    const [second] = await admin('update', store, '--group', 'g', ...lifted)
    expect(second).toMatchObject({
      lag: 14,
      settings: { maxConsumers: null, resolveLinks: true, messageTimeoutMs: 60_000 },
    })
    expect(second!.settings).not.toMatchObject({ filter: { types: ['T'] } })
  })

  test('a name is enough where one source has it, and a misspelt one is recognised', async ({ folder }) => {
    const store = await shop(folder, 1)
    await admin('create', store, '--all', '--group', 'billing')
    await admin('create', store, '--all', '--group', 'both')
    await admin('create', store, '--type', 'OrderChanged', '--group', 'both')
    const info = (...args: string[]) => eventdb(['subscriptions', 'info', ...args, '--store', store])
    expect((await info('--group', 'billing')).code).toBe(0)
    expect((await info('--group', 'both', '--type', 'OrderChanged')).code).toBe(0)
    expect(await info('--group', 'biling')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^eventdb: There is no subscription "biling"; did you mean billing\?\nhint: /,
      ),
    })
    const { code, stderr } = await info('--group', 'both')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^eventdb: Several sources have a subscription "both": (all; type|type .*; all)/)
    expect((await info('order-1', '--group', 'billing')).stderr).toMatch(
      /^eventdb: There is no subscription "billing" to .*order-1.*\nhint: eventdb subscriptions list shows/,
    )
  })

  test('a query is the same however its items are given', async ({ folder }) => {
    const store = await shop(folder, 1)
    await admin('create', store, '--type', 'A', '--type', 'B', '--tag', 'x', '--group', 'g')
    const query = '{"items":[{"types":["B","A"],"tags":["x"]}]}'
    expect(await admin('info', store, '--query', query, '--group', 'g')).toMatchObject([
      { source: { kind: 'query', query: { items: [{ types: ['A', 'B'], tags: ['x'] }] } } },
    ])
  })

  test('pause, resume and delete say what the group is afterwards', async ({ folder }) => {
    const store = await shop(folder, 1)
    const group = ['--all', '--group', 'g']
    await admin('create', store, ...group)
    const entry = { group: 'g', source: { kind: 'all' } }
    expect(await admin('pause', store, ...group)).toEqual([{ ...entry, state: 'paused' }])
    expect(await admin('list', store)).toEqual([{ ...entry, state: 'paused' }])
    expect(await admin('resume', store, ...group)).toEqual([{ ...entry, state: 'running' }])
    expect(await admin('list', store)).toEqual([{ ...entry, state: 'running' }])
    expect(await admin('delete', store, ...group)).toEqual([{ ...entry, state: 'deleted' }])
    expect(await admin('list', store)).toEqual([])
    expect((await eventdb(['subscriptions', 'delete', ...group, '--store', store])).code).toBe(1)
  })

  test('reset goes on at another place', async ({ folder }) => {
    const store = await shop(folder, 28)
    await admin('create', store, 'order-3', '--group', 'g', '--start-from', 'end')
    const reset = (to: string) => admin('reset', store, 'order-3', '--group', 'g', '--to', to)
    expect(await reset('1')).toMatchObject([{ checkpoint: 1, lag: 3 }])
    const consumed = await consume(store, 2, 'cat', 'order-3')
    expect(consumed.match(/"number":\d+/g)).toEqual(['"number":10', '"number":17'])
    expect(await reset('2000-01-01')).toMatchObject([{ lag: 4 }])
    expect(await reset('end')).toMatchObject([{ checkpoint: 4, lag: 0 }])
    expect(await reset('start')).toMatchObject([{ lag: 4 }])
  })

  test('parked lists what was set aside; replay brings it back, and skip forgets it', async ({ folder }) => {
    const store = await shop(folder, 21)
    const group = ['order-3', '--group', 'g']
    await admin('create', store, ...group)
    await consume(store, 3, 'echo no use >&2; exit 113', 'order-3')
    const parked = await admin('parked', store, ...group)
    expect(parked).toMatchObject([
      { place: 1, attempts: 1, reason: 'exit code 113: no use', isBehind: false },
      { place: 2, event: { stream: 'order-3', version: 2, data: { number: 10 } } },
      { place: 3 },
    ])
    expect(await admin('parked', store, ...group, '--limit', '1')).toEqual(parked.slice(0, 1))
    expect(await admin('skip', store, ...group, '--place', '2')).toEqual([{ skipped: 1 }])
    expect(await admin('replay', store, ...group, '--place', '3')).toEqual([{ replayed: 1 }])
    expect(await admin('info', store, ...group)).toMatchObject([{ parked: 1, retrying: 1 }])
    expect(await admin('replay', store, ...group, '--all-parked')).toEqual([{ replayed: 1 }])
    const consumed = await consume(store, 2, 'cat', 'order-3')
    expect(consumed.match(/"version":\d/g)!.toSorted()).toEqual(['"version":1', '"version":3'])
    expect(await admin('info', store, ...group)).toMatchObject([{ parked: 0, lag: 0, checkpoint: 3 }])
    const again = ['subscriptions', 'replay', ...group, '--place', '3', '--store', store]
    expect(await eventdb(again)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^eventdb: No event at 3 is parked\nhint: /),
    })
    expect(await admin('skip', store, ...group, '--all-parked')).toEqual([{ skipped: 0 }])
  })

  test('replay of a key brings back all that is parked of it', async ({ folder }) => {
    const store = await shop(folder, 14)
    const group = ['--all', '--group', 'g']
    await admin('create', store, ...group, '--strategy', 'pinned', '--park-mode', 'single')
    await consume(store, 14, 'exit 113')
    const parked = await admin('parked', store, ...group)
    expect(parked.map(({ key }) => key).filter((key) => key === 'order-3')).toHaveLength(2)
    expect(await admin('skip', store, ...group, '--key', 'order-3')).toEqual([{ skipped: 2 }])
    const none = ['subscriptions', 'skip', ...group, '--key', 'order-3', '--store', store]
    expect((await eventdb(none)).stderr).toMatch(/^eventdb: No event with the key "order-3" is parked\n/)
    expect(await admin('info', store, ...group)).toMatchObject([{ parked: 12 }])
  })

  test('prints for people on a terminal', async ({ folder }) => {
    const store = await shop(folder, 2)
    const show = async (...args: string[]) => {
      const options = { columns: 100, env: { NO_COLOR: '1' } }
      return (await eventdb(['subscriptions', ...args, '--store', store], options)).stdout
    }
    const created = await show('create', 'order-1', '--group', 'mail', '--message-timeout', '5m')
    expect(created).toMatch(
      /^group {12}mail\nsource {11}stream order-1\nstate {12}running\ncheckpoint {7}–\n/,
    )
    expect(created).toMatch(/\nlag {14}1 event\n/)
    expect(created).toMatch(/\nmessage timeout {2}5m\n/)
    expect(await show('list')).toBe('state    group  source\nrunning  mail   stream order-1\n')
    expect(await show('pause', '--group', 'mail')).toBe('mail  paused\n')
    await show('resume', '--group', 'mail')
    await eventdb(['consume', '--group', 'mail', '--exec', 'exit 113', '--limit', '1', '--store', store])
    expect(await show('parked', '--group', 'mail')).toMatch(
      /^place {2}parked \(UTC\) {9}attempts {2}stream {3}type {10}reason\n {4}1 {2}[\d-]+ [\d:]+ {9}1 {2}order-1 {2}OrderChanged {2}exit code 113\n$/,
    )
    expect(await show('skip', '--group', 'mail', '--all-parked')).toBe('1 event skipped.\n')
  })

  test('works while another process consumes', async ({ folder }) => {
    const path = await shop(folder, 3)
    await using store = await openEventStore(path)
    await store.all.createSubscription('g')
    const consumer = await store.all.subscribe({ type: 'persistent', group: 'g' })
    expect(await admin('info', path, '--group', 'g')).toMatchObject([{ consumers: [{ consumer: 1 }] }])
    await admin('delete', path, '--group', 'g')
    expect(await consumer.ended).toMatchObject({ reason: 'deleted' })
    expect(await numbers(['read', '--all', '--store', path])).toEqual([1, 2, 3])
  })

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[], 'Which action? One of list, create, info,'],
    [['lst'], 'Unknown action "lst"; did you mean list?'],
    [['everything'], 'Unknown action "everything"; there are list, create,'],
    [['list', 'x'], 'Unexpected argument "x"'],
    [['create', '--all'], '--group is missing'],
    [['create', '--group', 'g'], 'Which events? Give one of STREAM|--all'],
    [['create', 's', '--group', 'g', '--all'], 'Give one of STREAM|--all'],
    [['create', 's', '--group', 'g', '--start-from', 'x'], '--start-from takes start, end, a version,'],
    [['create', 's', '--group', 'g', '--message-timeout', '5'], '--message-timeout: "5" is no duration'],
    [
      ['create', 's', '--group', 'g', '--strategy', 'pined'],
      '--strategy takes round-robin, dispatch-to-single, pinned',
    ],
    [['create', 's', '--group', 'g', '--park-mode', 'x'], '--park-mode takes sequence, single, not "x"'],
    [
      ['create', 's', '--group', 'g', '--max-consumers', 'x'],
      '--max-consumers takes a whole number from 1 on, or none',
    ],
    [['create', 's', '--group', 'g', '--to', 'x'], 'Unknown option --to'],
    [['update', '--group', 'g'], 'What is to be changed?'],
    [['update', '--group', 'g', '--no-filter', '--filter-tag', 'x'], 'Give either --no-filter or --filter-'],
    [['update', '--group', 'g', '--resolve-links', '--no-resolve-links'], 'Give either --resolve-links or'],
    [['reset', '--group', 'g'], '--to is missing'],
    [['reset', '--group', 'g', '--to', 'x'], '--to takes start, end, a version, a position or a time'],
    [['replay', '--group', 'g'], 'Which parked events? Give one of --place P, --key K and --all-parked'],
    [['skip', '--group', 'g', '--key', 'k', '--all-parked'], 'Which parked events? Give one of'],
    [['skip', '--group', 'g', '--place', 'x'], '--place takes a version or a position, not "x"'],
  ]
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await eventdb(['subscriptions', ...args, '--store', '/tmp'])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr.startsWith(`eventdb: ${message}`), stderr).toBe(true)
      expect(stderr).toContain('Usage: eventdb subscriptions')
    })
  }

  test('each action has a help of its own', async () => {
    const [first, second] = await Promise.all([
      eventdb(['subscriptions', 'reset', '--help']),
      eventdb(['help', 'subscriptions', 'reset']),
    ])
    expect(first).toEqual(second)
    expect(first.stdout).toMatch(/^Usage: eventdb subscriptions reset /)
    expect(first.stdout).toContain('--to P')
    expect(first.stdout).not.toContain('--strategy')
  })
})
