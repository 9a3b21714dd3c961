import type { EventStore, NewEvent } from 'eventdb'
import { writeGroups } from '../../src/testing/store/group-writing.ts'

/** Streams that are read in the campaign of damages; their system streams are as well. */
export const STREAMS: readonly string[] = [
  'order-1',
  'order-2',
  'order-gone',
  'order-deleted',
  'order-revived',
  'order-restored',
  'cart-truncated',
  'cart-scavenged',
  'cart-short',
  'cart-emptied',
  'large-1',
  'list-links',
  'created',
  'nobody',
]

/** Categories that are read, one that nobody has among them. */
export const CATEGORIES: readonly string[] = ['order', 'cart', 'large', 'list', 'created', 'x']
/** Event types that are read. */
export const TYPES: readonly string[] = ['A', 'B', '$link', 'Large', 'X']

/** The snapshots that there are: stream, name, and versions. */
export const SNAPSHOTS: readonly (readonly [streamId: string, name: string, versions: readonly number[]])[] =
  [
    ['order-1', 'total', [2, 4]],
    ['order-deleted', 'total', [2, 4]],
    ['cart-truncated', 'total', [2, 4]],
    ['order-1', 'large', [3]],
  ]

/** A store with one of everything that there can be: what is hidden, what is scavenged, and what is kept beside the events. */
export async function writeEverything(store: EventStore): Promise<void> {
  await writeOrders(store)
  await writeCarts(store)
  await store.stream('large-1').append({ type: 'Large', data: bytes(131_100), tags: ['t'], id: idOf(9) })
  await writeLinks(store)
  await store.createStream('created', { metadata: { empty: true }, maxAgeMs: 1_000_000_000 })
  await store.stream('order-1').setMetadata({ owner: 'ada' })
  await hideMuch(store)
  await store.scavenge()
  await hideMore(store)
  await saveSnapshots(store)
  await store.transact((tx) => tx.kv.set(['own'], 1))
  const directory = await store.kv.openDirectory(['eventdb'])
  await writeGroups({ store, directory, category: 'order', streamId: 'order-1' })
}

async function writeOrders(store: EventStore): Promise<void> {
  for (const streamId of ['order-1', 'order-gone', 'order-2', 'order-deleted', 'order-revived']) {
    await store.stream(streamId).append(events(3))
    await store.stream(streamId).append(events(1, 4), { idempotencyKey: `key ${streamId}` })
  }
  await store.append(
    [
      { streamId: 'order-restored', events: events(3) },
      { streamId: 'order-1', events: events(2, 5) },
      { streamId: 'order-2', events: [] },
    ],
    { idempotencyKey: 'several' },
  )
}

async function writeCarts(store: EventStore): Promise<void> {
  await store.stream('cart-truncated').append(events(5))
  await store.append([{ streamId: 'cart-scavenged', events: events(5) }], { idempotencyKey: 'scavenged' })
  await store.createStream('cart-short', { maxCount: 3 })
  await store.stream('cart-short').append(events(6))
  await store.stream('cart-emptied').append(events(3))
}

async function writeLinks(store: EventStore): Promise<void> {
  const links = store.stream('list-links')
  for (const [streamId, version] of [
    ['order-1', 2],
    ['order-deleted', 1],
    ['cart-scavenged', 2],
    ['cart-truncated', 5],
    ['order-2', 4],
  ] as const)
    await links.linkTo({ streamId, version })
}

/** What is scavenged afterwards. */
async function hideMuch(store: EventStore): Promise<void> {
  await store.stream('order-gone').tombstone()
  await store.stream('order-revived').delete()
  await store.stream('order-revived').append(events(2, 8))
  await store.stream('cart-scavenged').truncateBefore(4)
  await store.stream('cart-emptied').truncateBefore(4)
}

/** What is only hidden. */
async function hideMore(store: EventStore): Promise<void> {
  await store.stream('order-deleted').delete()
  await store.stream('order-restored').delete()
  await store.stream('order-restored').restore()
  await store.stream('cart-truncated').truncateBefore(3)
  await store.stream('cart-short').append(events(2, 7))
}

async function saveSnapshots(store: EventStore): Promise<void> {
  for (const [streamId, name, versions] of SNAPSHOTS) {
    const snapshots = store.stream(streamId).snapshots(name)
    for (const version of versions)
      await snapshots.save(version, name === 'large' ? bytes(66_000) : { sum: version })
  }
}

/** Events of two types, with and without tags, ids, metadata and times. */
function events(count: number, from = 1): NewEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index
    return {
      type: n % 2 === 0 ? 'A' : 'B',
      data: { n },
      ...(n % 3 !== 0 && { tags: n % 2 === 0 ? ['t'] : ['t', 'u'] }),
      ...(n % 3 === 0 && { id: idOf(n), metadata: { n } }),
      ...(n === 2 && { time: new Date(0) }),
    }
  })
}

function idOf(n: number): string {
  return `00000000-0000-4000-8000-00000000000${n}`
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => index * 7 + (index >> 10))
}
