import {
  defineEvents,
  defineProjection,
  type EventStore,
  openEventStore,
  type Projection,
  type RunningProjection,
} from 'eventdb'
import { describe, expect } from 'vitest'
import { eventdb, printed, shop, test } from './eventdb.ts'

type Changed = { type: 'OrderChanged'; data: { number: number } }

interface Seen {
  readonly count: number
  readonly last: number
}

const orders = { kind: 'category', category: 'order' } as const

/** Counts the events of each order, refuses those of some numbers, and writes the others down. */
function counting(refused: readonly number[] = [], version = 1): Projection<Changed, Seen> {
  return defineProjection(defineEvents<Changed>(), {
    name: 'counts',
    version,
    source: orders,
    partitionBy: 'stream',
    initialState: () => ({ count: 0, last: 0 }),
    on: {
      OrderChanged: ({ count }, { data: { number } }, context) => {
        if (refused.includes(number)) throw new RangeError(`not ${number}`)
        context.emit('notes', { type: 'Noted', data: { number } })
        return { count: count + 1, last: number }
      },
    },
  })
}

/** Runs an action of `eventdb projections` that must not fail. Returns what it prints. */
function admin(action: string, store: string, ...args: readonly string[]) {
  return printed(['projections', action, ...args, '--store', store])
}

/** Runs the projection of some events to their end, and closes the store. */
async function ranOver(folder: string, events: number): Promise<string> {
  const path = await shop(folder, events)
  await using store = await openEventStore(path)
  await using projection = await store.project(counting())
  await caughtUp(store, projection)
  return path
}

async function caughtUp(store: EventStore, projection: RunningProjection<unknown>): Promise<void> {
  const [last] = await store.category('order').read({ direction: 'backwards', limit: 1 }).toArray()
  await projection.waitFor(last!.position)
}

describe('eventdb projections', () => {
  test('list lists them, and status says how one is', async ({ folder }) => {
    const empty = await shop(folder, 14)
    expect(await admin('list', empty)).toEqual([])
    const store = await ranOver(folder, 14)
    expect(await admin('list', store)).toEqual([
      { projection: 'counts', version: 1, source: orders, state: 'idle' },
    ])
    const [last] = await printed([
      'query',
      '--category',
      'order',
      '--backwards',
      '--limit',
      '1',
      '--store',
      store,
    ])
    const [status] = await admin('status', store, 'counts')
    expect(status).toMatchObject({
      ...{ projection: 'counts', source: orders, version: 1, state: 'idle', lag: 0, isLagExact: true },
      ...{ handled: 14, skipped: 0 },
    })
    expect(BigInt(status!.position as string) >= BigInt(last!.position as string)).toBe(true)
    expect(status).not.toHaveProperty('fault')
    expect(status).not.toHaveProperty('building')
  })

  test('status tells of the leader while another process runs it', async ({ folder }) => {
    const path = await shop(folder, 3)
    await using store = await openEventStore(path)
    await using projection = await store.project(counting())
    await caughtUp(store, projection)
    const [status] = await admin('status', path, 'counts')
    expect(status).toMatchObject({ state: 'live', leader: { process: expect.any(String) } })
    expect(await admin('list', path)).toMatchObject([{ state: 'running' }])
  })

  test('state prints one partition, all, or those that begin with a text', async ({ folder }) => {
    const store = await ranOver(folder, 9)
    expect(await admin('state', store, 'counts', 'order-1')).toEqual([{ count: 2, last: 8 }])
    const all = await admin('state', store, 'counts')
    expect(all).toHaveLength(7)
    expect(all.slice(0, 3)).toEqual([
      { partition: 'order-0', state: { count: 1, last: 7 } },
      { partition: 'order-1', state: { count: 2, last: 8 } },
      { partition: 'order-2', state: { count: 2, last: 9 } },
    ])
    expect(await admin('state', store, 'counts', '--prefix', 'order-2')).toEqual([all[2]])
    expect(await admin('state', store, 'counts', '--limit', '2')).toEqual(all.slice(0, 2))
    expect(await admin('state', store, 'counts', '--prefix', 'x')).toEqual([])
    const none = await eventdb(['projections', 'state', 'counts', 'order-9', '--store', store])
    expect(none).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^eventdb: The projection "counts" has no partition "order-9"\nhint: /),
    })
  })

  test('state prints the only partition by its empty name, and bytes as base64', async ({ folder }) => {
    const path = await shop(folder, 2)
    const bytes = defineProjection({
      name: 'bytes',
      source: orders,
      initialState: (): Uint8Array => new Uint8Array(),
      encode: (state) => state,
      decode: (encoded: Uint8Array) => encoded,
      any: (state) => Uint8Array.of(...state, state.length + 1),
    })
    await using store = await openEventStore(path)
    await using projection = await store.project(bytes)
    await caughtUp(store, projection)
    expect(await admin('state', path, 'bytes', '')).toEqual([{ $base64: 'AQI=' }])
    expect(await admin('state', path, 'bytes')).toEqual([{ partition: '', state: { $base64: 'AQI=' } }])
  })

  test('pause and resume say what it is afterwards', async ({ folder }) => {
    const store = await ranOver(folder, 3)
    expect(await admin('pause', store, 'counts')).toEqual([{ projection: 'counts', state: 'paused' }])
    expect(await admin('list', store)).toMatchObject([{ state: 'paused' }])
    expect(await admin('resume', store, 'counts')).toEqual([{ projection: 'counts', state: 'idle' }])
    expect(await admin('list', store)).toMatchObject([{ state: 'idle' }])
  })

  test('status tells what a projection stopped at, and skip moves past it', async ({ folder }) => {
    const path = await shop(folder, 5)
    await using store = await openEventStore(path)
    const faulted = withResolvers()
    await using projection = await store.project(counting([3]), { onFault: () => faulted.resolve() })
    await faulted.promise
    const [status] = await admin('status', path, 'counts')
    const [third] = await printed(['read', 'order-3', '--limit', '1', '--store', path])
    const event = { streamId: 'order-3', version: 1, type: 'OrderChanged', position: third!.position }
    expect(status).toMatchObject({
      ...{ state: 'faulted', handled: 2, lag: 3 },
      fault: { event, partition: 'order-3', error: { name: 'RangeError', message: 'not 3' } },
    })
    const other = await eventdb(['projections', 'skip', 'counts', '--position', '1', '--store', path])
    expect(other).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('at position 1') })
    const skipped = await admin('skip', path, 'counts', '--position', String(third!.position))
    expect(skipped).toMatchObject([{ projection: 'counts', skipped: { event, error: { message: 'not 3' } } }])
    await caughtUp(store, projection)
    expect(await admin('status', path, 'counts')).toMatchObject([{ state: 'live', handled: 4, skipped: 1 }])
    const again = await eventdb(['projections', 'skip', 'counts', '--store', path])
    expect(again).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('hint: eventdb projections'),
    })
  })

  test('skip --building moves on the copy that is being built', async ({ folder }) => {
    const path = await ranOver(folder, 5)
    await using store = await openEventStore(path)
    const faulted = withResolvers()
    await using _ = await store.project(counting([3], 2), { onFault: () => faulted.resolve() })
    await faulted.promise
    const [status] = await admin('status', path, 'counts')
    expect(status).toMatchObject({ version: 1, building: { version: 2, state: 'faulted' } })
    expect(await eventdb(['projections', 'skip', 'counts', '--store', path])).toMatchObject({ code: 1 })
    expect(await admin('skip', path, 'counts', '--building')).toMatchObject([
      { skipped: { event: { streamId: 'order-3' } } },
    ])
  })

  test('reset begins again from nothing, or from a place or a time', async ({ folder }) => {
    const path = await ranOver(folder, 9)
    expect(await admin('reset', path, 'counts')).toMatchObject([{ state: 'idle', handled: 0, lag: 9 }])
    expect(await admin('state', path, 'counts')).toEqual([])
    const events = await printed(['query', '--category', 'order', '--store', path])
    const from = String(events[6]!.position)
    expect(await admin('reset', path, 'counts', '--from', from)).toMatchObject([{ lag: 3 }])
    expect(await admin('reset', path, 'counts', '--from', '2000-01-01')).toMatchObject([{ lag: 9 }])
    await using store = await openEventStore(path)
    await using projection = await store.project(counting())
    await caughtUp(store, projection)
    expect(await admin('state', path, 'counts', 'order-1')).toEqual([{ count: 2, last: 8 }])
    expect(await printed(['read', 'notes', '--store', path])).toHaveLength(9)
  })

  test('a projection of a stream begins again at a version', async ({ folder }) => {
    const path = await shop(folder, 28)
    const ofOne = defineProjection({
      name: 'one',
      source: { kind: 'stream', streamId: 'order-3' },
      initialState: () => 0,
      any: (count) => count + 1,
    })
    await using store = await openEventStore(path)
    await using projection = await store.project(ofOne)
    await caughtUp(store, projection)
    await projection.close()
    expect(await admin('status', path, 'one')).toMatchObject([{ streamVersion: 4, lag: 0 }])
    expect(await admin('reset', path, 'one', '--from', '3')).toMatchObject([{ streamVersion: 2, lag: 2 }])
  })

  test('rebuild makes a copy beside the one that answers', async ({ folder }) => {
    const path = await ranOver(folder, 9)
    const [status] = await admin('rebuild', path, 'counts')
    expect(status).toMatchObject({ handled: 9, lag: 0, building: { version: 1, handled: 0, lag: 9 } })
    expect(await admin('state', path, 'counts', 'order-1')).toEqual([{ count: 2, last: 8 }])
    const again = await eventdb(['projections', 'rebuild', 'counts', '--store', path])
    expect(again).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/being built.*\nhint: /),
    })
  })

  test('delete removes it, and with --emitted-streams what it has written', async ({ folder }) => {
    const path = await ranOver(folder, 3)
    expect(await admin('delete', path, 'counts')).toEqual([{ projection: 'counts', state: 'deleted' }])
    expect(await admin('list', path)).toEqual([])
    expect(await printed(['read', 'notes', '--store', path])).toHaveLength(3)
    expect((await eventdb(['projections', 'delete', 'counts', '--store', path])).code).toBe(1)
    {
      await using store = await openEventStore(path)
      await using projection = await store.project(counting())
      await caughtUp(store, projection)
    }
    await admin('delete', path, 'counts', '--emitted-streams')
    expect(await printed(['streams', '--prefix', 'notes', '--deleted', '--store', path])).toMatchObject([
      { stream: 'notes', state: 'deleted' },
    ])
  })

  test('a misspelt name is recognised', async ({ folder }) => {
    const store = await ranOver(folder, 1)
    for (const action of ['status', 'state', 'pause', 'resume', 'skip', 'reset', 'rebuild', 'delete']) {
      expect(await eventdb(['projections', action, 'cuonts', '--store', store]), action).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'eventdb: There is no projection "cuonts"; did you mean counts?\nhint: eventdb projections list shows those that there are\n',
      })
    }
  })

  test('prints for people on a terminal', async ({ folder }) => {
    const path = await shop(folder, 4)
    await using store = await openEventStore(path)
    const faulted = withResolvers()
    await using projection = await store.project(counting([3]), { onFault: () => faulted.resolve() })
    await faulted.promise
    await projection.close()
    const show = async (...args: string[]) => {
      const options = { columns: 100, env: { NO_COLOR: '1' } }
      return (await eventdb(['projections', ...args, '--store', path], options)).stdout
    }
    expect(await show('list')).toBe(
      'state    version  building  projection  source\nfaulted        1            counts      category order\n',
    )
    const status = await show('status', 'counts')
    expect(status).toMatch(
      /^projection {3}counts\nsource {7}category order\nversion {6}1\nstate {8}faulted\n/,
    )
    expect(status).toMatch(/\nlag {10}2 events\n/)
    expect(status).toMatch(
      /\nfault {8}RangeError: not 3\nfault at {5}order-3 1 OrderChanged, at position \d+; partition order-3\n/,
    )
    expect(status).toMatch(/\ntried {8}1 time since [\d-]+ [\d:]+ UTC\n/)
    expect(status).toMatch(/\nbuilding {5}–\n$/)
    expect(await show('state', 'counts')).toBe(
      'partition  state\norder-1    {"count":1,"last":1}\norder-2    {"count":1,"last":2}\n',
    )
    expect(await show('state', 'counts', 'order-1')).toBe('{\n  "count": 1,\n  "last": 1\n}\n')
    expect(await show('skip', 'counts')).toMatch(
      /^Skipped order-3 1 OrderChanged, at position \d+; partition order-3: RangeError: not 3\n$/,
    )
    expect(await show('rebuild', 'counts')).toMatch(/\nbuilding version {4}1\nbuilding state {6}idle\n/)
    expect(await show('pause', 'counts')).toBe('counts  paused\n')
    expect(await show('delete', 'counts')).toBe('counts  deleted\n')
  })

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[], 'Which action? One of list, status,'],
    [['lst'], 'Unknown action "lst"; did you mean list?'],
    [['everything'], 'Unknown action "everything"; there are list, status,'],
    [['list', 'x'], 'Unexpected argument "x"'],
    [['status'], 'NAME is missing: eventdb projections list shows the names'],
    [['status', 'x', 'y'], 'Unexpected argument "y"'],
    [['state', 'x', 'y', 'z'], 'Unexpected argument "z"'],
    [['state', 'x', 'y', '--prefix', 'z'], 'Give either a PARTITION, or --prefix and --limit'],
    [['state', 'x', '--limit', '-1'], '--limit takes a whole number from 0 on, not "-1"'],
    [['reset', 'x', '--from', 'y'], '--from takes a version, a position or a time'],
    [['skip', 'x', '--position', 'y'], '--position takes a position, not "y"'],
    [['delete', 'x', '--emited-streams'], 'Unknown option --emited-streams; did you mean --emitted-streams?'],
  ]
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await eventdb(['projections', ...args, '--store', '/tmp'])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr.startsWith(`eventdb: ${message}`), stderr).toBe(true)
      expect(stderr).toContain('Usage: eventdb projections')
    })
  }
})

/** Something to wait for. */
function withResolvers(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve: () => resolve() }
}
