import { expect } from 'vitest'
import type { KeyValueStore } from '../../src/kv/contract.ts'
import { openEventStore } from '../../src/opening/open-event-store.ts'
import type { EventStore } from '../../src/store/contract.ts'
import type { SubscriptionGroup } from '../../src/store/contract-subscribing.ts'
import { writeGroups } from '../../src/testing/store/group-writing.ts'
import { double } from '../../src/tuple/elements.ts'
import { fixedRuntime } from './fixed-world.ts'

// The store of the fixtures: how it was written, and what must be found in it for ever. The two are written out separately on purpose.

const PATH = ['shops', 'Köln']
const ID = '0190a6e0-0000-7000-8000-000000000001'
const UNICODE = 'Größe/日本語 😀'

/** Opens the store in the fixtures' directory. */
export async function openGoldenStore(kv: KeyValueStore): Promise<EventStore> {
  return openEventStore(kv, { directory: await kv.createOrOpenDirectory(PATH), runtime: fixedRuntime() })
}

/** Writes the store of the fixtures: whatever format 1 can express. */
export async function writeGoldenStore(store: EventStore): Promise<void> {
  const order = store.stream('order-1')
  await order.append({ type: 'OrderPlaced', id: ID, data: { item: 'teapot', price: 18.5 } })
  await order.append([
    { type: 'OrderPaid', metadata: { by: 'ann' }, tags: ['paid', 'customer:ada'], data: [1, 'two', null] },
    { type: 'Signature', data: Uint8Array.of(0, 1, 254, 255), metadata: Uint8Array.of(7) },
    { type: 'Empty', data: null, time: new Date('1969-07-20T20:17:40.001Z') },
  ])
  await store.stream(UNICODE).append({ type: 'Gemäß ✓', tags: ['größe:ß'], data: { ключ: '€ 😀' } })
  await store.stream('long').append(Array.from({ length: 130 }, () => ({ type: 'Tick' })))
  await store.stream('large').append({ type: 'Scan', data: new Uint8Array(200_000).fill(0x7a) })
  await store.transact(async (tx) => {
    const created = await tx.createStream('account-7', { metadata: { owner: 'ada', limit: 5 } })
    await created.append({ type: 'Opened', data: {} }, { expectedVersion: 0 })
    tx.kv.set(['open', 'order-1'], { since: '2024' })
    tx.kv.set(['logo', 1, [double(2), null]], Uint8Array.of(0xca, 0xfe))
  })
  await store.stream('account-7').setMetadata({ limit: null, colour: 'blue' })
  await writeLives(store)
  await writeBills(store)
}

/** Streams of a category that groups are about, and the groups. */
async function writeBills(store: EventStore): Promise<void> {
  for (const round of [1, 2]) {
    for (const n of [1, 2, 3, 4, 5])
      await store.stream(`bill-${n}`).append({ type: 'OrderPaid', data: round })
  }
  const directory = await store.kv.openDirectory(PATH)
  await writeGroups({ store, directory, category: 'bill', streamId: 'bill-1' })
}

/** Streams that were deleted, brought back, truncated, scavenged and so on, and what else belongs to streams. */
async function writeLives(store: EventStore): Promise<void> {
  for (const id of ['gone', 'deleted', 'revived', 'cut', 'kept']) {
    await store
      .stream(id)
      .append(Array.from({ length: 4 }, (_, at) => ({ type: 'Lived', tags: ['life'], data: at + 1 })))
  }
  await store.stream('gone').tombstone()
  await store.stream('revived').delete()
  await store.stream('revived').append({ type: 'Again' })
  await store.stream('cut').truncateBefore(3)
  await store.scavenge()
  await store.stream('deleted').delete()
  await store.stream('kept').setRetention({ maxCount: 3, maxAgeMs: 1_000_000_000_000_000 })
  await store.stream('list').linkTo({ streamId: 'order-1', version: 2 })
  await store.stream('kept').snapshots<{ sum: number }>('sum', { schemaVersion: 3 }).save(4, { sum: 10 })
  await store.append([{ streamId: 'once', events: { type: 'Once' } }], { idempotencyKey: 'request-1' })
}

/** Expects everything that was written, and nothing else, as users see it. */
export async function expectGoldenStore(store: EventStore): Promise<void> {
  expect((await store.check()).problems).toEqual([])
  expect(await store.info()).toMatchObject({ format: 1, streams: 15, events: 155, systemEvents: 7 })
  expect(await streamsOf(store)).toEqual([
    '$$account-7 2',
    '$$cut 1',
    '$$deleted 1',
    '$$gone 1',
    '$$kept 1',
    '$$revived 1',
    'Größe/日本語 😀 1',
    'account-7 1',
    'bill-1 2',
    'bill-2 2',
    'bill-3 2',
    'bill-4 2',
    'bill-5 2',
    'cut 4',
    'kept 4',
    'large 1',
    'list 1',
    'long 130',
    'once 1',
    'order-1 4',
    'revived 5',
  ])
  await expectLives(store)
  await expectOrder(store)
  await expectOtherEvents(store)
  await expectGroups(store)
  expect(await store.stream('account-7').metadata()).toEqual({ owner: 'ada', colour: 'blue' })
  expect(await ownKeysOf(store)).toEqual([
    [['logo', 1, [double(2), null]], Uint8Array.of(0xca, 0xfe)],
    [['open', 'order-1'], { since: '2024' }],
  ])
}

async function expectGroups(store: EventStore): Promise<void> {
  const names: string[] = []
  for await (const { name, source, state } of store.subscriptions())
    names.push(`${name} ${source.kind} ${state}`)
  expect(names).toEqual(['audit all running', 'billing category running', 'mailer stream running'])
  expect(await store.all.subscription('audit').info()).toMatchObject({
    inFlight: 1,
    retrying: 2,
    parked: 1,
    checkpoint: POSITION,
    position: POSITION + 4n,
    consumers: [{ consumer: 2, inFlight: 1 }],
  })
  expect(await parkedIn(store.all.subscription('audit'))).toEqual(['Signature, no such customer, attempt 1'])
  const billing = store.category('bill').subscription('billing')
  expect(await billing.info()).toMatchObject({ inFlight: 2, retrying: 1, held: 4, parked: 2, lag: 7 })
  expect(await parkedIn(billing)).toHaveLength(2)
  expect((await billing.info()).settings).toMatchObject({ strategy: 'pinned', parkMode: 'sequence' })
  const mailer = await store.stream('bill-1').subscription('mailer').info()
  expect(mailer).toMatchObject({
    settings: { filter: { types: ['OrderPaid'] } },
    head: 2,
    lag: 2,
    consumers: [],
  })
}

async function parkedIn(group: SubscriptionGroup): Promise<string[]> {
  const parked: string[] = []
  for await (const { event, reason, attempts } of group.parked()) {
    parked.push(`${event?.type}, ${reason}, attempt ${attempts}`)
  }
  return parked
}

async function expectLives(store: EventStore): Promise<void> {
  const lived = await store
    .query({ items: [{ tags: ['life'] }] })
    .read()
    .toArray()
  expect(lived.map(({ streamId, data }) => [streamId, data])).toEqual([
    ['cut', 3],
    ['cut', 4],
    ['kept', 2],
    ['kept', 3],
    ['kept', 4],
  ])
  expect((await store.eventType('Again').read().toArray()).map(({ version }) => version)).toEqual([5])
  expect((await store.category('order').read().toArray()).map(({ version }) => version)).toEqual([1, 2, 3, 4])
  await expect(store.stream('gone').info()).rejects.toMatchObject({ code: 'stream-tombstoned' })
  expect(await store.stream('deleted').info()).toMatchObject({
    state: 'deleted',
    version: 4,
    firstVersion: 5,
  })
  expect(await store.stream('kept').info()).toMatchObject({ maxCount: 3, maxAgeMs: 1_000_000_000_000_000 })
  const [linked] = await store.stream('list').read().toArray()
  expect(linked).toMatchObject({ streamId: 'order-1', version: 2, link: { streamId: 'list', version: 1 } })
  const snapshot = await store.stream('kept').snapshots('sum', { schemaVersion: 3 }).closest(4)
  expect(snapshot).toMatchObject({ version: 4, state: { sum: 10 }, savedAt: new Date('2024-01-01') })
}

/** Expects that the store can be written on: that positions go up, and that what was recorded once is recognised. */
export async function expectGoldenStoreToGoOn(store: EventStore): Promise<void> {
  const { lastPosition } = await store.info()
  const first = { type: 'OrderPlaced', id: ID, data: { item: 'teapot', price: 18.5 } }
  expect(await store.stream('order-1').append(first)).toEqual({
    streamId: 'order-1',
    firstVersion: 1,
    lastVersion: 1,
    position: POSITION,
    idempotent: true,
  })
  const { lastVersion, position } = await store.stream('order-1').append({ type: 'More' })
  expect(lastVersion).toBe(5)
  expect(position! > lastPosition!).toBe(true)
  const again = [{ streamId: 'once', events: { type: 'Once' } }]
  expect(await store.append(again, { idempotencyKey: 'request-1' })).toMatchObject([
    { lastVersion: 1, idempotent: true },
  ])
  await store.stream('deleted').restore()
  expect(await store.stream('deleted').read().toArray()).toHaveLength(4)
  await expectGroupToGoOn(store)
  const { lastVersion: newVersion } = await store.stream('new').append({ type: 'More' })
  expect(newVersion).toBe(1)
  expect((await store.check()).problems).toEqual([])
}

/** Expects that a group that was stored delivers what it has not delivered yet. What waits for time needs a clock that does not stand still. */
async function expectGroupToGoOn({ kv }: EventStore): Promise<void> {
  await using store = await openEventStore(kv, { directory: await kv.openDirectory(PATH) })
  const subscription = await store.stream('bill-1').subscribe({ type: 'persistent', group: 'mailer' })
  const data: unknown[] = []
  for await (const delivery of subscription) {
    data.push(delivery.event.data)
    expect(await delivery.ack()).toBe(true)
    if (data.length === 2) break
  }
  expect(data).toEqual([1, 2])
  await subscription.close()
  expect(await store.stream('bill-1').subscription('mailer').info()).toMatchObject({ lag: 0, checkpoint: 2 })
}

/** The first position of 2024. */
const POSITION = BigInt(Date.UTC(2024, 0, 1)) << 20n

async function expectOrder(store: EventStore): Promise<void> {
  const recordedAt = '2024-01-01T00:00:00.000Z'
  const events = await store.stream('order-1').read().toArray()
  expect(events.map((event) => event.toJSON())).toMatchObject([
    {
      position: `${POSITION}`,
      streamId: 'order-1',
      version: 1,
      id: ID,
      type: 'OrderPlaced',
      time: recordedAt,
      recordedAt,
      data: { item: 'teapot', price: 18.5 },
    },
    {
      position: `${POSITION + 1n}`,
      version: 2,
      type: 'OrderPaid',
      tags: ['customer:ada', 'paid'],
      metadata: { by: 'ann' },
      data: [1, 'two', null],
    },
    { version: 3, type: 'Signature', data: { $base64: 'AAH+/w==' }, metadata: { $base64: 'Bw==' } },
    { version: 4, type: 'Empty', time: '1969-07-20T20:17:40.001Z', recordedAt, data: null },
  ])
}

async function expectOtherEvents(store: EventStore): Promise<void> {
  expect(await store.stream('Größe/日本語 😀').event(1)).toMatchObject({
    type: 'Gemäß ✓',
    tags: ['größe:ß'],
    data: { ключ: '€ 😀' },
  })
  const long = await store.stream('long').read({ direction: 'backwards', limit: 3 }).toArray()
  expect(long.map(({ version, type, data }) => [version, type, data])).toEqual([
    [130, 'Tick', undefined],
    [129, 'Tick', undefined],
    [128, 'Tick', undefined],
  ])
  const large = await store.stream('large').event(1)
  expect(Buffer.from(large?.data as Uint8Array).equals(Buffer.alloc(200_000, 'z'))).toBe(true)
  const changes = await store.stream('$$account-7').read().toArray()
  expect(changes.map(({ type, data }) => [type, data])).toEqual([
    ['$stream-created', { metadata: { owner: 'ada', limit: 5 } }],
    ['$metadata-changed', { metadata: { limit: null, colour: 'blue' } }],
  ])
}

async function streamsOf(store: EventStore): Promise<string[]> {
  const streams: string[] = []
  for await (const { streamId, version } of store.streams({ system: true }))
    streams.push(`${streamId} ${version}`)
  return streams
}

function ownKeysOf(store: EventStore): Promise<unknown[]> {
  return store.readTransact(async (tx) => {
    const rows: unknown[] = []
    for await (const { key, value } of tx.kv.getRange([])) rows.push([key, value])
    return rows
  })
}
