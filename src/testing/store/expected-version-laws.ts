import assert from 'node:assert/strict'
import { WrongExpectedVersionError } from '../../errors.ts'
import type { EventStore, ExpectedVersion } from '../../store/contract.ts'
import { counted, dataIn, failureOf, refuses, type StoreLaws } from './laws.ts'

/** How a stream can come to be what it is, short of deletion. */
const STATES: Readonly<
  Record<string, { readonly version: number; make(store: EventStore): Promise<unknown> }>
> = {
  'a stream that never existed': { version: 0, make: async () => {} },
  'a stream that was only created': { version: 0, make: (store) => store.createStream('s') },
  'a stream that has only metadata': {
    version: 0,
    make: (store) => store.stream('s').setMetadata({ owner: 'me' }),
  },
  'a live stream at version 3': { version: 3, make: (store) => store.stream('s').append(counted(3)) },
  'a live stream at version 1 that was created first': {
    version: 1,
    make: async (store) => (await store.createStream('s')).append(counted(1)),
  },
}

/** Every form of an expected version, and whether it holds for a stream. */
const EXPECTATIONS: readonly {
  readonly expected: ExpectedVersion
  holds(exists: boolean, version: number): boolean
}[] = [
  { expected: 'any', holds: () => true },
  { expected: 'no-stream', holds: (exists) => !exists },
  { expected: 'stream-exists', holds: (exists) => exists },
  ...[0, 1, 2, 3, 4, Number.MAX_SAFE_INTEGER].map((expected) => ({
    expected,
    holds: (_: boolean, version: number) => expected === version,
  })),
]

/** The table of expected versions in SEMANTICS.md, as far as it needs no deletion. */
export function expectedVersionLaws({ law }: StoreLaws): void {
  for (const [state, { version, make }] of Object.entries(STATES)) {
    const exists = state !== 'a stream that never existed'
    for (const { expected, holds } of EXPECTATIONS) {
      const outcome = holds(exists, version) ? 'succeeds' : 'fails'
      for (const [caller, append] of Object.entries(CALLERS)) {
        law(`${caller} expecting ${expected} ${outcome} on ${state}`, async ({ store }) => {
          await make(store)
          if (outcome === 'succeeds') await succeeds(store, append, expected, version)
          else await fails(store, append, expected, version, exists)
        })
      }
    }
  }

  law('append() expects any version unless told otherwise', async ({ store }) => {
    for (const version of [1, 2, 3]) {
      const { lastVersion } = await store.stream('s').append({ type: 'A' })
      assert.equal(lastVersion, version)
    }
  })

  law('append() refuses what is no expected version', async ({ store }) => {
    for (const expected of [-1, 1.5, Number.NaN, 2 ** 60, 'none', 'deleted', '3', null, 3n, {}]) {
      const expectedVersion = expected as ExpectedVersion
      for (const [caller, append] of Object.entries(CALLERS)) {
        await refuses(
          store,
          'invalid-argument',
          () => append(store, expectedVersion),
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
        violations: [{ streamId: 'live', expected: 7, actual: 2, exists: true }],
      })
      assert.match(error.message, /live.*version 7.*version 2/)
    },
  )
}

type Append = (store: EventStore, expectedVersion: ExpectedVersion) => Promise<{ lastVersion: number }>

/** Every way to append one event with an expected version. */
const CALLERS: Readonly<Record<string, Append>> = {
  'stream.append()': (store, expectedVersion) =>
    store.stream('s').append({ type: 'A', data: 'new' }, { expectedVersion }),
  'store.append()': async (store, expectedVersion) =>
    (await store.append([{ streamId: 's', events: { type: 'A', data: 'new' }, expectedVersion }]))[0]!,
  'tx.stream.append()': (store, expectedVersion) =>
    store.transact((tx) => tx.stream('s').append({ type: 'A', data: 'new' }, { expectedVersion })),
}

async function succeeds(
  store: EventStore,
  append: Append,
  expected: ExpectedVersion,
  version: number,
): Promise<void> {
  assert.equal((await append(store, expected)).lastVersion, version + 1)
  const data = await dataIn(store, 's')
  assert.deepEqual([data.length, data.at(-1)], [version + 1, 'new'])
}

async function fails(
  store: EventStore,
  append: Append,
  expected: ExpectedVersion,
  actual: number,
  exists: boolean,
): Promise<void> {
  const error = await refuses(store, 'wrong-expected-version', () => append(store, expected))
  assert.deepEqual(error.details, { violations: [{ streamId: 's', expected, actual, exists }] })
}
