import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { ExpectedVersion } from '../../store/contract-appending.ts'
import type { Stream } from '../../store/contract-streams.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import type { EventShape } from '../../store/event.ts'
import { EXPECTATIONS, HOLDS, ORIGINS, type Origin } from './expected-version-laws.ts'
import { counted, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import type { Sighted } from './sights.ts'

type AnyStream = Stream<EventShape, unknown, unknown>
type Change = (stream: AnyStream) => Promise<unknown>

const CHANGES: Readonly<Record<string, Change>> = {
  'setMetadata()': (stream) => stream.setMetadata({ a: 1 }),
  'setRetention()': (stream) => stream.setRetention({ maxCount: 1 }),
  'truncateBefore()': (stream) => stream.truncateBefore(1),
  'delete()': (stream) => stream.delete(),
  'restore()': (stream) => stream.restore(),
  'tombstone()': (stream) => stream.tombstone(),
}

/** What is refused to a stream of each state; what is not there is done. */
const REFUSED: Readonly<Record<Origin['state'], Readonly<Record<string, string>>>> = {
  none: {
    'truncateBefore()': 'stream-not-found',
    'delete()': 'stream-not-found',
    'restore()': 'stream-not-found',
    'tombstone()': 'stream-not-found',
  },
  live: { 'restore()': 'stream-not-restorable' },
  deleted: {},
  tombstoned: {
    'setMetadata()': 'stream-tombstoned',
    'setRetention()': 'stream-tombstoned',
    'truncateBefore()': 'stream-tombstoned',
    'delete()': 'stream-tombstoned',
    'restore()': 'stream-tombstoned',
  },
}

const SCAVENGED = 'a stream that was deleted at version 3 and scavenged'

/** Which state streams are in, what is known of them, and what that allows. */
export function streamStateLaws({ law }: StoreLaws): void {
  for (const [name, origin] of Object.entries(ORIGINS)) {
    law(`exists(), info() and streams() say what ${name} is`, async ({ store }) => {
      await origin.make(store, 's')
      await assertState(store, origin)
    })

    law(`createStream() and what changes a stream do to ${name} what its state allows`, async ({ store }) => {
      for (const [change, make] of Object.entries(CHANGES)) {
        const id = `s ${change}`
        await origin.make(store, id)
        const refused =
          name === SCAVENGED && change === 'restore()'
            ? 'stream-not-restorable'
            : REFUSED[origin.state][change]
        const [outside, inside] = [
          () => make(store.stream(id)),
          () => store.transact((tx) => make(tx.stream(id))),
        ]
        if (refused === undefined) await outside()
        else for (const call of [outside, inside]) await refuses(store, refused, call, change)
      }
      await origin.make(store, 's')
      await assertCreatable(store, origin)
    })

    law(`delete() and tombstone() expect of ${name} what the table says`, async ({ store }) => {
      for (const change of ['delete', 'tombstone'] as const) {
        for (const expected of EXPECTATIONS) {
          const id = `${change} ${expected}`
          await origin.make(store, id)
          await assertJudged(store, id, origin, expected, change)
        }
      }
    })
  }

  law('restore() says why not', async ({ store }) => {
    const make = (name: string, id: string): Promise<unknown> => ORIGINS[name]!.make(store, id)
    await make('a live stream at version 3', 'live')
    await make(SCAVENGED, 'scavenged')
    await make('a stream that was deleted at version 3 and revived', 'revived')
    for (const [streamId, problem] of Object.entries({
      live: 'not-deleted',
      revived: 'not-deleted',
      scavenged: 'scavenged',
    })) {
      const error = await refuses(store, 'stream-not-restorable', () => store.stream(streamId).restore())
      assert.deepEqual(error.details, { streamId, problem })
    }
  })

  law('a tombstoned stream is never to be used again', async ({ store }) => {
    await store.stream('s').append(counted(2))
    await store.stream('s').snapshots('state').save(2, { n: 2 })
    await store.stream('s').tombstone()
    for (const scavenge of [false, true]) {
      if (scavenge) await store.scavenge()
      const uses: readonly (() => unknown)[] = [
        () => store.createStream('s'),
        () => store.transact((tx) => tx.createStream('s')),
        () => store.stream('s').info(),
        () => store.stream('s').snapshots('state').save(1, { n: 1 }),
        () => store.readTransact((tx) => tx.stream('s').info()),
        () => store.readTransact((tx) => tx.stream('s').read().toArray()),
      ]
      for (const use of uses) await refuses(store, 'stream-tombstoned', use)
      await refuses(store, 'wrong-expected-version', () => store.stream('s').append(counted(1)))
      await refuses(store, 'event-not-found', () =>
        store.stream('links').linkTo({ streamId: 's', version: 1 }),
      )
    }
  })

  law(
    'what happens to a stream is told by events of its system stream, and found in no index',
    async ({ store }) => {
      await store.createStream('s', { metadata: { a: 1 }, maxCount: 10 })
      await store.stream('s').append(counted(4))
      for (const change of [
        (stream: AnyStream) => stream.setMetadata({ b: 2 }),
        (stream: AnyStream) => stream.setRetention({ maxCount: 3, maxAgeMs: 2 ** 40 }),
        (stream: AnyStream) => stream.setRetention({ maxCount: null }),
        (stream: AnyStream) => stream.truncateBefore(3),
        (stream: AnyStream) => stream.delete(),
        (stream: AnyStream) => stream.restore(),
        (stream: AnyStream) => stream.tombstone(),
      ])
        await change(store.stream('s'))
      const told = (await store.all.read({ system: true }).toArray()).filter(
        ({ streamId }) => streamId === '$$s',
      )
      assert.deepEqual(
        told.map(({ type, data }) => [type, data]),
        [
          ['$stream-created', { metadata: { a: 1 }, maxCount: 10 }],
          ['$metadata-changed', { metadata: { b: 2 } }],
          ['$retention-changed', { maxCount: 3, maxAgeMs: 2 ** 40 }],
          ['$retention-changed', { maxCount: null, truncateBefore: 2 }],
          ['$stream-truncated', { truncateBefore: 3 }],
          ['$stream-deleted', { version: 4 }],
          ['$stream-restored', { version: 4 }],
          ['$stream-tombstoned', { version: 4 }],
        ],
      )
      assert.deepEqual(
        (await store.stream('$$s').read().toArray()).map(({ version }) => version),
        numbers(1, 8),
      )
      await assertInNoIndex(
        store,
        told.map(({ type }) => type),
      )
    },
  )

  law('what happens to a stream is not told twice, nor if nothing happens', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(counted(3))
    const told = async (): Promise<number> => (await store.stream('$$s').read().toArray()).length
    const steps: readonly (readonly [() => Promise<unknown>, number])[] = [
      [() => stream.truncateBefore(1), 0],
      [() => stream.truncateBefore(3), 1],
      [() => stream.truncateBefore(3), 1],
      [() => stream.truncateBefore(2), 1],
      [() => stream.delete(), 2],
      [() => stream.delete(), 2],
      [() => stream.delete({ expectedVersion: 'deleted' }), 2],
      [() => stream.delete({ expectedVersion: 3 }), 2],
      [() => stream.tombstone(), 3],
      [() => stream.tombstone(), 3],
      [() => stream.tombstone({ expectedVersion: 77 }), 3],
    ]
    for (const [step, count] of steps) {
      await step()
      assert.equal(await told(), count)
    }
  })

  law('streams and their changes refuse what makes no sense', async ({ store }) => {
    await store.stream('s').append(counted(3))
    const wrong: readonly Change[] = [
      ...[0, -1, 5, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER, '2', null, undefined].map(
        (version): Change =>
          (stream) =>
            stream.truncateBefore(version as number),
      ),
      ...[-1, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n].flatMap((bound): Change[] => [
        (stream) => stream.setRetention({ maxCount: bound as number }),
        (stream) => stream.setRetention({ maxAgeMs: bound as number }),
      ]),
      (stream) => stream.setRetention({ maxcount: 1 } as never),
      ...[-1, 1.5, 'none', null].flatMap((expected): Change[] => [
        (stream) => stream.delete({ expectedVersion: expected as ExpectedVersion }),
        (stream) => stream.tombstone({ expectedVersion: expected as ExpectedVersion }),
      ]),
      (stream) => stream.delete({ version: 1 } as never),
    ]
    for (const change of wrong) {
      await refuses(store, 'invalid-argument', () => change(store.stream('s')), String(change))
      await refuses(store, 'invalid-argument', () => store.transact((tx) => change(tx.stream('s'))))
    }
    await refuses(store, 'invalid-argument', () => store.createStream('t', { maxCount: 0 }))
    await refuses(store, 'invalid-argument', () => store.createStream('t', { owner: 'me' } as never))
  })

  law('transact() whose body catches a change that is refused commits the rest', async ({ store }) => {
    await store.stream('s').append(counted(3))
    await store.transact(async (tx: StoreTransaction) => {
      await failureOf('stream-not-restorable', () => tx.stream('s').restore())
      await failureOf('invalid-argument', () => tx.stream('s').truncateBefore(9))
      await failureOf('wrong-expected-version', () => tx.stream('s').delete({ expectedVersion: 2 }))
      await failureOf('stream-not-found', () => tx.stream('t').delete())
      await tx.stream('s').append(counted(1, 4), { expectedVersion: 3 })
    })
    assert.equal((await store.stream('s').info()).version, 4)
    assert.equal(await store.stream('$$s').exists(), false)
    assert.equal(await store.stream('t').exists(), false)
  })
}

/** What of a store and of its stream `s` there is to know. */
async function assertState(store: EventStore, { state, version, data }: Origin): Promise<void> {
  const { streams, events } = await store.info()
  assert.deepEqual([streams, events], [state === 'live' ? 1 : 0, data.length])
  await assertListed(store, { state, version })
  const firstVersion = version - data.length + 1
  const look = async (reader: Sighted): Promise<void> => {
    const stream = reader.stream('s')
    assert.equal(await stream.exists(), state === 'live')
    if (state === 'none') await failureOf('stream-not-found', () => stream.info())
    else if (state === 'tombstoned') await failureOf('stream-tombstoned', () => stream.info())
    else {
      const { state: found, version: head, firstVersion: first, streamId } = await stream.info()
      assert.deepEqual([streamId, found, head, first], ['s', state, version, firstVersion])
    }
  }
  await look(store)
  await store.readTransact((tx) => look(tx))
  await store.transact((tx) => look(tx))
}

async function assertListed(
  store: EventStore,
  { state, version }: Pick<Origin, 'state' | 'version'>,
): Promise<void> {
  const entries = state === 'none' ? [] : [{ streamId: 's', state, version }]
  for (const deleted of [false, true]) {
    const listed = []
    for await (const { streamId, state, version } of store.streams({ deleted }))
      listed.push({ streamId, state, version })
    assert.deepEqual(listed, deleted || state === 'live' ? entries : [])
  }
}

async function assertCreatable(store: EventStore, { state, version }: Origin): Promise<void> {
  if (state === 'none') return void (await store.createStream('s'))
  const code = state === 'tombstoned' ? 'stream-tombstoned' : 'stream-exists'
  for (const create of [() => store.createStream('s'), () => store.transact((tx) => tx.createStream('s'))]) {
    const { details } = await refuses(store, code, create)
    assert.deepEqual(details, { streamId: 's', ...(state !== 'tombstoned' && { version }) })
  }
}

async function assertJudged(
  store: EventStore,
  id: string,
  { state, version }: Origin,
  expectedVersion: ExpectedVersion,
  change: 'delete' | 'tombstone',
): Promise<void> {
  const call = (): Promise<void> => store.stream(id)[change]({ expectedVersion })
  if (state === 'none') return void (await refuses(store, 'stream-not-found', call, id))
  if (state === 'tombstoned' && change === 'tombstone') return call()
  if (state === 'tombstoned') return void (await refuses(store, 'stream-tombstoned', call, id))
  if (HOLDS[state](expectedVersion, version)) {
    await call()
    assert.equal(await store.stream(id).exists(), false)
    if (change === 'tombstone') await failureOf('stream-tombstoned', () => store.stream(id).info())
    else assert.equal((await store.stream(id).info()).state, 'deleted')
    return
  }
  const { details } = await refuses(store, 'wrong-expected-version', call, id)
  assert.deepEqual(details, {
    violations: [{ kind: 'stream', streamId: id, expected: expectedVersion, actual: version, state }],
  })
}

async function assertInNoIndex(store: EventStore, types: readonly string[]): Promise<void> {
  for (const type of types) {
    assert.deepEqual(await store.eventType(type).read().toArray(), [])
    assert.deepEqual(
      await store
        .query({ items: [{ types: [type] }] })
        .read()
        .toArray(),
      [],
    )
  }
  for (const category of ['$$s', '$', '$$'])
    assert.deepEqual(await store.category(category).read().toArray(), [])
  assert.deepEqual(await store.query({}).read().toArray(), [])
  assert.deepEqual(await store.all.read().toArray(), [])
}
