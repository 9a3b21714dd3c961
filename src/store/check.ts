import { CorruptionError } from '../errors.ts'
import { byteString } from '../kv/byte-string.ts'
import type { KeyValueStore, ReadTransaction } from '../kv/contract.ts'
import type { KeyRange, Row } from '../kv/rows.ts'
import { positionOf } from '../kv/stamp.ts'
import { CHECK_PAGE_MS_MAX, CHECK_PAGE_ROWS, CHECK_PROBLEMS_MAX, CHUNK_BYTES } from '../limits.ts'
import { type Runtime, turn } from '../runtime.ts'
import { chunkedLength, isChunkedRow } from './chunks.ts'
import type { CheckOptions, CheckProblem, CheckReport, MetadataPatch } from './contract.ts'
import type { RecordedEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { isSystemStream } from './prepared-event.ts'
import { readEvent } from './read-event.ts'
import { decodeJson, decodeNumber } from './small-values.ts'
import { callerIdOf } from './stored-event.ts'
import { foldMetadata, systemStreamOf } from './stream-metadata.ts'
import { checkedStamp, numberOf } from './stream-rows.ts'
import { formatUuid } from './uuid.ts'

/**
 * Verifies everything that is stored, in both directions: every event has its rows, and every row its event.
 * Page by page, each on a snapshot of its own, so that the store stays in use; whatever is compared is read from one snapshot.
 */
export async function checkStore(host: StoreHost, options: CheckOptions = {}): Promise<CheckReport> {
  const check = new Check(host, options)
  await check.metadata()
  await check.names()
  await check.streams()
  await check.log()
  await check.chunks()
  await check.eventIds()
  return check.report()
}

class Check {
  readonly #kv: KeyValueStore
  readonly #keys: Keyspace
  readonly #runtime: Runtime
  readonly #options: CheckOptions
  readonly #problems: CheckProblem[] = []
  /** Numbers that have metadata and were not seen to belong to a stream yet. */
  readonly #describedNumbers = new Set<number>()
  #rows = 0
  #events = 0
  #streams = 0
  #enough = false

  constructor({ kv, keys, runtime }: StoreHost, options: CheckOptions) {
    this.#kv = kv
    this.#keys = keys
    this.#runtime = runtime
    this.#options = options
  }

  report(): CheckReport {
    return { problems: this.#problems, events: this.#events, streams: this.#streams, rows: this.#rows }
  }

  /** Metadata can be read. It is looked at before the names, as a stream may be created meanwhile, but none goes away. */
  async metadata(): Promise<void> {
    await this.#eachRow(this.#keys.allMetadata(), async (_, { key, value }) => {
      this.#describedNumbers.add(this.#keys.numberOfMetaKey(key))
      decodeJson(value, 'The metadata of a stream')
    })
  }

  /** No two names have the same number, every number was given out, and all metadata belongs to a stream. */
  async names(): Promise<void> {
    const numbers = new Map<number, string>()
    await this.#eachRow(this.#keys.nameRange('', undefined), async (tx, { key, value }) => {
      const streamId = this.#keys.streamIdOfName(key)
      const number = decodeNumber(value, `The number of stream ${JSON.stringify(streamId)}`)
      const other = numbers.get(number)
      numbers.set(number, streamId)
      this.#streams += 1
      if (other !== undefined) {
        this.#problem('number-shared', `Streams ${other} and ${streamId} have the same number`, { streamId })
      }
      await this.#checkCounter(tx, number, streamId)
      this.#describedNumbers.delete(number)
      if (!isSystemStream(streamId)) await this.#checkMetadata(tx, number, streamId)
    })
    for (const number of this.#enough ? [] : this.#describedNumbers) {
      this.#problem('metadata-wrong', `There is metadata for stream number ${number}, which has no name`, {})
    }
  }

  /** Versions of a stream are 1, 2, 3, …, and each points to an event that says so. */
  async streams(): Promise<void> {
    let previous = { number: -1, version: 0 }
    await this.#eachRow(this.#keys.streams(), async (tx, { key, value }) => {
      const place = this.#keys.placeOfStreamKey(key)
      const expected = place.number === previous.number ? previous.version + 1 : 1
      previous = place
      const event = await readEvent(tx, this.#keys, checkedStamp(value))
      const position = positionOf(value)
      if (place.version !== expected) {
        const streamId = event?.streamId ?? `number ${place.number}`
        this.#problem(
          'version-gap',
          `Stream ${streamId} goes from version ${expected - 1} to ${place.version}`,
          { position },
        )
      }
      if (event === undefined) {
        this.#problem(
          'event-missing',
          `Version ${place.version} of stream number ${place.number} has no event`,
          {
            position,
            version: place.version,
          },
        )
        return
      }
      const number = await numberOf(tx, this.#keys, event.streamId)
      if (event.version !== place.version || number !== place.number) {
        const { streamId, version } = event
        const message = `The row of version ${place.version} of stream number ${place.number} leads to version ${version} of ${streamId}`
        this.#problem('row-wrong', message, { streamId, version, position })
      }
    })
  }

  /** Every event can be read, and its stream knows it. Positions ascend, as they are the keys. */
  async log(): Promise<void> {
    await this.#eachRow(this.#keys.log(), async (tx, { key, value }) => {
      const stamp = this.#keys.stampOfLogKey(key)
      const position = positionOf(stamp)
      this.#events += 1
      const event = await readEvent(tx, this.#keys, stamp)
      if (event === undefined) return
      const { streamId, version } = event
      const number = await numberOf(tx, this.#keys, streamId)
      const row = number === undefined ? undefined : await tx.get(this.#keys.streamKey(number, version))
      if (row === undefined || byteString(row) !== byteString(stamp)) {
        const message = `Version ${version} of stream ${streamId} is in the log, but its stream does not lead to it`
        this.#problem('row-missing', message, { streamId, version, position })
      }
      const id = callerIdOf(event)
      if (id !== undefined && number !== undefined) await this.#checkEventId(tx, number, id, event)
      if (isChunkedRow(value) && chunkedLength(value) <= CHUNK_BYTES) {
        this.#problem('chunks-wrong', 'A small event is stored in chunks', { streamId, version, position })
      }
    })
  }

  /** An id that the caller supplied can be found, or the same append would be written again. */
  async #checkEventId(
    tx: ReadTransaction,
    number: number,
    id: Uint8Array,
    event: RecordedEvent,
  ): Promise<void> {
    const { streamId, version, position } = event
    const row = await tx.get(this.#keys.eventIdKey(number, id))
    if (row !== undefined && decodeNumber(row, 'The version of an event id') === version) return
    const message = `The id of version ${version} of stream ${streamId} does not lead to it`
    this.#problem('event-id-missing', message, { streamId, version, position })
  }

  /** Every chunk belongs to an event. */
  async chunks(): Promise<void> {
    await this.#eachRow(this.#keys.chunks(), async (tx, { key }) => {
      const stamp = checkedStamp(this.#keys.stampOfChunkKey(key))
      const row = await tx.get(this.#keys.logKey(stamp))
      if (row !== undefined && isChunkedRow(row)) return
      this.#problem('chunk-orphaned', 'A chunk belongs to no event', { position: positionOf(stamp) })
    })
  }

  /** Every event id leads to the event that has it. */
  async eventIds(): Promise<void> {
    await this.#eachRow(this.#keys.eventIds(), async (tx, { key, value }) => {
      const { number, id } = this.#keys.placeOfEventIdKey(key)
      const version = decodeNumber(value, 'The version of an event id')
      const stamp = await tx.get(this.#keys.streamKey(number, version))
      const event = stamp === undefined ? undefined : await readEvent(tx, this.#keys, stamp)
      const text = formatUuid(id, 0)
      if (event?.id === text) return
      this.#problem('event-id-wrong', `Event id ${text} leads to version ${version}, which has another id`, {
        version,
      })
    })
  }

  /** The metadata in force is what the events come to that changed it. */
  async #checkMetadata(tx: ReadTransaction, number: number, streamId: string): Promise<void> {
    const [row, systemNumber] = await Promise.all([
      tx.get(this.#keys.metaKey(number)),
      numberOf(tx, this.#keys, systemStreamOf(streamId)),
    ])
    const patches: MetadataPatch[] = []
    if (systemNumber !== undefined) {
      const range = this.#keys.streamRange(systemNumber, 1, Number.MAX_SAFE_INTEGER)
      for await (const { value } of tx.getRange(range)) {
        const event = await readEvent(tx, this.#keys, checkedStamp(value))
        if (event !== undefined) patches.push(event.data as MetadataPatch)
      }
    }
    const expected = patches.length === 0 ? undefined : JSON.stringify(foldMetadata(patches))
    const stored = row === undefined ? undefined : JSON.stringify(decodeJson(row, 'The metadata of a stream'))
    if (expected === stored) return
    this.#problem('metadata-wrong', `The metadata of stream ${streamId} is not what its events say`, {
      streamId,
    })
  }

  async #checkCounter(tx: ReadTransaction, number: number, streamId: string): Promise<void> {
    const counter = await tx.get(this.#keys.streamNumbers)
    const next = counter === undefined ? 0 : decodeNumber(counter, 'The counter of stream numbers')
    if (number >= next) {
      this.#problem('number-not-given', `Stream ${streamId} has a number that was never given out`, {
        streamId,
      })
    }
  }

  /** Looks at every row of a range. What a look throws as corruption is a problem like any other. */
  async #eachRow(range: KeyRange, look: (tx: ReadTransaction, row: Row) => Promise<void>): Promise<void> {
    let { begin } = range
    for (let more = !this.#enough; more; ) {
      this.#options.signal?.throwIfAborted()
      await this.#kv.readTransact(async (tx) => {
        const rows = await tx.getRange({ begin, end: range.end }, { limit: CHECK_PAGE_ROWS }).toArray()
        const looked = await this.#lookAtMany(tx, rows, look)
        this.#rows += looked
        more = !this.#enough && (looked < rows.length || rows.length === CHECK_PAGE_ROWS)
        if (more) begin = successor(rows[looked - 1]!.key)
      })
      this.#options.onProgress?.(this.#rows)
      await turn(this.#runtime)
    }
  }

  /** Looks at rows until the snapshot is to be given back: large events take their time. Returns how many those were. */
  async #lookAtMany(
    tx: ReadTransaction,
    rows: readonly Row[],
    look: (tx: ReadTransaction, row: Row) => Promise<void>,
  ): Promise<number> {
    const began = this.#runtime.monotonic()
    let looked = 0
    for (const row of rows) {
      await this.#look(tx, row, look)
      looked += 1
      if (this.#runtime.monotonic() - began > CHECK_PAGE_MS_MAX) break
    }
    return looked
  }

  async #look(
    tx: ReadTransaction,
    row: Row,
    look: (tx: ReadTransaction, row: Row) => Promise<void>,
  ): Promise<void> {
    if (this.#enough) return
    try {
      await look(tx, row)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      const { position } = error.details
      this.#problem('damaged', error.message, typeof position === 'bigint' ? { position } : {})
    }
  }

  #problem(
    kind: string,
    message: string,
    place: Pick<CheckProblem, 'streamId' | 'version' | 'position'>,
  ): void {
    this.#problems.push({ kind, message, ...place })
    this.#enough = this.#problems.length >= (this.#options.problemsMax ?? CHECK_PROBLEMS_MAX)
  }
}

function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
