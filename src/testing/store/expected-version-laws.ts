import assert from 'node:assert/strict'
import { WrongExpectedVersionError } from '../../errors.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ExpectedVersion } from '../../store/contract-appending.ts'
import type { StreamState } from '../../store/contract-streams.ts'
import { counted, dataIn, failureOf, refuses, type StoreLaws } from './laws.ts'

/** How a stream can come to be what it is, and what that is. */
export interface Origin {
  readonly state: StreamState
  readonly version: number
  /** The data that can be read. */
  readonly data: readonly number[]
  make(store: EventStore, id: string): Promise<unknown>
}

/** Every state that a stream can be in. */
export const ORIGINS: Readonly<Record<string, Origin>> = {
  'a stream that never existed': { state: 'none', version: 0, data: [], make: async () => {} },
  'a stream that was only created': {
    state: 'live',
    version: 0,
    data: [],
    make: (store, id) => store.createStream(id),
  },
  'a stream that has only metadata': {
    state: 'live',
    version: 0,
    data: [],
    make: (store, id) => store.stream(id).setMetadata({ owner: 'me' }),
  },
  'a live stream at version 3': {
    state: 'live',
    version: 3,
    data: [1, 2, 3],
    make: (store, id) => store.stream(id).append(counted(3)),
  },
  'a live stream at version 1 that was created first': {
    state: 'live',
    version: 1,
    data: [1],
    make: async (store, id) => (await store.createStream(id)).append(counted(1)),
  },
  'a stream that was deleted at version 3': {
    state: 'deleted',
    version: 3,
    data: [],
    make: (store, id) => makeDeleted(store, id, 3),
  },
  'a stream that was deleted at version 3 and scavenged': {
    state: 'deleted',
    version: 3,
    data: [],
    make: async (store, id) => {
      await makeDeleted(store, id, 3)
      await store.scavenge()
    },
  },
  'a stream that was created and deleted': {
    state: 'deleted',
    version: 0,
    data: [],
    make: async (store, id) => (await store.createStream(id)).delete(),
  },
  'a stream that was deleted at version 3 and revived': {
    state: 'live',
    version: 4,
    data: [9],
    make: async (store, id) => {
      await makeDeleted(store, id, 3)
      await store.stream(id).append(counted(1, 9))
    },
  },
  'a stream that was deleted at version 3 and restored': {
    state: 'live',
    version: 3,
    data: [1, 2, 3],
    make: async (store, id) => {
      await makeDeleted(store, id, 3)
      await store.stream(id).restore()
    },
  },
  'a stream that was created, deleted and revived': {
    state: 'live',
    version: 1,
    data: [9],
    make: async (store, id) => {
      await (await store.createStream(id)).delete()
      await store.stream(id).append(counted(1, 9))
    },
  },
  'a stream that is truncated to nothing at version 3': {
    state: 'live',
    version: 3,
    data: [],
    make: async (store, id) => {
      await store.stream(id).append(counted(3))
      await store.stream(id).truncateBefore(4)
    },
  },
  'a stream that was tombstoned at version 3': {
    state: 'tombstoned',
    version: 3,
    data: [],
    make: async (store, id) => {
      await store.stream(id).append(counted(3))
      await store.stream(id).tombstone()
    },
  },
  'a stream that was created and tombstoned': {
    state: 'tombstoned',
    version: 0,
    data: [],
    make: async (store, id) => (await store.createStream(id)).tombstone(),
  },
}

async function makeDeleted(store: EventStore, id: string, version: number): Promise<void> {
  await store.stream(id).append(counted(version))
  await store.stream(id).delete()
}

/** The table of SEMANTICS.md, column by column: whether an expectation holds. */
export const HOLDS: Readonly<Record<StreamState, (expected: ExpectedVersion, version: number) => boolean>> = {
  none: (expected) => ['any', 'no-stream', 0].includes(expected),
  live: (expected, version) => ['any', 'stream-exists', version].includes(expected),
  deleted: (expected, version) => ['any', 'no-stream', 'deleted', version].includes(expected),
  tombstoned: () => false,
}

/** Every form of an expected version, and numbers around those that streams are at. */
export const EXPECTATIONS: readonly ExpectedVersion[] = [
  'any',
  'no-stream',
  'stream-exists',
  'deleted',
  0,
  1,
  3,
  4,
  Number.MAX_SAFE_INTEGER,
]

const SOME_EXPECTATIONS: readonly ExpectedVersion[] = ['no-stream', 'stream-exists', 'deleted', 3]

/** The table of expected versions in SEMANTICS.md. */
export function expectedVersionLaws({ law }: StoreLaws): void {
  for (const [name, origin] of Object.entries(ORIGINS)) {
    for (const [caller, append] of Object.entries(CALLERS)) {
      law(`${caller} expects of ${name} what the table says`, async ({ store }) => {
        for (const expected of EXPECTATIONS) {
          const id = `s-${expected}`
          await origin.make(store, id)
          await assertJudged(store, id, origin, expected, append)
        }
      })
    }
  }

  law(
    'append() expects what the table says of streams that were made before the store was opened',
    async ({ store, reopen }) => {
      const ids = Object.keys(ORIGINS).map((_, at) => `s${at}`)
      for (const [at, { make }] of Object.values(ORIGINS).entries())
        for (const expected of SOME_EXPECTATIONS) await make(store, `${ids[at]}-${expected}`)
      const again = await reopen()
      for (const [at, origin] of Object.values(ORIGINS).entries())
        for (const expected of SOME_EXPECTATIONS)
          await assertJudged(again, `${ids[at]}-${expected}`, origin, expected, CALLERS['stream.append()']!)
    },
    { needs: 'reopen' },
  )

  law('append() expects any version unless told otherwise', async ({ store }) => {
    for (const version of [1, 2, 3]) {
      const { lastVersion } = await store.stream('s').append({ type: 'A' })
      assert.equal(lastVersion, version)
    }
  })

  law('append() refuses what is no expected version', async ({ store }) => {
    for (const expected of [-1, 1.5, Number.NaN, 2 ** 60, 'none', 'Deleted', '', '3', null, 3n, {}]) {
      const expectedVersion = expected as ExpectedVersion
      for (const [caller, append] of Object.entries(CALLERS)) {
        await refuses(
          store,
          'invalid-argument',
          () => append(store, 's', expectedVersion),
          `${caller} ${String(expected)}`,
        )
      }
      await refuses(store, 'invalid-argument', () =>
        store.append([{ streamId: 's', events: [] }], { conditions: [{ streamId: 't', expectedVersion }] }),
      )
    }
  })

  law(
    'WrongExpectedVersionError says what was expected, what is, and whether the stream exists',
    async ({ store }) => {
      await store.stream('live').append(counted(2))
      const error = await failureOf('wrong-expected-version', () =>
        store.stream('live').append({ type: 'A' }, { expectedVersion: 7 }),
      )
      assert.ok(error instanceof WrongExpectedVersionError)
      assert.deepEqual([error.expected, error.actual, error.retryable], [7, 2, false])
      assert.deepEqual(error.details, {
        violations: [{ kind: 'stream', streamId: 'live', expected: 7, actual: 2, state: 'live' }],
      })
      assert.match(error.message, /live.*version 7.*version 2/)
    },
  )
}

/** Appends one event if a stream is as expected: to that stream, unless it is only a condition. */
type Append = (store: EventStore, id: string, expectedVersion: ExpectedVersion) => Promise<unknown>

const NEW = { type: 'A', data: 'new' }

/** Every way to append one event with an expected version. */
const CALLERS: Readonly<Record<string, Append>> = {
  'stream.append()': (store, id, expectedVersion) => store.stream(id).append(NEW, { expectedVersion }),
  'store.append()': (store, streamId, expectedVersion) =>
    store.append([
      { streamId: 'other', events: [] },
      { streamId, events: NEW, expectedVersion },
    ]),
  'tx.stream.append()': (store, id, expectedVersion) =>
    store.transact((tx) => tx.stream(id).append(NEW, { expectedVersion })),
  'tx.append()': (store, streamId, expectedVersion) =>
    store.transact((tx) => tx.append([{ streamId, events: NEW, expectedVersion }])),
  'a condition of store.append()': (store, streamId, expectedVersion) =>
    store.append([{ streamId: 'other', events: NEW }], { conditions: [{ streamId, expectedVersion }] }),
  'a condition of tx.append()': (store, streamId, expectedVersion) =>
    store.transact((tx) =>
      tx.append([{ streamId: 'other', events: NEW }], { conditions: [{ streamId, expectedVersion }] }),
    ),
}

async function assertJudged(
  store: EventStore,
  id: string,
  { state, version, data }: Origin,
  expected: ExpectedVersion,
  append: Append,
): Promise<void> {
  if (!HOLDS[state](expected, version)) {
    const error = await refuses(store, 'wrong-expected-version', () => append(store, id, expected), id)
    assert.deepEqual(error.details, {
      violations: [{ kind: 'stream', streamId: id, expected, actual: version, state }],
    })
    return
  }
  const before = (await store.all.read({ system: true }).toArray()).length
  await append(store, id, expected)
  const after = await store.all.read({ system: true }).toArray()
  assert.equal(after.length, before + 1, `${id}: one event, and nothing of its system stream`)
  const { streamId, version: at, data: appended } = after.at(-1)!
  assert.equal(appended, 'new')
  if (streamId !== id) return
  assert.equal(at, version + 1, id)
  assert.deepEqual(await dataIn(store, id), [...data, 'new'], id)
}
