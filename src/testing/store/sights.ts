import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { EventRead, ReadOptions } from '../../store/contract-reading.ts'
import type { StoreReadTransaction, StoreTransaction } from '../../store/contract-transactions.ts'
import type { NewEvent } from '../../store/event.ts'
import { failureOf, numbers } from './laws.ts'

/** Anything that has all sources. */
export type Sighted = EventStore | StoreReadTransaction | StoreTransaction

/** What can be read of a stream: its versions, or that it is tombstoned. */
export type Sight = readonly number[] | 'tombstoned'

interface Seen {
  readonly streamId: string
  readonly version: number
}

/**
 * Events for a stream whose id has no `-`, so that it is a category of its own: each source but `all` can be asked for exactly
 * these. Their data are `from`, `from + 1`, …
 */
export function marked(streamId: string, count: number, from = 1): NewEvent[] {
  return numbers(from, from + count - 1).map((data) => ({
    type: `Of ${streamId}`,
    tags: [streamId, data % 2 === 0 ? 'even' : 'odd'],
    data,
  }))
}

/** Makes sure that this is what every reader sees of a stream that has only `marked` events. */
export async function assertSeen(store: EventStore, streamId: string, sight: Sight): Promise<void> {
  await assertSees(store, streamId, sight, 'outside of transactions')
  await store.readTransact((tx) => assertSees(tx, streamId, sight, 'in readTransact()'))
  await store.transact((tx) => assertSees(tx, streamId, sight, 'in transact()'))
}

/** Makes sure that this is what one reader sees of a stream, through each source, in both directions, with limits. */
export async function assertSees(
  reader: Sighted,
  streamId: string,
  sight: Sight,
  where: string,
): Promise<void> {
  const versions = sight === 'tombstoned' ? [] : sight
  for (const [name, read] of Object.entries(indexedReads(reader, streamId)))
    await assertVersions(read, versions, `${where}, ${name}`)
  const all = await reader.all.read().toArray()
  await assertVersions((options) => reader.all.read(options), all, `${where}, all`)
  assert.deepEqual(versionsOf(all, streamId), versions, `${where}, all`)
  const stream = reader.stream(streamId)
  if (sight === 'tombstoned') {
    for (const direction of ['forwards', 'backwards'] as const)
      await failureOf('stream-tombstoned', () => stream.read({ direction }).toArray(), where)
    await failureOf('stream-tombstoned', () => stream.event(1), where)
    assert.equal(await stream.exists(), false, where)
    return
  }
  await assertVersions((options) => stream.read(options), versions, `${where}, stream`)
  for (const version of numbers(1, (versions.at(-1) ?? 8) + 1)) {
    const found = (await stream.event(version))?.version
    assert.equal(found, versions.includes(version) ? version : undefined, `${where}, event(${version})`)
  }
}

type Read = (options: Pick<ReadOptions<never>, 'limit' | 'direction'>) => EventRead<Seen>

function indexedReads(reader: Sighted, streamId: string): Readonly<Record<string, Read>> {
  const items = [
    { types: [`Of ${streamId}`], tags: [streamId, 'odd'] },
    { types: [`Of ${streamId}`, 'Of nobody'], tags: ['even', streamId] },
  ]
  return {
    category: (options) => reader.category(streamId).read(options),
    eventType: (options) => reader.eventType(`Of ${streamId}`).read(options),
    'query by tag': (options) => reader.query({ items: [{ tags: [streamId] }] }).read(options),
    'query by types and tags': (options) => reader.query({ items }).read(options),
  }
}

/** Makes sure that a source yields these, from both ends, also if only some are wanted. */
async function assertVersions(
  read: Read,
  expected: readonly number[] | readonly Seen[],
  where: string,
): Promise<void> {
  for (const direction of ['forwards', 'backwards'] as const) {
    const whole = direction === 'forwards' ? expected : expected.toReversed()
    for (const limit of [undefined, 1, 2, whole.length + 1]) {
      const found = await read({ direction, ...(limit !== undefined && { limit }) }).toArray()
      assert.deepEqual(
        found.map(placeOf),
        whole.slice(0, limit).map(placeOf),
        `${where}, ${direction}, limit ${limit}`,
      )
    }
    assert.deepEqual(placeOf(await read({ direction }).first()), placeOf(whole[0]), `${where}, first()`)
    assert.deepEqual(placeOf(await read({ direction }).last()), placeOf(whole.at(-1)), `${where}, last()`)
  }
}

function placeOf(seen: number | Seen | undefined): number | undefined {
  return typeof seen === 'object' ? seen.version : seen
}

function versionsOf(events: readonly Seen[], id: string): number[] {
  return events.filter(({ streamId }) => streamId === id).map(({ version }) => version)
}
