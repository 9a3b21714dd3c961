import {
  AppendConditionError,
  EventNotFoundError,
  type StreamViolation,
  type Violation,
  WrongExpectedVersionError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { violationsOfQueries } from './append-queries.ts'
import { type Appended, nothingAppended, type SessionAppend, type SessionRequest } from './appended.ts'
import { heldForMs, waitWhileHeld } from './appends-hold.ts'
import type { PendingEvent } from './event.ts'
import { EventWriter, type OwnEvent } from './event-writer.ts'
import { violationOf } from './expected-version.ts'
import { storeNowMs } from './forward-clock.ts'
import type { StoreHost } from './host.ts'
import { InlineHandling, isForInline } from './inline.ts'
import { KeyResults } from './key-results.ts'
import { hiddenTo, type Life } from './life.ts'
import type { PreparedEvent } from './prepared-event.ts'
import { placesOf, RecordedIds } from './recorded-ids.ts'
import { type Memory, type NumberedStream, type SessionStream, SessionStreams } from './session-streams.ts'
import type { Settings } from './settings.ts'

/** How a session goes about its work. */
export interface SessionOptions {
  readonly memory: Memory
  /** Whether own events must be found again: by reads, or by queries that later appends depend on. */
  readonly keepsEvents: boolean
  /** What the store is, for whoever changes that in the same transaction. @default what is stored */
  readonly settings?: Settings
  /** Number of the copy that it is for: appends are never asked to wait for themselves. */
  readonly copy?: number
}

/**
 * The store's side of one run of a key-value transaction: which streams it has looked at, what it appends, and in which order.
 * All appends of a transaction go through one session, as they share the numbering of stamps.
 */
export class StoreSession {
  readonly tx: Transaction
  readonly #host: StoreHost
  readonly #streams: SessionStreams
  readonly #writer: EventWriter
  readonly #ids: RecordedIds
  readonly #keyResults: KeyResults
  readonly #memory: Memory
  readonly #copy: number | undefined
  #settings: Settings | undefined
  #hasWaited = false
  /** Appends that wait for their turn, or have it. */
  #turns = 0
  /** Own events that inline projections have been given. */
  #handed = 0
  /** Whether they will be given the others before the commit. */
  #isFinishing = false
  #inline: InlineHandling | undefined
  /** When what is appended for inline projections happens. */
  #nowMs = 0
  #lastTurn: Promise<unknown> = Promise.resolve()

  constructor(host: StoreHost, tx: Transaction, { memory, keepsEvents, settings, copy }: SessionOptions) {
    this.#host = host
    this.tx = tx
    this.#memory = memory
    this.#settings = settings
    this.#copy = copy
    this.#streams = new SessionStreams(host, tx, memory)
    this.#writer = new EventWriter(host, tx, keepsEvents)
    this.#ids = new RecordedIds(tx, host.keys, () => this.#writer.own)
    this.#keyResults = new KeyResults(host, tx)
  }

  /** Whether nothing was appended. */
  get isEmpty(): boolean {
    return this.#writer.nextUserVersion === 0
  }

  /** Whether nothing is to be committed: a key without events is. */
  get writesNothing(): boolean {
    return this.isEmpty && this.#keyResults.isEmpty
  }

  /** The user version of the last event of this session, by which a commit knows its position. */
  get lastUserVersion(): number | undefined {
    return this.isEmpty ? undefined : this.#writer.nextUserVersion - 1
  }

  /** The events that this session has appended and not hidden again, in order; to all streams without an id. */
  pendingEvents(streamId?: string): PendingEvent[] {
    return this.#writer.pendingEvents(
      (own) => (streamId === undefined || own.streamId === streamId) && !this.#isHidden(own),
    )
  }

  /** Whether this session has appended an event, and not hidden it again, for which this holds. */
  hasPending(isWanted: (event: OwnEvent) => boolean): boolean {
    return this.#writer.own.some((own) => isWanted(own) && !this.#isHidden(own))
  }

  /** An event that this session has appended, hidden or not. */
  pendingAt(number: number, version: number): PendingEvent | undefined {
    return this.#writer.pendingEvents((own) => own.number === number && own.version === version)[0]
  }

  /** The first version of a stream that this session has appended. */
  firstPending(streamId: string): number {
    const own = this.#writer.own.find((event) => event.streamId === streamId)
    return own?.version ?? Number.POSITIVE_INFINITY
  }

  /** Looks a stream up. */
  stream(id: string): Promise<SessionStream> {
    return this.#streams.get(id)
  }

  /** What the store is. The transaction conflicts with a change of it. @throws FormatError */
  async settings(): Promise<Settings> {
    this.#settings ??= this.#recalled() ?? (await this.#host.settings.read(this.tx))
    return this.#settings
  }

  /** What is known of the store. Who goes by the snapshot may be refused by inline projections that the snapshot must know of. */
  #recalled(): Settings | undefined {
    return this.#memory === 'use-memory' ? this.#host.settings.recall(this.tx) : undefined
  }

  /** Whether appends are asked to wait, and this one has not. When they need not any more, the store is another, so the transaction will be tried again. */
  #isHeld(): boolean {
    const { hold } = this.#settings!
    if (hold === undefined || hold.copy === this.#copy || this.#hasWaited) return false
    return heldForMs(this.#settings!, this.#host.runtime) > 0
  }

  async #waitWhileHeld(): Promise<void> {
    this.#hasWaited = true
    await waitWhileHeld(this.#host, this.#settings!)
  }

  /** Whether something was appended that inline projections have not been given. */
  get hasToHandOn(): boolean {
    return this.#isFinishing && this.#handed < this.#writer.own.length
  }

  /** Lets inline projections handle what was appended. @throws ProjectionNotCarriedError, ProjectionRefusedError */
  async handOn(): Promise<void> {
    this.#inline ??= new InlineHandling(this, this.#host, this.#settings!)
    await this.#inline.handOn(() => {
      const from = this.#handed
      this.#handed = this.#writer.own.length
      return this.#writer.pendingEvents((own) => !this.#isHidden(own), from)
    })
  }

  /** Lets them handle the rest, and writes what has come of it: before the commit at the latest. @throws as `handOn` does */
  async finish(): Promise<void> {
    while (this.hasToHandOn) await this.handOn()
    // Nothing can come in between here.
    this.#isFinishing = false
    this.#inline?.write()
    this.#inline = undefined
  }

  /**
   * Appends to streams, all or nothing. What is there already, by ids or key, is not written again. Appends take turns, so each
   * sees its predecessors. Where nothing has to be read, which is the rule for streams that are in use, it is done at once.
   * @throws AppendConditionError with every violation; IdempotencyConflictError; LimitExceededError
   */
  append(request: SessionRequest): readonly Appended[] | Promise<readonly Appended[]> {
    if (this.#turns === 0 && this.#isAtHand(request)) return this.#appendNow(request)
    return this.inTurn(() => this.appendWhenReady(request))
  }

  /** Gives a stream that does not exist a number, so that it can be made without waiting. */
  async reserveNumber(id: string): Promise<void> {
    await this.#streams.reserveNumber(id)
  }

  /** Makes a stream exist that has a number. */
  establish(stream: SessionStream): NumberedStream {
    return this.#streams.establish(stream)
  }

  /** Gives a stream that exists another life. */
  changeLife(stream: SessionStream, life: Life): void {
    this.#streams.changeLife(stream, life)
  }

  /** Runs what reads before it writes, when what was asked for before is done. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns += 1
    const turn = this.#lastTurn.then(work).finally(() => {
      this.#turns -= 1
    })
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  /** Looks for the ids of many appends at once, to streams that are at hand. Appends look for what is missing themselves. */
  async lookForIds(appends: readonly Pick<SessionAppend, 'streamId' | 'events'>[]): Promise<void> {
    const places = appends.flatMap(({ streamId, events }) => {
      const hasIds = events.some(({ id }) => id !== undefined)
      const number = hasIds ? this.#streams.atHand(streamId)?.number : undefined
      return number === undefined ? [] : placesOf(number, events)
    })
    await this.#ids.lookFor(places)
  }

  #isAtHand({ appends, conditions, queries, key }: SessionRequest): boolean {
    if (queries.length > 0 || key !== undefined) return false
    this.#settings ??= this.#recalled()
    if (this.#settings === undefined || this.#settings.inline.length > 0 || this.#isHeld()) return false
    for (const { streamId, events } of appends) {
      const stream = this.#streams.atHand(streamId)
      if (stream === undefined || (stream.number === undefined && events.length > 0)) return false
      if (!this.#ids.areNew(stream.number, events)) return false
    }
    return conditions.every(({ streamId }) => this.#streams.atHand(streamId) !== undefined)
  }

  /**
   * Reads everything that an append depends on, and makes it. For those who have their turn already. `withAppend` runs with the append, without
   * anything in between, so that no commit takes the one without the other. @throws as `append` does
   */
  async appendWhenReady(
    request: SessionRequest,
    withAppend: () => void = () => {},
  ): Promise<readonly Appended[]> {
    const { key, queries } = request
    const { inline } = await this.settings()
    if (this.#isHeld()) await this.#waitWhileHeld()
    if (inline.length > 0) this.#nowMs = await storeNowMs(this.#host, this.tx)
    const before = key && (await this.#keyResults.find(key))
    if (before !== undefined) return before
    const recorded = await this.#getReady(request)
    // What was appended before succeeds again whatever has happened since, even to the indexes.
    const violations = isRepeated(request, recorded)
      ? []
      : await violationsOfQueries(this, this.#host, queries)
    const appended = this.#appendNow(request, recorded, violations)
    withAppend()
    if (key !== undefined) this.#keyResults.record(key, appended, this.#writer.nextUserVersion)
    return appended
  }

  /** Reads what is known of the streams. Returns which parts of the append are recorded already. */
  async #getReady({ appends, conditions }: SessionRequest): Promise<readonly (Appended | undefined)[]> {
    const recorded: (Appended | undefined)[] = []
    for (const append of appends) {
      const { number } = await this.#streams.get(append.streamId)
      const hasIds = append.events.some(({ id }) => id !== undefined)
      const found = hasIds && number !== undefined ? await this.#ids.findRecorded(number, append) : undefined
      if (found === undefined && append.events.length > 0) await this.#streams.reserveNumber(append.streamId)
      recorded.push(found)
    }
    for (const { streamId } of conditions) await this.#streams.get(streamId)
    return recorded
  }

  /** Judges and writes without waiting for anything, so that nothing can come in between, and nothing fails half-way. */
  #appendNow(
    request: SessionRequest,
    recorded: readonly (Appended | undefined)[] = [],
    violations: readonly Violation[] = [],
  ): readonly Appended[] {
    const { appends, conditions, missing } = request
    const fresh =
      recorded.length === 0 ? appends : appends.filter((_, index) => recorded[index] === undefined)
    if (!isRepeated(request, recorded)) {
      if (missing !== undefined) throw new EventNotFoundError(missing.streamId, missing.version)
      this.#refuse([...this.#violationsOfStreams(fresh, conditions), ...violations])
    }
    const encoded = fresh.map((append) => this.#encode(append))
    let next = 0
    return appends.map((append, index) => recorded[index] ?? this.#write(append, encoded[next++]!))
  }

  #violationsOfStreams(
    appends: readonly SessionAppend[],
    conditions: SessionRequest['conditions'],
  ): StreamViolation[] {
    const violations: StreamViolation[] = []
    for (const list of [appends, conditions]) {
      for (const { streamId, expectedVersion, expectedBase } of list as readonly SessionAppend[]) {
        const violation = violationOf(expectedVersion, this.#streams.known(streamId)!, expectedBase)
        if (violation !== undefined) violations.push(violation)
      }
    }
    return violations
  }

  #refuse(violations: readonly Violation[]): void {
    if (violations.length === 0) return
    const areOfStreams = violations.every(({ kind }) => kind === 'stream')
    throw areOfStreams ? new WrongExpectedVersionError(violations) : new AppendConditionError(violations)
  }

  /** Encodes the events of an append with the versions that they will have. @throws LimitExceededError */
  #encode({ streamId, events }: SessionAppend): readonly Uint8Array[] {
    const stream = this.#streams.known(streamId)!
    return events.map((event, at) => {
      const timed = event.timeMs === undefined ? this.#timed(streamId, event) : event
      return this.#writer.encode(stream as NumberedStream, stream.version + 1 + at, timed)
    })
  }

  /** Inline projections see the same time of an event before it is recorded as they do later. */
  #timed(streamId: string, event: PreparedEvent): PreparedEvent {
    return isForInline(this.#settings!, streamId, event) ? { ...event, timeMs: this.#nowMs } : event
  }

  #write({ streamId, events }: SessionAppend, encoded: readonly Uint8Array[]): Appended {
    const known = this.#streams.known(streamId)!
    if (encoded.length === 0) return nothingAppended(known)
    this.#planToFinish()
    const stream = this.#streams.establish(known)
    const firstVersion = stream.version + 1
    this.#ids.note(stream.number, events, firstVersion)
    for (let at = 0; at < encoded.length; at += 1) {
      stream.version += 1
      this.#writer.write(stream, stream.version, events[at]!, encoded[at]!, this.#settings!)
    }
    return {
      streamId,
      firstVersion,
      lastVersion: stream.version,
      lastUserVersion: this.#writer.nextUserVersion - 1,
      recordedPosition: undefined,
      idempotent: false,
    }
  }

  /** Refused once the commit is under way: what is written then, no inline projection would see. */
  #planToFinish(): void {
    if (this.#isFinishing || this.#settings!.inline.length === 0) return
    this.tx.beforeCommit(() => this.finish())
    this.#isFinishing = true
  }

  #isHidden({ streamId, version }: OwnEvent): boolean {
    const { life, version: head } = this.#streams.known(streamId)!
    return version <= hiddenTo(life) || version <= head - (life.maxCount ?? head)
  }
}

/** Whether all events of an append, of which there are some, are recorded already. Conditions do not matter then. */
function isRepeated({ appends }: SessionRequest, recorded: readonly (Appended | undefined)[]): boolean {
  return (
    recorded.some((part) => part !== undefined) &&
    appends.every(({ events }, at) => events.length === 0 || recorded[at] !== undefined)
  )
}
