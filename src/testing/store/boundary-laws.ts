import assert from 'node:assert/strict'
import { type AppendConditionError, WrongExpectedVersionError } from '../../errors.ts'
import { APPEND_QUERIES_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { AppendCondition, AppendConditions } from '../../store/contract-appending.ts'
import type { Query } from '../../store/contract-query.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import { counted, dataOf, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

const none: Query = { items: [{ types: [], tags: ['none'] }] }
const x: Query = { items: [{ types: [], tags: ['x'] }] }
const y: Query = { items: [{ types: ['A'], tags: ['y'] }] }
const EVENT = { type: 'Out', data: 'out' }

type Appending = Pick<EventStore | StoreTransaction, 'append' | 'stream'>
type Append = (on: Appending, conditions: AppendConditions) => Promise<unknown>

/** The ways to append on a condition. */
const APPENDS: Readonly<
  Record<string, (store: EventStore, conditions: AppendConditions) => Promise<unknown>>
> = {
  'stream.append()': (store, conditions) => one(store, conditions),
  'store.append()': (store, conditions) => several(store, conditions),
  'tx.stream.append()': (store, conditions) => store.transact((tx) => one(tx, conditions)),
  'tx.append()': (store, conditions) => store.transact((tx) => several(tx, conditions)),
  'stream.linkTo()': (store, conditions) =>
    store.stream('out').linkTo({ streamId: 'a-1', version: 1 }, conditions),
}

const one: Append = (on, conditions) => on.stream('out').append(EVENT, conditions)
const several: Append = (on, conditions) =>
  on.append(
    [
      { streamId: 'out', events: EVENT },
      { streamId: 'out-2', events: [EVENT] },
    ],
    conditions,
  )

/** Dynamic Consistency Boundaries: `failIfEventsMatch`. */
export function boundaryLaws(laws: StoreLaws): void {
  for (const [name, append] of Object.entries(APPENDS)) conditionLaws(laws, name, append)
  violationLaws(laws)
  hiddenLaws(laws)
}

function conditionLaws(
  { law }: StoreLaws,
  name: string,
  append: (store: EventStore, conditions: AppendConditions) => Promise<unknown>,
): void {
  law(
    `${name} fails if an event matches failIfEventsMatch after a position, and says where`,
    async (scene) => {
      const { store } = scene
      const [first, second, third] = await fill(store)
      const cases: readonly (readonly [AppendCondition, bigint])[] = [
        [{ query: x }, first],
        [{ query: x, after: first - 1n }, first],
        [{ query: x, after: first }, second],
        [{ query: x, after: -(2n ** 70n) }, first],
        [{ query: y, after: second }, third],
        [{ query: {} }, first],
        [{ query: { items: [...none.items!, ...y.items!] } }, third],
      ]
      for (const [condition, position] of cases) {
        const error = await refuses(store, 'append-condition-failed', () =>
          append(store, { failIfEventsMatch: condition }),
        )
        const { violations } = (error as AppendConditionError).details
        assert.deepEqual(violations, [
          { kind: 'query', query: condition.query, after: condition.after, position },
        ])
        assert.ok(error.message.includes(`one at ${position}`), error.message)
      }
    },
  )

  law(`${name} succeeds if no event matches failIfEventsMatch`, async ({ store }) => {
    const [, second, third] = await fill(store)
    const conditions: readonly AppendConditions['failIfEventsMatch'][] = [
      { query: none },
      { query: { items: [{ types: ['A', 'B'], tags: ['x', 'y'] }] } },
      { query: x, after: second },
      { query: x, after: third },
      { query: y, after: third },
      { query: x, after: 2n ** 63n - 1n },
      { query: x, after: 2n ** 70n },
      [],
      [{ query: none }, { query: x, after: second }],
    ]
    for (const condition of conditions)
      await append(store, { ...(condition && { failIfEventsMatch: condition }) })
    const version = (await store.stream('out').info()).version
    assert.equal(version, conditions.length)
  })

  law(`${name} refuses conditions of failIfEventsMatch that make no sense`, async ({ store }) => {
    await fill(store)
    for (const condition of [{}, { query: x, after: 1 }, { query: x, since: 1n }, null, 'x', [x], [[]]]) {
      const conditions = { failIfEventsMatch: condition as unknown as AppendCondition }
      await refuses(store, 'invalid-argument', () => append(store, conditions), String(condition))
    }
    const failIfEventsMatch = numbers(0, APPEND_QUERIES_MAX).map(() => ({ query: none }))
    await refuses(store, 'limit-exceeded', () => append(store, { failIfEventsMatch }))
    await append(store, { failIfEventsMatch: failIfEventsMatch.slice(1) })
  })
}

function violationLaws({ law }: StoreLaws): void {
  law(
    'an append lists all its violations: of streams, of conditions, and of queries, in this order',
    async ({ store }) => {
      const [first, second, third] = await fill(store)
      const attempt = (on: Appending): Promise<unknown> =>
        on.append(
          [
            { streamId: 'new', events: EVENT, expectedVersion: 'stream-exists' },
            { streamId: 'fine', events: EVENT, expectedVersion: 0 },
            { streamId: 'a-1', events: EVENT, expectedVersion: 7 },
          ],
          {
            conditions: [
              { streamId: 'a-2', expectedVersion: 'no-stream' },
              { streamId: 'a-2', expectedVersion: 1 },
            ],
            failIfEventsMatch: [
              { query: x, after: first },
              { query: none },
              { query: y, after: second },
              { query: y, after: third },
            ],
          },
        )
      for (const run of [() => attempt(store), () => store.transact(attempt)]) {
        const error = await refuses(store, 'append-condition-failed', run)
        assert.ok(!(error instanceof WrongExpectedVersionError))
        assert.deepEqual((error as AppendConditionError).details.violations, [
          { kind: 'stream', streamId: 'new', expected: 'stream-exists', actual: 0, state: 'none' },
          { kind: 'stream', streamId: 'a-1', expected: 7, actual: 2, state: 'live' },
          { kind: 'stream', streamId: 'a-2', expected: 'no-stream', actual: 1, state: 'live' },
          { kind: 'query', query: x, after: first, position: second },
          { kind: 'query', query: y, after: second, position: third },
        ])
      }
    },
  )

  law('an append whose queries hold fails as one without', async ({ store }) => {
    await fill(store)
    const options = { expectedVersion: 9, failIfEventsMatch: { query: none } }
    const error = await refuses(store, 'wrong-expected-version', () =>
      store.stream('a-1').append(EVENT, options),
    )
    assert.ok(error instanceof WrongExpectedVersionError)
    await store.stream('a-1').append(EVENT, { ...options, expectedVersion: 2 })
  })

  law('an append of no events checks its queries', async ({ store }) => {
    const [, second] = await fill(store)
    const append = (after: bigint, on: Appending): Promise<unknown> =>
      on.append([], { failIfEventsMatch: { query: x, after } })
    for (const run of [
      (after: bigint) => append(after, store),
      (after: bigint) => store.transact((tx) => append(after, tx)),
    ]) {
      await refuses(store, 'append-condition-failed', () => run(second - 1n))
      await run(second)
    }
  })

  law('an append that was made before succeeds, whatever matches its queries now', async ({ store }) => {
    const options = { expectedVersion: 0, failIfEventsMatch: { query: x } }
    const event = { type: 'A', id: uuidOf(1), tags: ['x'] }
    const { position } = await store.stream('s').append(event, options)
    const again = await store.stream('s').append(event, options)
    assert.deepEqual([again.position, again.idempotent], [position, true])
    await refuses(store, 'append-condition-failed', () =>
      store.stream('s').append({ ...event, id: uuidOf(2) }, { failIfEventsMatch: { query: x } }),
    )
  })

  law("an append in a transaction must not find the transaction's own events either", async ({ store }) => {
    await store.transact(async (tx) => {
      const append = (): Promise<unknown> =>
        tx.stream('s').append({ type: 'A', data: 1, tags: ['x'] }, { failIfEventsMatch: { query: x } })
      await append()
      const error = (await failureOf('append-condition-failed', append)) as AppendConditionError
      assert.deepEqual(error.details.violations, [
        { kind: 'query', query: x, after: undefined, position: undefined },
      ])
      assert.match(error.message, /one is being appended, by this transaction/)
      await tx.stream('s').append(EVENT, { failIfEventsMatch: { query: y } })
      await tx.stream('s').setMetadata({ a: 1 })
      await tx.stream('s').append(EVENT, {
        failIfEventsMatch: { query: { items: [{ types: ['$metadata-changed'] }] } },
      })
    })
    assert.deepEqual(await dataOf(store.all.read()), [1, 'out', 'out'])
  })

  law('failIfEventsMatch takes links for what they are, not for what they point to', async ({ store }) => {
    const [, , third] = await fill(store)
    await store.stream('a-9').linkTo({ streamId: 'a-1', version: 1 })
    await store.stream('out').append(EVENT, { failIfEventsMatch: { query: x, after: third } })
    const links = { query: { items: [{ types: ['$link'] }] } }
    await refuses(store, 'append-condition-failed', () => one(store, { failIfEventsMatch: links }))
  })

  law('failIfEventsMatch with all events is not bothered by those of system streams', async ({ store }) => {
    await store.stream('s').setMetadata({ a: 1 })
    await store.stream('s').append(counted(1), { failIfEventsMatch: { query: {} } })
    const after = (await store.stream('s').event(1))!.position
    await store.stream('s').setMetadata({ b: 1 })
    await store.stream('s').append(counted(1, 2), { failIfEventsMatch: { query: {}, after } })
    assert.deepEqual(await dataOf(store.all.read()), [1, 2])
  })
}

/** How an event may be hidden. */
const HIDINGS: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = {
  deleted: (store) => store.stream('a-1').delete(),
  tombstoned: (store) => store.stream('a-1').tombstone(),
  truncated: (store) => store.stream('a-1').truncateBefore(3),
  'beyond maxCount': async (store) => {
    await store.stream('a-1').setRetention({ maxCount: 1 })
    await store.stream('a-1').append({ type: 'Last' })
  },
  'written over': async (store) => {
    await store.stream('a-1').delete()
    await store.stream('a-1').append({ type: 'Last' })
  },
  scavenged: async (store) => {
    await store.stream('a-1').truncateBefore(3)
    await store.scavenge()
  },
}

function hiddenLaws({ law }: StoreLaws): void {
  for (const [name, hide] of Object.entries(HIDINGS)) {
    law(`failIfEventsMatch does not find events that are ${name}`, async ({ store }) => {
      await fill(store)
      await hide(store)
      await one(store, { failIfEventsMatch: { query: x } })
      await store.transact((tx) => one(tx, { failIfEventsMatch: { query: x } }))
      await refuses(store, 'append-condition-failed', () => one(store, { failIfEventsMatch: { query: y } }))
    })
  }

  law('failIfEventsMatch finds events again that are restored', async ({ store }) => {
    await fill(store)
    await store.stream('a-1').delete()
    await store.transact(async (tx) => {
      await one(tx, { failIfEventsMatch: { query: x } })
      await tx.stream('a-1').restore()
      await failureOf('append-condition-failed', () => one(tx, { failIfEventsMatch: { query: x } }))
    })
    await refuses(store, 'append-condition-failed', () => one(store, { failIfEventsMatch: { query: x } }))
  })
}

/** Two events with the tag `x` in one stream, then one with `y` in another. Returns their positions. */
async function fill(store: EventStore): Promise<readonly [bigint, bigint, bigint]> {
  await store.stream('a-1').append([
    { type: 'A', data: 1, tags: ['x'] },
    { type: 'B', data: 2, tags: ['x'] },
  ])
  await store.stream('a-2').append({ type: 'A', data: 3, tags: ['y'] })
  const [first, second, third] = await store.all.read().toArray()
  return [first!.position, second!.position, third!.position]
}
