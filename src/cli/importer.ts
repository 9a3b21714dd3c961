import type { EventStore } from 'eventdb'
import { CommandError, LineError } from './errors.ts'
import { parseEventLine } from './event-line.ts'
import { formatCounted } from './format.ts'
import { ImportBatch } from './import-batch.ts'
import {
  advanceImportRecord,
  clearImportRecord,
  type ImportRecord,
  readImportRecords,
} from './import-record.ts'
import type { ImportState } from './import-summary.ts'
import { isBlank, readLines, textOfLine } from './lines.ts'
import type { Source } from './source.ts'
import { lineSha256, SourceTrail } from './source-trail.ts'
import { type TagField, withFieldTags } from './tag-field.ts'

/** How to import. */
export interface ImportOptions {
  /** Most events of one transaction. */
  readonly batchEventsMax: number
  /** Whether to import from the first line on, as a source of its own. */
  readonly again: boolean
  /** Fields that become tags, in addition to those that the record has. @default none */
  readonly tagFields?: readonly TagField[]
  /** Ends the import after what was read so far is written. */
  readonly signal?: AbortSignal
  /** Called after every line. */
  readonly onProgress?: () => void
}

/**
 * One import of one source into a store. It begins by looking for the record of an earlier import:
 *
 * - `start`: nothing but blank lines so far.
 * - `skip`: sources that begin alike were imported before; lines are only hashed until one of the records fits, that is,
 *   counts as many lines with the same hash. If none fits, the source is refused.
 * - `append`: lines become events; every batch and the record of how far it came are one transaction.
 *
 * The record that fits first is the one to go on from: where one source is the beginning of another, the shorter one is
 * an import that is under way (`again`), and when it has come as far as the longer one, it takes its place.
 */
export class Importer implements ImportState {
  readonly #store: EventStore
  readonly #source: Source
  readonly #options: ImportOptions
  readonly #trail = new SourceTrail()
  #state: 'start' | 'skip' | 'append' = 'start'
  #batch: ImportBatch
  /** Records of sources that begin alike. */
  #alike: readonly ImportRecord[] = []
  #overtaken: ImportRecord[] = []
  #before: ImportRecord | undefined
  #next: ImportRecord | undefined
  #eventsKnown = 0
  #eventsAdded = 0
  #linesBefore = 0

  constructor(store: EventStore, source: Source, options: ImportOptions) {
    this.#store = store
    this.#source = source
    this.#options = options
    this.#batch = new ImportBatch(options.batchEventsMax)
  }

  /** Whether it still looks for where an earlier import ended. */
  get isSkipping(): boolean {
    return this.#state === 'skip'
  }

  /** Lines that were done by an earlier import. */
  get linesBefore(): number {
    return this.#linesBefore
  }

  /** Lines that are done. */
  get linesDone(): number {
    return this.#before?.lines ?? 0
  }

  /** Events on those lines. */
  get eventsDone(): number {
    return this.#before?.events ?? 0
  }

  /** Events that this import wrote. */
  get eventsAdded(): number {
    return this.#eventsAdded
  }

  /** Events that this import found in their streams already, by their ids. */
  get eventsKnown(): number {
    return this.#eventsKnown
  }

  /**
   * Imports. After a failure the getters say how far it came; what is done stays.
   *
   * @throws LineError for a line that cannot be imported; CommandError if the source differs from an earlier one, or cannot
   * be read; and what `store.transact` throws
   */
  async run(): Promise<void> {
    try {
      for await (const line of readLines(this.#source.chunks())) {
        if (this.#options.signal?.aborted) break
        await this.#take(line)
        this.#options.onProgress?.()
      }
    } catch (error) {
      // Stopping the source ends a read that waits, with an error that means nothing.
      if (!this.#options.signal?.aborted || error instanceof LineError) throw error
    }
    if (this.#state === 'skip' && !this.#options.signal?.aborted) throw this.#differs()
    await this.#write()
  }

  async #take(line: Buffer): Promise<void> {
    if (this.#state === 'append' && this.#batch.isFullFor(line.length)) await this.#write()
    this.#trail.pass(line)
    if (this.#state === 'start' && !isBlank(line)) await this.#start(line)
    if (this.#state === 'append' && !isBlank(line)) this.#add(line)
    if (this.#state === 'skip') this.#skip()
    else this.#overtake()
  }

  async #start(firstLine: Buffer): Promise<void> {
    const firstLineSha256 = lineSha256(firstLine)
    this.#alike = await readImportRecords(this.#store, firstLineSha256)
    const number = Math.max(0, ...this.#alike.map((record) => record.number)) + 1
    this.#next = { firstLineSha256, number, lines: 0, sha256: '', events: 0, source: this.#source.name }
    this.#state = this.#alike.length === 0 || this.#options.again ? 'append' : 'skip'
  }

  #skip(): void {
    const fitting = this.#fitting()
    if (fitting !== undefined) {
      this.#state = 'append'
      this.#before = fitting
      this.#next = { ...fitting, source: this.#source.name }
      this.#linesBefore = fitting.lines
    } else if (this.#alike.every((record) => record.lines <= this.#trail.lines)) {
      throw this.#differs()
    }
  }

  #overtake(): void {
    const fitting = this.#fitting()
    if (fitting !== undefined) this.#overtaken.push(fitting)
  }

  /** The record of another import that ends here and has seen the same. */
  #fitting(): ImportRecord | undefined {
    const ending = this.#alike.filter(({ lines }) => lines === this.#trail.lines)
    if (ending.length === 0) return undefined
    const sha256 = this.#trail.sha256()
    return ending.find((record) => record.sha256 === sha256)
  }

  #add(bytes: Buffer): void {
    const line = this.#trail.lines
    try {
      const event = withFieldTags(parseEventLine(textOfLine(bytes)), this.#options.tagFields ?? [])
      this.#batch.add({ ...event, line }, bytes.length)
    } catch (error) {
      throw error instanceof RangeError ? new LineError(line, error.message) : error
    }
  }

  async #write(): Promise<void> {
    const batch = this.#batch
    if (batch.size === 0) return
    const before = this.#before
    const record: ImportRecord = {
      ...this.#next!,
      lines: this.#trail.lines,
      sha256: this.#trail.sha256(),
      events: this.eventsDone + batch.size,
    }
    const overtaken = this.#overtaken.filter(({ number }) => number !== record.number)
    const added = await batch.write((append) =>
      this.#store.transact(async (tx) => {
        await advanceImportRecord(tx, before, record)
        for (const other of overtaken) clearImportRecord(tx, other)
        return append(tx)
      }),
    )
    this.#before = record
    this.#eventsAdded += added
    this.#eventsKnown += batch.size - added
    this.#batch = new ImportBatch(this.#options.batchEventsMax)
    this.#overtaken = []
  }

  #differs(): CommandError {
    const [record] = this.#alike.toSorted((a, b) => b.lines - a.lines)
    const { lines, source } = record!
    const reason =
      this.#trail.lines < lines
        ? `it has ${formatCounted(this.#trail.lines, 'line')} only`
        : 'its content differs'
    return new CommandError(
      `${this.#source.name}: begins like ${source}, of which ${formatCounted(lines, 'line')} were imported, but ${reason}`,
      { hint: '--again imports it from its first line on, as a source of its own' },
    )
  }
}
