import assert from 'node:assert/strict'
import { AppendConditionError } from '../../errors.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Query, QueryItem } from '../../store/contract-query.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import type { NewEvent } from '../../store/event.ts'
import { dataOf, nextTurn, numbers, type StoreLaws } from './laws.ts'
import { isMeantBy } from './scan.ts'

const WRITERS = 100
const ROUNDS = 60

type Look = (tx: StoreTransaction) => Promise<unknown>
type Change = (store: EventStore) => Promise<unknown>

const x: Query = { items: [{ types: ['A', 'B'], tags: ['x', 'y'] }] }
const readX: Look = (tx) => dataOf(tx.query(x).read())
const append =
  (streamId: string, ...events: NewEvent[]): Change =>
  (store) =>
    store.stream(streamId).append(events)
const matching = append('c-9', { type: 'B', data: 9, tags: ['z', 'y', 'x'] })

/** What a body reads, and what another commit does meanwhile that changes it. */
const CONFLICTS: Readonly<Record<string, readonly [Look, Change]>> = {
  'a query and an event that matches': [readX, matching],
  'a query and an event that matches among others': [
    readX,
    append('c-9', { type: 'B' }, { type: 'A', tags: ['x', 'y'] }, { type: 'A', tags: ['x'] }),
  ],
  'a query and an event that matches in a stream that the query knows': [
    readX,
    append('c-1', { type: 'A', tags: ['x', 'y'] }),
  ],
  'a query backwards with a limit': [
    (tx) => dataOf(tx.query(x).read({ direction: 'backwards', limit: 1 })),
    matching,
  ],
  'the last event of a query': [async (tx) => (await tx.query(x).read().last())?.data, matching],
  'a query with a limit that was not reached': [(tx) => dataOf(tx.query(x).read({ limit: 3 })), matching],
  'the first event of a query that finds none': [
    async (tx) =>
      (
        await tx
          .query({ items: [{ tags: ['z'] }] })
          .read()
          .first()
      )?.data,
    matching,
  ],
  'a query from a position': [(tx) => dataOf(tx.query(x).read({ after: 2n ** 62n })), matching],
  'one of several items': [
    (tx) => dataOf(tx.query({ items: [{ tags: ['none'] }, { types: ['B'] }] }).read()),
    matching,
  ],
  'a query without items': [(tx) => dataOf(tx.query({}).read()), append('c-9', { type: 'Other' })],
  'a category': [(tx) => dataOf(tx.category('c').read()), append('c-9', { type: 'Other' })],
  'an event type': [(tx) => dataOf(tx.eventType('B').read()), append('d', { type: 'B' })],
  'a query and the deletion of a stream that it found': [readX, (store) => store.stream('c-1').delete()],
  'a query and the truncation of a stream that it found': [
    readX,
    (store) => store.stream('c-1').truncateBefore(2),
  ],
  'a query and the tombstone of a stream that it found': [readX, (store) => store.stream('c-1').tombstone()],
  'a query and the retention of a stream that it found': [
    readX,
    (store) => store.stream('c-1').setRetention({ maxCount: 1 }),
  ],
  'a query and the return of a stream that it found hidden': [
    readX,
    (store) => store.stream('deleted').restore(),
  ],
  'a query and an event that pushes out one that it found': [readX, append('short', { type: 'Other' })],
  'a query that stopped at its limit, and the deletion of what it found': [
    (tx) => dataOf(tx.query(x).read({ limit: 1 })),
    (store) => store.stream('c-1').delete(),
  ],
}

/** What a body reads, and what another commit does meanwhile that does not change it. */
const HARMLESS: Readonly<Record<string, readonly [Look, Change]>> = {
  'a query without items and the metadata of a stream': [
    (tx) => dataOf(tx.query({}).read()),
    (store) => store.stream('c-9').setMetadata({ colour: 'blue' }),
  ],
  'the last event of everything and the creation of a stream': [
    async (tx) => (await tx.all.read().last())?.data,
    (store) => store.createStream('new'),
  ],
  'a query and another tag': [readX, append('c-9', { type: 'A', tags: ['x', 'z'] })],
  'a query and another type with the same tags': [readX, append('c-9', { type: 'C', tags: ['x', 'y'] })],
  'a query and its tags on two events of one append': [
    readX,
    append('c-9', { type: 'A', tags: ['x'] }, { type: 'A', tags: ['y'] }),
  ],
  'a query and its tags on two events of one transaction': [
    readX,
    (store) =>
      store.transact(async (tx) => {
        await tx.stream('c-8').append({ type: 'A', tags: ['x'] })
        await tx.stream('c-9').append([
          { type: 'C', tags: ['x', 'y'] },
          { type: 'B', tags: ['y'] },
        ])
      }),
  ],
  'a query and tags that begin alike': [readX, append('c-9', { type: 'A', tags: ['x2', 'y', 'xx'] })],
  'a query and another event in a stream that it found': [readX, append('c-1', { type: 'C' })],
  'a query and the metadata of a stream that it found': [
    readX,
    (store) => store.stream('c-1').setMetadata({ a: 1 }),
  ],
  'a query and the deletion of a stream that it did not find': [
    readX,
    (store) => store.stream('d-1').delete(),
  ],
  'a query that stopped at its limit, and an event that matches': [
    (tx) => dataOf(tx.query(x).read({ limit: 2 })),
    matching,
  ],
  'the first event of a query, and one that matches': [
    async (tx) => (await tx.query(x).read().first())?.data,
    matching,
  ],
  'a query that was left early, and an event that matches': [leaveEarly, matching],
  'a query up to a position, and an event that matches': [
    async (tx) => {
      const { position } = (await tx.all.read().first())!
      return dataOf(tx.query(x).read({ to: position! }))
    },
    matching,
  ],
  'the newest own event, and one that matches': [
    async (tx) => {
      await tx.stream('own').append({ type: 'A', data: 'own', tags: ['x', 'y'] })
      return dataOf(tx.query(x).read({ direction: 'backwards', limit: 1 }))
    },
    matching,
  ],
  'another category': [(tx) => dataOf(tx.category('d').read()), append('c-9', { type: 'A' })],
  'another event type': [(tx) => dataOf(tx.eventType('B').read()), append('c-9', { type: 'A' })],
  'a type and a link to an event of the type': [
    (tx) => dataOf(tx.eventType('A').read()),
    (store) => store.stream('c-9').linkTo({ streamId: 'c-1', version: 1 }),
  ],
}

/** A transaction that has read a query conflicts with exactly what changes its answer. */
export function boundaryRaceLaws({ law }: StoreLaws): void {
  for (const [name, [look, change]] of Object.entries(CONFLICTS)) {
    law(`transact() runs again, once, for ${name}`, async ({ store }) => {
      await prepare(store)
      const sights = await sightsOf(store, look, change)
      assert.equal(sights.length, 2)
    })
  }

  for (const [name, [look, change]] of Object.entries(HARMLESS)) {
    law(`transact() does not run again for ${name}`, async ({ store }) => {
      await prepare(store)
      assert.equal((await sightsOf(store, look, change)).length, 1)
    })
  }

  law(
    'transact() runs again exactly when a random append matches a random query',
    async ({ store, random }) => {
      for (const round of numbers(1, ROUNDS)) {
        const query = { items: numbers(0, Math.floor(random() * 3)).map(() => randomItem(random)) }
        const events = numbers(0, Math.floor(random() * 3)).map(() => randomEvent(random))
        const change = (): Promise<unknown> =>
          store.append(events.map((event, at) => ({ streamId: `r-${at}`, events: event })))
        const sights = await sightsOf(store, (tx) => dataOf(tx.query(query).read()), change, `out-${round}`)
        const matches = events.some((event) => isMeantBy(query, { type: event.type, tags: event.tags! }))
        assert.equal(sights.length, matches ? 2 : 1, JSON.stringify([query, events]))
      }
    },
  )

  law(`transact() of ${WRITERS} writers with a boundary each: each body runs once`, async ({ store }) => {
    let runs = 0
    const write = (n: number): Promise<void> =>
      store.transact(async (tx) => {
        runs += 1
        const query = {
          items: [{ types: ['Taken', 'Released'], tags: [`seat-${n}`] }, { tags: [`row-${n}`] }],
        }
        assert.deepEqual(await tx.query(query).read().toArray(), [])
        await nextTurn()
        await tx.stream(`seat-${n}`).append({ type: 'Taken', tags: [`seat-${n}`, 'any'] })
      })
    await Promise.all(numbers(1, WRITERS).map(write))
    assert.equal(runs, WRITERS)
    assert.equal(
      (
        await store
          .query({ items: [{ tags: ['any'] }] })
          .read()
          .toArray()
      ).length,
      WRITERS,
    )
  })

  for (const [name, attempt] of Object.entries(ATTEMPTS)) {
    law(`of 50 writers with one boundary, through ${name}, exactly one wins`, async ({ store }) => {
      const outcomes = await Promise.allSettled(numbers(1, 50).map((n) => attempt(store, n)))
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      assert.equal(lost.length, 49)
      const winner = (await store.query(taken).read().toArray()).map(({ position }) => position)
      assert.equal(winner.length, 1)
      for (const error of lost) {
        assert.ok(error instanceof AppendConditionError, String(error))
        const [violation] = error.details.violations
        assert.ok(violation?.kind === 'query' && [undefined, winner[0]].includes(violation.position))
      }
    })
  }
}

const taken: Query = { items: [{ types: ['Taken'], tags: ['seat'] }] }
const seat = { type: 'Taken', tags: ['seat'] }
const failIfEventsMatch = { query: taken }

const ATTEMPTS: Readonly<Record<string, (store: EventStore, n: number) => Promise<unknown>>> = {
  'stream.append() to one stream': (store) => store.stream('s').append(seat, { failIfEventsMatch }),
  'stream.append() to a stream each': (store, n) =>
    store.stream(`s-${n}`).append(seat, { failIfEventsMatch }),
  'store.append()': (store, n) =>
    store.append(
      [
        { streamId: `s-${n}`, events: seat },
        { streamId: 's', events: { type: 'Other' } },
      ],
      { failIfEventsMatch: [{ query: { items: [{ types: ['None'] }] } }, failIfEventsMatch] },
    ),
  'transact()': (store, n) =>
    store.transact(async (tx) => {
      await nextTurn()
      await tx.stream(`s-${n}`).append(seat, { failIfEventsMatch })
    }),
}

async function prepare(store: EventStore): Promise<void> {
  const event = { type: 'A', tags: ['x', 'y'] }
  await store.stream('c-1').append([
    { ...event, data: 1 },
    { type: 'B', data: 2 },
  ])
  await store.stream('d-1').append({ type: 'B', data: 3, tags: ['x'] })
  await store.stream('short').append([{ ...event, data: 4 }])
  await store.stream('short').setRetention({ maxCount: 1 })
  await store.stream('deleted').append({ ...event, data: 5 })
  await store.stream('deleted').delete()
}

/** What each run of a body has seen that writes something of its own, while its first run is disturbed. */
async function sightsOf(store: EventStore, look: Look, change: Change, out = 'out'): Promise<unknown[]> {
  const sights: unknown[] = []
  await store.transact(async (tx) => {
    sights.push(await look(tx))
    if (sights.length === 1) await change(store)
    await tx.stream(out).append({ type: 'Out', tags: ['out'] })
  })
  assert.equal((await store.stream(out).info()).version, 1)
  return sights
}

async function leaveEarly(tx: StoreTransaction): Promise<unknown> {
  for await (const { data } of tx.query(x).read({ limit: 2 })) return data
  return undefined
}

function randomItem(random: () => number): QueryItem {
  const types = ['A', 'B', 'C'].filter(() => random() < 0.4)
  return { types, tags: ['x', 'y', 'z'].filter(() => random() < 0.4) }
}

function randomEvent(random: () => number): NewEvent {
  const type = ['A', 'B', 'C', 'D'][Math.floor(random() * 4)]!
  return { type, tags: ['x', 'y', 'z'].filter(() => random() < 0.4) }
}
