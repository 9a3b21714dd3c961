import type { Reader } from '../kv/contract.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { prepareQuery } from '../store/query.ts'
import { decodeNumber, encodeNumber, sealed, unsealed } from '../store/small-values.ts'
import type { Tuple } from '../tuple/elements.ts'

/** Persistent and volatile groups have their names apart. */
export type GroupKind = 'persistent' | 'volatile'

const KINDS: readonly GroupKind[] = ['persistent', 'volatile']

/** The key of a group's name. A query can be longer than a key, so it stands there by its SHA-256. */
export async function nameKey(
  { subscriptions }: Keyspace,
  kind: GroupKind,
  source: SourceName,
  name: string,
): Promise<Uint8Array> {
  return subscriptions.pack([KINDS.indexOf(kind), ...(await sourceTuple(source)), name])
}

async function sourceTuple(source: SourceName): Promise<Tuple> {
  switch (source.kind) {
    case 'all':
      return ['all']
    case 'stream':
      return ['stream', source.streamId]
    case 'category':
      return ['category', source.category]
    case 'type':
      return ['type', source.type]
    case 'query': {
      const text = new TextEncoder().encode(canonicalQuery(source))
      return ['query', new Uint8Array(await crypto.subtle.digest('SHA-256', text))]
    }
    default:
      return source satisfies never
  }
}

/** The same text for queries that are the same but for the order of what they name. */
function canonicalQuery({ query }: Extract<SourceName, { kind: 'query' }>): string {
  const { items } = prepareQuery(query)
  if (items === undefined) return 'all'
  const texts = items.map(({ types, tags }) => JSON.stringify([types.toSorted(), tags.toSorted()]))
  return texts.toSorted().join('\n')
}

/** Encodes the number of a group, under its name. */
export function encodeGroupNumber(keys: Keyspace, key: Uint8Array, number: number): Uint8Array {
  return sealed(keys.relative(key), encodeNumber(number))
}

/** @throws CorruptionError */
export function decodeGroupNumber(keys: Keyspace, key: Uint8Array, value: Uint8Array): number {
  const what = 'The number of a subscription'
  return decodeNumber(unsealed(keys.relative(key), value, what), what)
}

/** The number of a group, or `undefined` if there is none of that name. */
export async function groupNumberOf(
  tx: Reader,
  keys: Keyspace,
  key: Uint8Array,
): Promise<number | undefined> {
  const row = await tx.get(key)
  return row === undefined ? undefined : decodeGroupNumber(keys, key, row)
}
