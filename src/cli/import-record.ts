import type { EventStore, JsonValue, StoreTransaction } from 'eventdb'
import { CommandError } from './errors.ts'

/**
 * What an import leaves in the store, in the transaction of every batch: how far it came. It lies under the caller's
 * keys, at `['$import', <SHA-256 of the first line that is not blank>, <number>]`.
 */
export interface ImportRecord {
  readonly firstLineSha256: string
  /** Tells sources apart that begin alike. */
  readonly number: number
  /** Lines that are done. */
  readonly lines: number
  /** SHA-256 of those lines, each followed by `\n`. */
  readonly sha256: string
  /** Events on those lines. */
  readonly events: number
  /** What the source was called. */
  readonly source: string
}

/** The records of all sources that begin with this line. */
export function readImportRecords(store: EventStore, firstLineSha256: string): Promise<ImportRecord[]> {
  return store.readTransact(async (tx) => {
    const records: ImportRecord[] = []
    for await (const { key, value } of tx.kv.getRange(['$import', firstLineSha256])) {
      records.push(recordOf(firstLineSha256, Number(key.at(-1)), value))
    }
    return records
  })
}

/**
 * Replaces `before` by `after`, within the transaction of a batch.
 *
 * @throws CommandError if the record is not `before` any more: someone else is importing the same source
 */
export async function advanceImportRecord(
  tx: StoreTransaction,
  before: ImportRecord | undefined,
  after: ImportRecord,
): Promise<void> {
  const { firstLineSha256, number, ...value } = after
  const found = await tx.kv.get(keyOf(after))
  const lines = found === undefined ? undefined : recordOf(firstLineSha256, number, found).lines
  if (lines !== before?.lines) {
    throw new CommandError('the same source is being imported by another process, which has come further', {
      hint: 'when that one is done, the same command finds out what is left',
    })
  }
  tx.kv.set(keyOf(after), value)
}

/** Forgets a record, within the transaction of a batch. */
export function clearImportRecord(tx: StoreTransaction, record: ImportRecord): void {
  tx.kv.clear(keyOf(record))
}

function keyOf({ firstLineSha256, number }: ImportRecord): readonly [string, string, number] {
  return ['$import', firstLineSha256, number]
}

function recordOf(firstLineSha256: string, number: number, value: JsonValue | Uint8Array): ImportRecord {
  const { lines, sha256, events, source } = value as Partial<ImportRecord>
  if (typeof lines === 'number' && typeof sha256 === 'string' && typeof events === 'number') {
    return { firstLineSha256, number, lines, sha256, events, source: String(source) }
  }
  throw new CommandError(`the record of an earlier import, $import/${firstLineSha256}/${number}, is damaged`)
}
