import type { Transaction } from '../../kv/contract.ts'
import type { KeyRange, Row } from '../../kv/rows.ts'
import type { IndexName } from '../../store/contract-reading.ts'
import type { Keyspace } from '../../store/keyspace.ts'
import type { Life } from '../../store/life.ts'
import { encodeLife } from '../../store/life-rows.ts'
import { encodeNumber, encodePlace, encodeSealedJson, sealed } from '../../store/small-values.ts'
import { decodeName, encodeName, numberOf } from '../../store/stream-rows.ts'

/** Breaks something, through the key-value store. */
export type Damage = (
  tx: Transaction,
  keys: Keyspace,
  rows: (range: KeyRange) => Promise<Row[]>,
) => Promise<void>

/** Ways to break a store, and the kinds of problems that must be found then. */
export const DAMAGES: Readonly<Record<string, readonly [readonly string[], Damage]>> = {
  'a deleted row of the log': [
    ['event-missing', 'index-row-wrong'],
    async (tx, keys, rows) => tx.clear((await rows(keys.log()))[2]!.key),
  ],
  'the last row of a stream deleted': [
    ['row-missing'],
    async (tx, keys) => tx.clear(keys.streamKey(await knownNumber(tx, keys, 'large'), 1)),
  ],
  'a row in the middle of a stream deleted': [
    ['version-gap', 'row-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.streams()))[1]!.key),
  ],
  'the first row of a stream deleted': [
    ['version-gap', 'row-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.streams()))[0]!.key),
  ],
  'two rows of a stream exchanged': [
    ['row-wrong', 'row-missing'],
    async (tx, keys, rows) => {
      const [first, second] = await rows(keys.streams())
      tx.set(first!.key, second!.value)
      tx.set(second!.key, first!.value)
    },
  ],
  'a row of a system stream that leads to an event of another stream': [
    ['metadata-wrong', 'row-wrong', 'row-missing'],
    async (tx, keys, rows) => {
      const [first] = await rows(keys.streamRange(await knownNumber(tx, keys, '$$s'), 1, 1))
      const other = await tx.get(keys.streamKey(await knownNumber(tx, keys, 's'), 4))
      tx.set(first!.key, other!)
    },
  ],
  'a row of a stream that is too long': [
    ['damaged', 'row-missing'],
    async (tx, keys, rows) => tx.set((await rows(keys.streams()))[0]!.key, new Uint8Array(40)),
  ],
  'a row of a stream that is too short': [
    ['damaged', 'row-missing'],
    async (tx, keys, rows) => tx.set((await rows(keys.streams()))[0]!.key, new Uint8Array(3)),
  ],
  'an event that was copied to another place of the log': [
    ['damaged'],
    async (tx, keys, rows) => {
      const [first] = await rows(keys.log())
      const copy = Uint8Array.from(first!.key)
      copy[copy.length - 6]! ^= 0x80
      tx.set(copy, first!.value)
    },
  ],
  'a deleted name': [
    ['metadata-wrong', 'row-wrong', 'row-missing'],
    async (tx, keys) => tx.clear(keys.nameKey('s')),
  ],
  'two names with one number': [
    ['metadata-wrong', 'number-shared'],
    async (tx, keys, rows) => {
      const [first] = await rows(keys.nameRange('s', undefined))
      const number = decodeName(keys, first!.key, first!.value)
      tx.set(keys.nameKey('zzz'), encodeName(keys, keys.nameKey('zzz'), number))
    },
  ],
  'a name with a number that was never given out': [
    ['number-not-given'],
    async (tx, keys) => tx.set(keys.nameKey('zzz'), encodeName(keys, keys.nameKey('zzz'), 1_000_000)),
  ],
  'a counter of numbers that has gone back': [
    ['number-not-given'],
    async (tx, keys) => tx.set(keys.streamNumbers, encodeNumber(1)),
  ],
  'an event id that cannot be found': [
    ['event-id-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.eventIds()))[0]!.key),
  ],
  'a deleted event id': [
    ['event-id-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.eventIds()))[0]!.key),
  ],
  'an event id that leads to another event': [
    ['event-id-missing', 'event-id-wrong'],
    async (tx, keys, rows) => tx.set((await rows(keys.eventIds()))[0]!.key, encodeNumber(1)),
  ],
  'an event id that leads to no event': [
    ['event-id-missing', 'event-id-wrong'],
    async (tx, keys, rows) => tx.set((await rows(keys.eventIds()))[0]!.key, encodeNumber(77)),
  ],
  'a chunk removed': [['damaged'], async (tx, keys, rows) => tx.clear((await rows(keys.chunks()))[1]!.key)],
  'a chunk that is too short': [
    ['damaged'],
    async (tx, keys, rows) => {
      const { key, value } = (await rows(keys.chunks())).at(-1)!
      tx.set(key, value.subarray(1))
    },
  ],
  'a chunk too many': [
    ['chunk-orphaned', 'damaged'],
    async (tx, keys, rows) => {
      const key = Uint8Array.from((await rows(keys.chunks())).at(-1)!.key)
      key[key.length - 1]! += 1
      tx.set(key, Uint8Array.of(1))
    },
  ],
  'a chunk that belongs to no event': [
    ['chunk-orphaned'],
    async (tx, keys, rows) => {
      const { key, value } = (await rows(keys.chunks()))[0]!
      const orphan = Uint8Array.from(key)
      orphan[keys.chunkRange(new Uint8Array(12)).begin.length - 6]! ^= 0x80
      tx.set(orphan, value)
    },
  ],
  'metadata that is not what its events say': [
    ['metadata-wrong'],
    async (tx, keys) => setMap(tx, keys, await knownNumber(tx, keys, 's'), { a: 2 }),
  ],
  'metadata that is no JSON': [
    ['damaged'],
    async (tx, keys) => {
      const key = keys.metaKey(await knownNumber(tx, keys, 's'))
      tx.set(key, sealed(keys.relative(key), Uint8Array.of(1)))
    },
  ],
  'metadata that is too short for a checksum': [
    ['damaged'],
    async (tx, keys) => tx.set(keys.metaKey(await knownNumber(tx, keys, 's')), Uint8Array.of(1)),
  ],
  'metadata of another stream': [
    ['damaged'],
    async (tx, keys, rows) => {
      const { value } = (await rows(keys.allMetadata()))[0]!
      tx.set(keys.metaKey(await knownNumber(tx, keys, 'large')), value)
    },
  ],
  'metadata deleted': [
    ['metadata-wrong'],
    async (tx, keys) => tx.clear(keys.metaKey(await knownNumber(tx, keys, 's'))),
  ],
  'metadata of a stream without such events': [
    ['metadata-wrong'],
    async (tx, keys) => setMap(tx, keys, await knownNumber(tx, keys, 'large'), { a: 2 }),
  ],
  'metadata of no stream': [['metadata-wrong'], async (tx, keys) => setMap(tx, keys, 4_711, {})],
  'a life that is not what its events say': [
    ['life-wrong'],
    async (tx, keys) => setLife(tx, keys, await knownNumber(tx, keys, 'kept'), { maxCount: 3 }),
  ],
  'a life deleted': [
    ['life-wrong'],
    async (tx, keys) => tx.clear(keys.lifeKey(await knownNumber(tx, keys, 'gone'))),
  ],
  'the life of a scavenged stream deleted': [
    ['life-wrong', 'version-gap'],
    async (tx, keys) => tx.clear(keys.lifeKey(await knownNumber(tx, keys, 'cut'))),
  ],
  'a life without a checksum': [
    ['damaged'],
    async (tx, keys) =>
      tx.set(keys.lifeKey(await knownNumber(tx, keys, 'gone')), new TextEncoder().encode('{"deletedAt":3}')),
  ],
  'a life of no stream': [
    ['metadata-wrong'],
    async (tx, keys) => setLife(tx, keys, 4_711, { truncateBefore: 1 }),
  ],
  'a stream that was scavenged, but not as far as its life says': [
    ['event-scavenged'],
    async (tx, keys) =>
      setLife(tx, keys, await knownNumber(tx, keys, 'cut'), { truncateBefore: 3, scavengedTo: 3 }),
  ],
  'a stream that was scavenged further than its life says': [
    ['version-gap'],
    async (tx, keys) =>
      setLife(tx, keys, await knownNumber(tx, keys, 'cut'), { truncateBefore: 3, scavengedTo: 1 }),
  ],
  'the end of a scavenged stream deleted': [
    ['row-missing'],
    async (tx, keys) => tx.clear(keys.streamKey(await knownNumber(tx, keys, 'emptied'), 5)),
  ],
  ...indexDamages('category'),
  ...indexDamages('type'),
  ...indexDamages('tag'),
  'a part of the result of an idempotency key deleted': [
    ['key-result-wrong'],
    async (tx, keys) => tx.clear(keys.keyResults.part('key', 1)),
  ],
  'the first part of the result of an idempotency key deleted': [
    ['key-result-wrong'],
    async (tx, keys) => tx.clear(keys.keyResults.part('key', 0)),
  ],
  'the result of an idempotency key under another key': [
    ['damaged'],
    async (tx, keys, rows) =>
      tx.set(keys.keyResults.part('other', 0), (await rows(keys.keyResults.parts('key')))[0]!.value),
  ],
  'an idempotency key that would never expire': [
    ['key-expiry-missing'],
    async (tx, keys) => tx.clearRange(keys.keyResults.expiries()),
  ],
  'a snapshot that was copied to another version': [
    ['damaged'],
    async (tx, keys, rows) => {
      const { key, value } = (await rows(keys.snapshots.all()))[0]!
      const place = keys.snapshots.placeOf(key)
      tx.set(keys.snapshots.key(place, place.version - 1, place.piece), value)
    },
  ],
  'the work on an index that is ready': [
    ['reindex-wrong'],
    async (tx, keys) => tx.set(keys.reindexKey('tag'), Uint8Array.of(1)),
  ],
  'a row of nobody': [['row-unknown'], async (tx, keys) => tx.set(keys.root.pack([4_711]), Uint8Array.of(1))],
}

function indexDamages(index: IndexName): Readonly<Record<string, readonly [readonly string[], Damage]>> {
  const text = { category: 's', type: 'A', tag: 'red' }[index]
  return {
    [`a deleted row of the index by ${index}`]: [
      ['index-row-missing'],
      async (tx, keys, rows) => tx.clear((await rows(keys.indexRows(index)))[0]!.key),
    ],
    [`a row of the index by ${index} that leads to another event`]: [
      ['index-row-wrong'],
      async (tx, keys, rows) => {
        const { key } = (await rows(keys.indexRows(index)))[0]!
        tx.set(key, encodePlace(await knownNumber(tx, keys, 's'), 2))
      },
    ],
    [`a row of the index by ${index} that is damaged`]: [
      ['damaged'],
      async (tx, keys, rows) => tx.set((await rows(keys.indexRows(index)))[0]!.key, Uint8Array.of(7)),
    ],
    [`a row of the index by ${index} that leads nowhere`]: [
      ['index-row-wrong'],
      async (tx, keys, rows) => {
        const { key, value } = (await rows(keys.indexRows(index)))[0]!
        const copy = Uint8Array.from(key)
        copy[copy.length - 6]! ^= 0x80
        tx.set(copy, value)
      },
    ],
    [`a row of the index by ${index} about an event of which it is not true`]: [
      ['index-row-wrong'],
      async (tx, keys, rows) => {
        const { key, value } = (await rows(keys.indexRows(index)))[0]!
        tx.set(keys.indexKey(index, `${text}!`, keys.stampAtEnd(key)), value)
      },
    ],
  }
}

function setMap(tx: Transaction, keys: Keyspace, number: number, map: object): void {
  const key = keys.metaKey(number)
  tx.set(key, encodeSealedJson(keys.relative(key), map))
}

function setLife(tx: Transaction, keys: Keyspace, number: number, life: Life): void {
  const key = keys.lifeKey(number)
  tx.set(key, encodeLife(keys, key, life))
}

/** The number of a stream that there is. */
export async function knownNumber(tx: Transaction, keys: Keyspace, streamId: string): Promise<number> {
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) throw new Error(`There is no stream ${streamId}`)
  return number
}
