import {
  ConflictError,
  LeaseLostError,
  SubscriptionNotFoundError,
  TransactionTooOldError,
} from '../errors.ts'
import { VOLATILE_GRACE_MS } from '../limits.ts'
import { sleep } from '../runtime.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import { AloneMode } from './alone-mode.ts'
import { DeskMembers } from './desk-members.ts'
import type { DeskParts } from './desk-parts.ts'
import { type DeskRequest, exchangeIn, renewIn } from './exchange-at-desk.ts'
import { GroupBell } from './group-bell.ts'
import type { ExchangeOutcome } from './group-exchange-parts.ts'
import { GroupFetcher } from './group-fetcher.ts'
import { SeenLeases } from './group-leases.ts'
import type { GroupMember, MemberDesk } from './group-member.ts'
import { GroupReadAhead } from './group-read-ahead.ts'
import type { Control, Item } from './group-rows.ts'
import { LeaseClock } from './lease-clock.ts'
import { type Sight, type Source, sourceOf } from './source.ts'
import { TurnTaker } from './turn-taker.ts'

/** How often an exchange is tried before leases are seen to. */
const EXCHANGE_ATTEMPTS_MAX = 8
/** How long a desk waits before it tries an exchange again that was in conflict too often, in milliseconds. */
const CONFLICT_PAUSE_MS = 20

/**
 * Serves the consumers that this process has in one group. It is a loop that is woken by whatever happens, hands over what it can, and makes
 * an exchange when there is something to say or to ask for: see "A desk, mode by mode" in `docs/subscriptions.md`.
 */
export class GroupDesk implements MemberDesk {
  readonly #parts: DeskParts
  readonly #members = new DeskMembers()
  readonly #source: Source
  readonly #sight: Sight
  readonly #seen = new SeenLeases()
  #control: Control
  #readAhead: GroupReadAhead
  readonly #bell: GroupBell
  #isRunning = false
  #wake: (() => void) | undefined
  #isPoked = false
  /** Whether there may be something to be given out that is not known here. */
  #looksAgain = true
  readonly #alone: AloneMode
  #nextDueMs: number | undefined
  #lateSinceMs: number | undefined
  #reportingSinceMs: number | undefined
  readonly #lease: LeaseClock
  readonly #fetcher: GroupFetcher
  #hasMoreFor: ReadonlySet<number> = new Set()
  /** Whether others wait for what is finished here. */
  #isWaitedFor = false
  /** How much room there was when nothing could be given out; -1 if something could. */
  #blockedAtRoom = -1
  readonly #turns: TurnTaker

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#control = parts.control
    const { resolveLinks, system } = parts.control.settings
    this.#sight = { resolveLinks, system }
    this.#source = sourceOf(parts.control.source, this.#sight)
    this.#readAhead = this.#newReadAhead(parts.cursor)
    this.#fetcher = new GroupFetcher(parts.reading, this.#source, this.#sight)
    const lookAgain = (): void => {
      this.#looksAgain = true
      this.poke()
    }
    this.#bell = new GroupBell(parts.reading, parts.place.keys.bell, lookAgain)
    this.#alone = new AloneMode(parts.gate, lookAgain)
    this.#turns = new TurnTaker(parts.host.runtime)
    this.#lease = new LeaseClock(parts.host.runtime, () => this.messageTimeoutMs())
  }

  /** Serves one more consumer, whose lease is there. */
  add(member: GroupMember): void {
    this.#members.add(member)
    this.#looksAgain = true
    this.poke()
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#run()
  }

  poke(): void {
    this.#isPoked = true
    this.#wake?.()
  }

  monotonic(): number {
    return this.#parts.host.runtime.monotonic()
  }

  messageTimeoutMs(): number {
    return this.#control.settings.messageTimeoutMs
  }

  keyTextOf(event: RecordedEvent): string | undefined {
    return this.#readAhead.keyTextOf(event)
  }

  mayHandOver(item: Item): boolean {
    if (this.#control.state !== 'running' || (this.#alone.isOn && !item.isAlone)) return false
    if (this.#lease.isFresh) return true
    // Others may have taken it: the exchange will tell.
    this.poke()
    return false
  }

  // ── The loop ───────────────────────────────────────────────────────────────────────────────────────────

  async #run(): Promise<void> {
    while (!this.#members.isEmpty) {
      this.#isPoked = false
      try {
        for (const member of this.#members.present()) member.expire(this.monotonic())
        if (this.#isExchangeDue()) await this.#exchange()
        this.#handOver()
      } catch (error) {
        this.#fail(error)
      }
      this.#members.dismiss()
      // Handing over may have made room, or something to report.
      if (!this.#isPoked && !this.#members.isEmpty && !this.#isExchangeDue()) await this.#pause()
    }
    this.#close()
  }

  #handOver(): void {
    for (const member of this.#members.all()) {
      void this.#fetcher.fetchFor(member)?.then(
        () => this.poke(),
        (error) => this.#onUnreadable(error),
      )
      member.pump()
    }
  }

  /** Waits until it is poked, or something is due. */
  async #pause(): Promise<void> {
    const delayMs = Math.max(0, this.#nextWakeMs() - this.monotonic())
    await new Promise<void>((resolve) => {
      const { runtime } = this.#parts.host
      const cancel = Number.isFinite(delayMs) ? runtime.schedule(Math.ceil(delayMs), resolve) : () => {}
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }

  /** When something is due by itself, on the monotonic clock. */
  #nextWakeMs(): number {
    const { checkpointAfterMs } = this.#control.settings
    const present = this.#members.present()
    // Those who are lost only wait for their handlers, which wake the desk.
    if (present.length === 0) return Number.POSITIVE_INFINITY
    const times = [this.#lease.nextMs, this.#seen.nextMs((it) => this.#members.has(it))]
    const isGiving = this.#control.state === 'running' && present.some(({ wantsMore }) => wantsMore)
    if (isGiving) times.push(this.monotonic() + this.#dueInMs())
    if (this.#lateSinceMs !== undefined && isGiving) times.push(this.#lateSinceMs + VOLATILE_GRACE_MS)
    if (this.#reportingSinceMs !== undefined && this.#isWorthReporting()) {
      times.push(this.#reportingSinceMs + checkpointAfterMs)
    }
    for (const member of present) times.push(member.nextDeadlineMs())
    return Math.min(...times)
  }

  /** Gives up: without the store, consumers cannot even leave. Their leases run out. */
  #fail(error: unknown): void {
    for (const member of this.#members.all()) this.#members.lose(member, (life) => life.fail(error))
  }

  #close(): void {
    this.#isRunning = false
    this.#readAhead.stop()
    this.#bell.stop()
    this.#alone.end()
    this.#parts.onEmpty()
  }

  // ── When to make an exchange ───────────────────────────────────────────────────────────────────────────

  #isExchangeDue(): boolean {
    const members = this.#members.present()
    if (members.length === 0) return false
    if (members.some(({ isUrgent, canLeave }) => isUrgent || canLeave)) return true
    if (this.#lease.isDue || this.#runOut() !== undefined) return true
    const reported = this.#members.reported()
    const { checkpointUpperBound, checkpointAfterMs } = this.#control.settings
    if (reported > 0) this.#reportingSinceMs ??= this.monotonic()
    if (reported >= checkpointUpperBound || (this.#isWaitedFor && reported > 0)) return true
    if (this.#isWorthReporting() && this.monotonic() >= this.#reportingSinceMs! + checkpointAfterMs)
      return true
    return this.#control.state === 'running' ? this.#isMoreWanted(members) : this.#looksAgain
  }

  #isMoreWanted(members: readonly GroupMember[]): boolean {
    if (this.#alone.isOn) return this.#members.areDrained()
    const wanting = members.filter(({ wantsMore }) => wantsMore)
    if (wanting.length === 0 || this.#members.areHeavy()) return false
    if (this.#dueInMs() <= 0 || this.#isGraceOver() || this.#looksAgain) return true
    // What gave nothing the last time will give nothing again, unless there is room elsewhere.
    if (this.#members.room() <= this.#blockedAtRoom) return false
    return this.#readAhead.hasEvents || wanting.some(({ consumer }) => this.#hasMoreFor.has(consumer))
  }

  /** How long until a retry is due: at once, if the clock has jumped back behind what any backoff can be. */
  #dueInMs(): number {
    if (this.#nextDueMs === undefined) return Number.POSITIVE_INFINITY
    const dueInMs = this.#nextDueMs - this.#parts.host.runtime.now()
    return dueInMs > this.#control.settings.retryBackoff.maxMs ? 0 : dueInMs
  }

  /** Whether there is enough to be recorded, or nothing else to be done. */
  #isWorthReporting(): boolean {
    const reported = this.#members.reported()
    return (
      reported >= this.#control.settings.checkpointLowerBound || (reported > 0 && this.#members.areIdle())
    )
  }

  #runOut(): ReturnType<SeenLeases['runOut']> {
    const nowMs = this.#parts.host.runtime.now()
    return this.#seen.runOut((consumer) => this.#members.has(consumer), this.monotonic(), nowMs)
  }

  #isGraceOver(): boolean {
    return this.#lateSinceMs !== undefined && this.monotonic() >= this.#lateSinceMs + VOLATILE_GRACE_MS
  }

  // ── The exchange ───────────────────────────────────────────────────────────────────────────────────────

  async #exchange(): Promise<void> {
    // Exchanges do not wait for the event loop, so it must get its turn now and then.
    await this.#turns.take()
    await this.#bell.listen()
    const members = this.#members.present()
    if (this.#alone.isOn && this.#members.areDrained()) for (const member of members) member.giveBack()
    const wasToLook = this.#looksAgain
    this.#looksAgain = false
    const began = this.#lease.now()
    const request = this.#request(members)
    let outcome: ExchangeOutcome | undefined
    try {
      outcome = await this.#parts.host.kv.transact(
        (tx) => exchangeIn(tx, this.#parts.host, this.#parts, request),
        { commitAtOnce: true, attemptsMax: EXCHANGE_ATTEMPTS_MAX },
      )
    } catch (error) {
      return this.#onFailedExchange(members, request, error)
    }
    if (outcome === undefined) return this.#onDeleted(members)
    this.#reportingSinceMs = undefined
    if (request.renews) this.#lease.renewed(began)
    this.#apply(members, request, outcome)
    // Nobody had room, so nobody has looked.
    const isRunning = this.#control.state === 'running'
    if (wasToLook && isRunning && outcome.cursor === undefined) this.#looksAgain = true
  }

  #request(members: readonly GroupMember[]): DeskRequest {
    const { host } = this.#parts
    const isHeavy = this.#members.areHeavy()
    const elapsedMs = Math.max(1, this.#lease.ageMs)
    const renews = this.#lease.isDue || this.#runOut() !== undefined
    return {
      members: members.map((member) => {
        const room = isHeavy && member.isBuffering ? 0 : member.room
        const perSecond = (member.finishedCount * 1000) / elapsedMs
        if (renews) member.finishedCount = 0
        return member.report(this.#isAloneWith(member) ? 0 : room, perSecond)
      }),
      readAhead: this.#readAhead.request,
      alone: this.#alone.can(this.#members.areDrained() && members.every(({ isBuffering }) => !isBuffering)),
      renews,
      buries: this.#runOut(),
      graceIsOver: this.#isGraceOver(),
      movesCursor: renews && this.#readAhead.isBeyondCursor,
      wallMs: host.runtime.now(),
      random: () => host.runtime.random(),
    }
  }

  /** While one has a suspect in its hand, nobody gets more. */
  #isAloneWith(member: GroupMember): boolean {
    return this.#alone.isOn && (member.hasHanded || !this.#members.areDrained())
  }

  #apply(members: readonly GroupMember[], request: DeskRequest, outcome: ExchangeOutcome): void {
    const isChanged = outcome.control.revision !== this.#control.revision
    const hasNews = isChanged || this.#readAhead.request.through !== request.readAhead.through
    if (outcome.control.resets !== this.#control.resets) for (const member of members) member.forget()
    this.#control = outcome.control
    const leaving = new Set(request.members.flatMap(({ leaves, consumer }) => (leaves ? [consumer] : [])))
    for (const member of members) {
      const own = outcome.members.get(member.consumer)
      member.settleReport(own)
      if (own === undefined) this.#onLost(member)
      else if (leaving.has(member.consumer)) this.#members.release(member)
      else member.accept(own.given, (place) => this.#readAhead.eventAt(place))
    }
    if (outcome.leases !== undefined) this.#seen.look(outcome.leases, this.monotonic())
    if (isChanged) this.#startOver(outcome)
    else if (outcome.cursor !== undefined) this.#readAhead.moveTo(outcome.cursor)
    if (outcome.cursor !== undefined) this.#nextDueMs = outcome.nextDueMs
    this.#noteLate(outcome)
    for (const { consumer, room } of request.members) {
      if (outcome.passedOver > 0 && room <= 0) this.#members.get(consumer)?.lag(outcome.passedOver)
    }
    if (this.#alone.note(request.alone, outcome)) this.#looksAgain = true
    this.#noteMore(request, outcome, hasNews)
  }

  #noteLate({ waitsForOthers }: ExchangeOutcome): void {
    if (!waitsForOthers) this.#lateSinceMs = undefined
    else this.#lateSinceMs ??= this.monotonic()
  }

  /** What came while the exchange was under way may change what it came to. */
  #noteMore({ members }: DeskRequest, outcome: ExchangeOutcome, hasNews: boolean): void {
    const { cursor, hasMoreFor, isBlocked, isWaitedFor } = outcome
    if (cursor === undefined) return
    const hasGiven = [...outcome.members.values()].some(({ given }) => given.length > 0)
    this.#hasMoreFor = hasMoreFor
    this.#isWaitedFor = isWaitedFor
    const room = members.reduce((sum, member) => sum + Math.max(0, member.room), 0)
    this.#blockedAtRoom = (isBlocked || !hasGiven) && !hasNews ? room : -1
  }

  /** The group was reset, or is another: nothing that was read ahead counts, and after a reset nothing that was given out. */
  #startOver({ cursor, control }: ExchangeOutcome): void {
    this.#readAhead.stop()
    this.#readAhead = this.#newReadAhead(cursor ?? this.#readAhead.request.after)
    if (this.#alone.isOn && this.#members.areDrained()) this.#alone.end()
    this.#looksAgain = true
    if (control.state === 'running') this.poke()
  }

  #newReadAhead(cursor: AnyPlace): GroupReadAhead {
    const { feeds } = this.#parts
    const { settings, revision } = this.#control
    return new GroupReadAhead({
      feeds,
      source: this.#source,
      sight: this.#sight,
      settings,
      revision,
      cursor,
      onNews: () => {
        this.#blockedAtRoom = -1
        this.poke()
      },
      onError: (error) => this.#onUnreadable(error),
    })
  }

  /** What cannot be read ends the consumers, but they can still leave. */
  #onUnreadable(error: unknown): void {
    for (const member of this.#members.all()) member.life.fail(error)
    this.poke()
  }

  #onLost(member: GroupMember): void {
    const error = new LeaseLostError(this.#control.name, member.consumer)
    this.#members.lose(member, (life) => life.end('lease-lost', error))
  }

  #onDeleted(members: readonly GroupMember[]): void {
    const { name, source } = this.#control
    for (const member of members) {
      member.settleReport(undefined)
      this.#members.lose(member, (life) => life.end('deleted', new SubscriptionNotFoundError(name, source)))
    }
  }

  async #onFailedExchange(
    members: readonly GroupMember[],
    request: DeskRequest,
    error: unknown,
  ): Promise<void> {
    for (const member of members) member.keepReport()
    if (!(error instanceof ConflictError || error instanceof TransactionTooOldError)) return this.#fail(error)
    const { host, place } = this.#parts
    if (this.#lease.isDue) {
      const began = this.#lease.now()
      await host.kv.transact((tx) => renewIn(tx, host, place, request.members))
      this.#lease.renewed(began)
    }
    this.#looksAgain = true
    await sleep(host.runtime, CONFLICT_PAUSE_MS)
    this.poke()
  }
}
