import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type {
  GroupSettings,
  PersistentOptions,
  ResolvedGroupSettings,
} from '../../store/contract-subscribing.ts'
import { consume, QUICK, waitUntil, waitUntilDone } from './group-consumers.ts'
import { failureOf, refuses, type StoreLaws } from './laws.ts'

const DEFAULTS: ResolvedGroupSettings = {
  messageTimeoutMs: 30_000,
  maxRetryCount: 10,
  retryBackoff: { initialMs: 1_000, maxMs: 60_000 },
  checkpointAfterMs: 2_000,
  checkpointLowerBound: 10,
  checkpointUpperBound: 1_000,
  bufferSize: 100,
  maxConsumers: null,
  strategy: 'round-robin',
  parkMode: 'sequence',
  filter: null,
  resolveLinks: true,
  system: false,
}

/** Values that each setting can have. */
const GOOD: readonly GroupSettings[] = [
  { messageTimeoutMs: 1_000 },
  { messageTimeoutMs: 3_600_000 },
  { maxRetryCount: 0 },
  { maxRetryCount: 1_000 },
  { retryBackoff: { initialMs: 5, maxMs: 5 } },
  { checkpointAfterMs: 10 },
  { checkpointLowerBound: 1 },
  { checkpointUpperBound: 500 },
  { checkpointLowerBound: 20, checkpointUpperBound: 20 },
  { bufferSize: 1 },
  { bufferSize: 2_000 },
  { maxConsumers: 1 },
  { strategy: 'dispatch-to-single' },
  { strategy: 'pinned' },
  { strategy: 'pinned', parkMode: 'single' },
  { strategy: 'pinned-by-correlation' },
  { strategy: 'round-robin' },
  { resolveLinks: false },
]

const NO_COUNTS: readonly unknown[] = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 5n, {}]

/** Values that settings cannot have, by the name that the error must tell. */
const BAD: Readonly<Record<string, readonly unknown[]>> = {
  messageTimeoutMs: [...NO_COUNTS, 0],
  maxRetryCount: NO_COUNTS,
  retryBackoff: [
    5,
    'fast',
    null,
    { initialMs: -1 },
    { maxMs: 'x' },
    { initialMs: Number.NaN },
    { factor: 2 },
  ],
  checkpointAfterMs: NO_COUNTS,
  checkpointLowerBound: NO_COUNTS,
  checkpointUpperBound: [...NO_COUNTS, 0],
  bufferSize: [...NO_COUNTS, 0, 2_001],
  maxConsumers: [-1, 0, 1.5, Number.NaN, '5', 5n, {}],
  strategy: ['random', '', null, 1, 'PINNED', 'toString'],
  parkMode: ['all', null, 1],
  resolveLinks: [1, 'true', null],
  filter: [
    5,
    'A',
    { types: 'A' },
    { types: [''] },
    { types: [1] },
    { typePattern: '(' },
    { typePattern: 5 },
    { streamPrefixes: 's' },
    { streamPattern: '[' },
    { tags: 'x' },
    { tags: [''] },
    { where: () => true },
    { kinds: ['A'] },
  ],
}

/** What groups can be told about how they deliver. */
export function groupSettingLaws({ law, simulatedLaw }: StoreLaws): void {
  law('a group that is told nothing has the settings of the page', async ({ store }) => {
    for (const options of [undefined, {}, { maxConsumers: undefined, filter: undefined }]) {
      const group = await store.all.createSubscription('g', options)
      assert.deepEqual((await group.info()).settings, DEFAULTS)
      await group.delete()
    }
  })

  law('each setting is kept as it was given, and can be changed alone', async ({ store }) => {
    for (const settings of GOOD) {
      const group = await store.all.createSubscription('g', settings)
      assert.deepEqual((await group.info()).settings, { ...DEFAULTS, ...settings })
      await group.delete()
      const other = await store.all.createSubscription('g')
      await other.update(settings)
      assert.deepEqual((await other.info()).settings, { ...DEFAULTS, ...settings })
      await other.delete()
    }
  })

  law('maxConsumers can be unlimited again', async ({ store }) => {
    const group = await store.all.createSubscription('g', { maxConsumers: 1 })
    await group.update({ maxConsumers: Number.POSITIVE_INFINITY })
    assert.equal((await group.info()).settings.maxConsumers, null)
  })

  law('a part of retryBackoff leaves the other part as it was', async ({ store }) => {
    const group = await store.all.createSubscription('g', { retryBackoff: { initialMs: 10 } })
    assert.deepEqual((await group.info()).settings.retryBackoff, { initialMs: 10, maxMs: 60_000 })
    await group.update({ retryBackoff: { maxMs: 90 } })
    assert.deepEqual((await group.info()).settings.retryBackoff, { initialMs: 10, maxMs: 90 })
  })

  law('each bad setting is refused by its name', async ({ store }) => {
    const group = await store.all.createSubscription('g')
    for (const [name, values] of Object.entries(BAD)) {
      for (const value of values) {
        const settings = { [name]: value } as GroupSettings
        const what = `${name}: ${describe(value)}`
        const error = await refuses(
          store,
          'invalid-argument',
          () => store.all.createSubscription('h', settings),
          what,
        )
        assert.ok(mentions(error, name, value), `${what}: ${error.message}`)
        await refuses(store, 'invalid-argument', () => group.update(settings), `update ${what}`)
      }
    }
    assert.deepEqual((await group.info()).settings, DEFAULTS)
    await failureOf('subscription-not-found', () => store.all.subscription('h').info())
  })

  law('options that do not exist are refused by their names', async ({ store }) => {
    const group = await store.all.createSubscription('g')
    const error = await refuses(store, 'invalid-argument', () =>
      store.all.createSubscription('h', { maxRetries: 3 } as GroupSettings),
    )
    assert.match(error.message, /maxRetries/)
    for (const settings of [{ maxRetries: 3 }, { startFrom: 'start' }, { system: true }, 5, null]) {
      await refuses(
        store,
        'invalid-argument',
        () => group.update(settings as GroupSettings),
        describe(settings),
      )
    }
    for (const options of [{ system: 1 }, { mustExist: 'no' }, 5, null, 'start']) {
      const create = (): unknown => store.all.createSubscription('h', options as GroupSettings)
      await refuses(store, 'invalid-argument', create, describe(options))
    }
  })

  law('options of consumers are checked before anything else', async ({ store }) => {
    await store.all.createSubscription('g')
    const handler = (): void => {}
    const bad: readonly (readonly [string, object, unknown?])[] = [
      ...[0, 1_001, 1.5, '5', null, Number.NaN].map(
        (concurrency) => ['concurrency', { concurrency }, handler] as const,
      ),
      ...[0, 2_001, 1.5, '5', null].map((bufferSize) => ['bufferSize', { bufferSize }, handler] as const),
      ['onError', { onError: 5 }, handler],
      ['onEnd', { onEnd: {} }, handler],
      ['signal', { signal: {} }, handler],
      ['filter', { filter: {} }, handler],
      ['from', { from: 'start' }, handler],
      ['handler', {}, 5],
      ['handler', {}, {}],
    ]
    for (const [name, options, handle] of bad) {
      const error = await refuses(
        store,
        'invalid-argument',
        () =>
          store.all.subscribe(
            { type: 'persistent', group: 'g', ...options } as PersistentOptions,
            handle as () => void,
          ),
        name,
      )
      assert.ok(error.message.includes(name), `${name}: ${error.message}`)
    }
    assert.deepEqual((await store.all.subscription('g').info()).consumers, [])
  })

  simulatedLaw('a group delivers what its filter wants, and counts the rest as done', async (scene) => {
    const { store, runtime } = scene
    await fillColours(store)
    const last = (await store.all.read().last())!.position
    for (const [name, filter, expected] of FILTERS) {
      const group = await store.all.createSubscription(name, { ...QUICK, filter })
      assert.equal((await group.info()).lag, expected.length, name)
      const consumer = await consume(store.all, name)
      await waitUntilDone(runtime, group)
      assert.deepEqual(consumer.data, expected, name)
      await waitUntil(runtime, 'it has passed all', async () => (await group.info()).checkpoint === last)
      await consumer.close()
    }
  })

  law('patterns of a filter are kept with their flags', async ({ store }) => {
    const group = await store.all.createSubscription('g', {
      filter: { typePattern: /^a/gi, streamPattern: '^s-\\d$' },
    })
    const { filter } = (await group.info()).settings
    assert.deepEqual(filter!.typePattern, { source: '^a', flags: 'i' })
    assert.equal(filter!.streamPattern!.source, '^s-\\d$')
  })
}

const FILTERS: readonly (readonly [string, GroupSettings['filter'], number[]])[] = [
  ['types', { types: ['Red', 'Blue'] }, [1, 2, 5]],
  ['typePattern', { typePattern: /^(red|green)$/i }, [1, 3, 5]],
  ['typePattern as text', { typePattern: '^R' }, [1, 5]],
  ['streamPrefixes', { streamPrefixes: ['b-', 'c-'] }, [2, 4]],
  ['streamPattern', { streamPattern: '-2$' }, [3, 4]],
  ['tags', { tags: ['x', 'y'] }, [2]],
  ['several', { types: ['Red'], tags: ['x'] }, [5]],
  ['nothing', { types: ['None'] }, []],
  ['no condition', {}, [1, 2, 3, 4, 5]],
]

async function fillColours(store: EventStore): Promise<void> {
  const appends = [
    { streamId: 'a-1', events: { type: 'Red', data: 1 } },
    { streamId: 'b-1', events: { type: 'Blue', data: 2, tags: ['x', 'y'] } },
    { streamId: 'a-2', events: { type: 'Green', data: 3, tags: ['y'] } },
    { streamId: 'c-2', events: { type: 'Grey', data: 4 } },
    { streamId: 'a-1', events: { type: 'Red', data: 5, tags: ['x'] } },
  ]
  for (const { streamId, events } of appends) await store.stream(streamId).append(events)
}

/** Whether an error tells which setting was wrong: the setting, or the part of it. */
function mentions({ message }: Error, name: string, value: unknown): boolean {
  const parts = typeof value === 'object' && value !== null ? Object.keys(value) : []
  return [name, ...parts].some((part) => message.includes(part))
}

function describe(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
}
