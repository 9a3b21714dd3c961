import { EventDbError, type NewEvent, type StoreTransaction } from 'eventdb'
import { LineError } from './errors.ts'
import type { EventLine } from './event-line.ts'
import { BATCH_BYTES_MAX, BATCH_TAGS_MAX } from './limits.ts'

/** An event with the line that it came from. */
export interface NumberedEvent extends EventLine {
  readonly line: number
}

/** Consecutive events of one stream, for one append. */
interface Run {
  readonly streamId: string
  readonly events: NewEvent[]
  readonly line: number
  readonly version: number | undefined
}

/** The events of one transaction, in the order of the file. Parsed and valid, as far as can be told without the store. */
export class ImportBatch {
  readonly #eventsMax: number
  readonly #events: NumberedEvent[] = []
  #bytes = 0
  #tags = 0

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax
  }

  get size(): number {
    return this.#events.length
  }

  /** Whether a line of so many bytes needs a new batch. */
  isFullFor(lineBytes: number): boolean {
    if (this.size === 0) return false
    return (
      this.size >= this.#eventsMax ||
      this.#bytes + lineBytes > BATCH_BYTES_MAX ||
      this.#tags >= BATCH_TAGS_MAX
    )
  }

  add(event: NumberedEvent, lineBytes: number): void {
    this.#events.push(event)
    this.#bytes += lineBytes
    this.#tags += event.event.tags?.length ?? 0
  }

  /**
   * Runs a transaction that appends everything; `transact` gives `append` its transaction. If the store refuses an append
   * of several events, a second run appends them one by one, to find the line at fault.
   *
   * @throws LineError with the line that the store refused
   */
  async write(transact: (append: AppendAll) => Promise<number>): Promise<number> {
    const runs = this.#events.reduce(addToRuns, [])
    try {
      return await transact((tx) => appendRuns(tx, runs))
    } catch (error) {
      if (!(error instanceof LineError) || runs.length === this.size) throw error
      return await transact((tx) => appendRuns(tx, this.#events.map(runOf)))
    }
  }
}

/** Appends a batch in a transaction. Returns how many of its events are new to their streams. */
export type AppendAll = (tx: StoreTransaction) => Promise<number>

async function appendRuns(tx: StoreTransaction, runs: readonly Run[]): Promise<number> {
  let added = 0
  for (const run of runs) {
    try {
      if (!(await isRecorded(tx, run)) && (await appendRun(tx, run))) added += run.events.length
    } catch (error) {
      throw isAboutTheEvents(error) ? new LineError(run.line, error.message, { cause: error }) : error
    }
  }
  return added
}

async function appendRun(tx: StoreTransaction, { streamId, events }: Run): Promise<boolean> {
  const { idempotent } = await tx.stream(streamId).append(events)
  return !idempotent
}

/**
 * Whether this very event comes from this very store. The store recognises ids by itself only where callers supplied
 * them; an export carries the ids that the store made, too.
 */
async function isRecorded(tx: StoreTransaction, { streamId, events, version }: Run): Promise<boolean> {
  const id = events[0]?.id
  if (id === undefined || version === undefined) return false
  const recorded = await tx.stream(streamId).event(version)
  return recorded?.id === id.toLowerCase()
}

/** Anything else is about the storage or the transaction, and would be the same for any line. */
function isAboutTheEvents(error: unknown): error is EventDbError {
  const codes = ['invalid-argument', 'limit-exceeded', 'unserializable', 'idempotency-conflict']
  return error instanceof EventDbError && (codes.includes(error.code) || error.code.startsWith('stream-'))
}

/** Events with an id go alone, so that the store can tell for each whether it is there already. */
function addToRuns(runs: Run[], event: NumberedEvent): Run[] {
  const last = runs.at(-1)
  const joins = last?.streamId === event.streamId && event.event.id === undefined
  if (joins && last.events[0]?.id === undefined) last.events.push(event.event)
  else runs.push(runOf(event))
  return runs
}

function runOf({ streamId, event, line, version }: NumberedEvent): Run {
  return { streamId, events: [event], line, version }
}
