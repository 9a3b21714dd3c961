import type { Transaction } from '../../kv/contract.ts'
import type { KeyRange, Row } from '../../kv/rows.ts'
import type { Keyspace } from '../../store/keyspace.ts'
import { encodeNumber } from '../../store/small-values.ts'
import { numbers } from './laws.ts'

/** Breaks something, through the key-value store. */
export type Damage = (
  tx: Transaction,
  keys: Keyspace,
  rows: (range: KeyRange) => Promise<Row[]>,
) => Promise<void>

/** Ways to break a store, and the kinds of problems that must be found then. */
export const DAMAGES: Readonly<Record<string, readonly [readonly string[], Damage]>> = {
  'a deleted row of the log': [
    ['event-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.log()))[2]!.key),
  ],
  'the last row of a stream deleted': [
    ['row-missing'],
    async (tx, keys, rows) => tx.clear((await rows(keys.streams())).at(-1)!.key),
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
  'a row of a stream that is too long': [
    ['damaged', 'row-missing'],
    async (tx, keys, rows) => tx.set((await rows(keys.streams()))[0]!.key, new Uint8Array(40)),
  ],
  'a row of a stream that is too short': [
    ['damaged', 'row-missing'],
    async (tx, keys, rows) => tx.set((await rows(keys.streams()))[0]!.key, new Uint8Array(3)),
  ],
  'an event that was copied to another place of the log': [
    ['row-missing'],
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
      tx.set(keys.nameKey('zzz'), first!.value)
    },
  ],
  'a name with a number that was never given out': [
    ['number-not-given'],
    async (tx, keys) => tx.set(keys.nameKey('zzz'), encodeNumber(1_000_000)),
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
    ['damaged'],
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
    async (tx, keys) =>
      tx.set(keys.metaKey(await numberOf(tx, keys, 's')), new TextEncoder().encode('{"a":2}')),
  ],
  'metadata that is no JSON': [
    ['damaged'],
    async (tx, keys) => tx.set(keys.metaKey(await numberOf(tx, keys, 's')), Uint8Array.of(1)),
  ],
  'metadata deleted': [
    ['metadata-wrong'],
    async (tx, keys) => tx.clear(keys.metaKey(await numberOf(tx, keys, 's'))),
  ],
  'metadata of a stream without such events': [
    ['metadata-wrong'],
    async (tx, keys) =>
      tx.set(keys.metaKey(await numberOf(tx, keys, 'large')), new TextEncoder().encode('{"a":2}')),
  ],
  'metadata of no stream': [
    ['metadata-wrong'],
    async (tx, keys) => tx.set(keys.metaKey(4_711), new TextEncoder().encode('{}')),
  ],
}

/** The number of a stream, below 1,000. */
export async function numberOf(tx: Transaction, keys: Keyspace, streamId: string): Promise<number> {
  const value = await tx.get(keys.nameKey(streamId))
  return numbers(0, 1_000).find((number) => Buffer.compare(encodeNumber(number), value!) === 0)!
}
