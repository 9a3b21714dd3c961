import { CorruptionError } from '../errors.ts'
import type { ReadTransaction } from '../kv/contract.ts'
import type { KeyRange, Row } from '../kv/rows.ts'
import { CHECK_PAGE_MS_MAX, CHECK_PAGE_ROWS, CHECK_PROBLEMS_MAX } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { CheckOptions, CheckProblem } from './contract-admin.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { onSnapshot } from './on-snapshot.ts'

/** Where a problem is. */
export type ProblemPlace = Pick<CheckProblem, 'streamId' | 'version' | 'position'>

/** Looks at one row, on the snapshot that it was read from. */
export type Look = (tx: ReadTransaction, row: Row) => Promise<void>

/** What is to be done for each page of rows. */
export interface Paging {
  readonly begin?: () => void
  readonly end?: () => void
}

/** One check under way: it counts rows, collects problems, and knows when it has seen enough. */
export class CheckRun {
  readonly keys: Keyspace
  readonly problems: CheckProblem[] = []
  readonly #host: StoreHost
  readonly #options: CheckOptions
  rows = 0
  events = 0
  streams = 0
  isEnough = false

  constructor(host: StoreHost, options: CheckOptions) {
    this.#host = host
    this.keys = host.keys
    this.#options = options
  }

  /** Notes a problem. */
  problem(kind: string, message: string, place: ProblemPlace = {}): void {
    this.problems.push({ kind, message, ...place })
    this.isEnough = this.problems.length >= (this.#options.problemsMax ?? CHECK_PROBLEMS_MAX)
  }

  /**
   * Looks at every row of a range, page by page, each on a snapshot of its own. What a look throws as corruption is a problem like any other.
   * A page begins anew if its snapshot has become too old: then `begin` is called again, and `end` only once it has been looked at.
   */
  async eachRow(range: KeyRange, look: Look, { begin, end }: Paging = {}): Promise<void> {
    let from = range.begin
    for (let more = !this.isEnough; more; ) {
      this.#options.signal?.throwIfAborted()
      const { events, streams } = this
      const found = this.problems.length
      const page = await onSnapshot(this.#host.kv, async (tx) => {
        this.events = events
        this.streams = streams
        this.problems.length = found
        begin?.()
        const rows = await tx.getRange({ begin: from, end: range.end }, { limit: CHECK_PAGE_ROWS }).toArray()
        const looked = await this.#lookAtMany(tx, rows, look)
        return { rows, looked }
      })
      end?.()
      this.rows += page.looked
      more = !this.isEnough && (page.looked < page.rows.length || page.rows.length === CHECK_PAGE_ROWS)
      if (more) from = Uint8Array.of(...page.rows[page.looked - 1]!.key, 0)
      this.#options.onProgress?.(this.rows)
      await turn(this.#host.runtime)
    }
  }

  /** Looks at rows until the snapshot is to be given back: large events take their time. Returns how many those were. */
  async #lookAtMany(tx: ReadTransaction, rows: readonly Row[], look: Look): Promise<number> {
    const { runtime } = this.#host
    const began = runtime.monotonic()
    let looked = 0
    for (const row of rows) {
      await this.#look(tx, row, look)
      looked += 1
      if (runtime.monotonic() - began > CHECK_PAGE_MS_MAX) break
    }
    return looked
  }

  async #look(tx: ReadTransaction, row: Row, look: Look): Promise<void> {
    if (this.isEnough) return
    try {
      await look(tx, row)
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      this.problem('damaged', error.message, placeIn(error))
    }
  }
}

/** Where a corruption is, as far as it says. */
function placeIn({ details }: CorruptionError): ProblemPlace {
  const { streamId, version, position } = details
  return {
    ...(typeof streamId === 'string' && { streamId }),
    ...(typeof version === 'number' && { version }),
    ...(typeof position === 'bigint' && { position }),
  }
}
