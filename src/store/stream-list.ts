import type { ReadTransaction } from '../kv/contract.ts'
import { READ_PAGE_EVENTS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { StreamEntry, StreamsOptions } from './contract.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { onSnapshot } from './on-snapshot.ts'
import { isSystemStream } from './prepared-event.ts'
import { checkLimit } from './read-options.ts'
import { decodeNumber } from './small-values.ts'
import { headOf } from './stream-rows.ts'

/** A stream with the number that it has inside. */
export interface NumberedEntry extends StreamEntry {
  readonly number: number
}

/** Enumerates streams, page by page, each on a snapshot of its own. @throws InvalidArgumentError */
export async function* listStreams(
  { kv, keys, runtime }: StoreHost,
  options: StreamsOptions,
): AsyncGenerator<NumberedEntry> {
  const { prefix = '', limit = Number.POSITIVE_INFINITY, system = false, signal } = options
  checkLimit(limit, 'streams')
  let after = options.after
  for (let left = limit; left > 0; ) {
    signal?.throwIfAborted()
    const page = await onSnapshot(kv, (tx) => readPage(tx, keys, prefix, after))
    for (const entry of page) {
      if (isSystemStream(entry.streamId) && !system) continue
      yield entry
      left -= 1
      if (left <= 0) return
    }
    if (page.length < READ_PAGE_EVENTS) return
    after = page.at(-1)!.streamId
    await turn(runtime)
  }
}

async function readPage(
  tx: ReadTransaction,
  keys: Keyspace,
  prefix: string,
  after: string | undefined,
): Promise<NumberedEntry[]> {
  const rows = await tx.getRange(keys.nameRange(prefix, after), { limit: READ_PAGE_EVENTS }).toArray()
  return Promise.all(
    rows.map(async ({ key, value }) => {
      const number = decodeNumber(value, 'The number of a stream')
      const head = await headOf(tx, keys, number)
      return { streamId: keys.streamIdOfName(key), version: head?.version ?? 0, number }
    }),
  )
}
