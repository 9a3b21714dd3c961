import type { AnyPlace } from '../store/broker.ts'
import type { DeliveryHandler } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import {
  type DeliveryDesk,
  HandedEvent,
  type OnHandlerError,
  type Verdict,
  verdictOn,
} from './group-delivery.ts'
import type { MemberOutcome, MemberReport } from './group-exchange-parts.ts'
import { joinedPending, nothingPending, type Pending } from './group-pending.ts'
import type { Item } from './group-rows.ts'
import { MemberBuffer } from './member-buffer.ts'
import { isThenable } from './outlet.ts'
import type { SubscriptionLife } from './subscription-life.ts'

/** What a consumer is told by its desk, and tells it. */
export interface MemberDesk {
  /** Whether events may be handed over now; only one that is alone, if that is what the desk waits for. */
  mayHandOver(item: Item): boolean
  /** Asks the desk to look after its consumers. */
  poke(): void
  monotonic(): number
  messageTimeoutMs(): number
  keyTextOf(event: RecordedEvent): string | undefined
}

/** What a consumer is made of. */
export interface MemberParts {
  readonly consumer: number
  readonly bufferSize: number
  readonly life: SubscriptionLife
  readonly desk: MemberDesk
  /** Left out if events are iterated. */
  readonly handler?: DeliveryHandler<RecordedEvent> | undefined
  readonly concurrency: number
  /** Whether what it was given is done with as soon as it was given. */
  readonly isVolatile?: boolean
  readonly onLagged?: ((count: number) => void) | undefined
  /** Called when all its handlers have had their events for too long, so that it gets nothing more. */
  readonly onStuck?: () => void
  readonly onError?: OnHandlerError | undefined
}

/** One consumer of a group, in memory: what it was given, what it has handed over, and what it has to report. */
export class GroupMember implements DeliveryDesk {
  readonly consumer: number
  readonly life: SubscriptionLife
  readonly #parts: MemberParts
  readonly #buffer = new MemberBuffer()
  readonly #handed = new Map<AnyPlace, HandedEvent>()
  /** Keys of events that are handed over: those of the same key wait. */
  readonly #busyKeys = new Set<bigint>()
  readonly #asking: ((delivery: HandedEvent | undefined) => void)[] = []
  #pending: Pending = nothingPending()
  #reporting: Pending | undefined
  /** Events in its hand, as far as is known to be durable. */
  #inHand = 0
  #running = 0
  /** Of the handlers that run, those whose time is over: nobody waits for them. */
  #overdue = 0
  /** Whether it is not in the group any more: nothing that it says counts. */
  #isLost = false
  #movedAtMs: number
  /** Whether what it was given went back because it did not ask for it. */
  #isResting = false
  isUrgent = false
  finishedCount = 0
  /** Volatile: events that it has missed. */
  lagged = 0

  constructor(parts: MemberParts) {
    this.#parts = parts
    this.consumer = parts.consumer
    this.life = parts.life
    this.#movedAtMs = parts.desk.monotonic()
    parts.life.signal.addEventListener('abort', () => this.#onEnd(), { once: true })
  }

  /** How many more events it can take. */
  get room(): number {
    if (this.#isResting || this.life.signal.aborted) return 0
    if (this.#parts.isVolatile) return this.#parts.bufferSize - this.#buffer.length
    return this.#parts.bufferSize - this.#inHand + this.reported
  }

  /** Events that it has to report. */
  get reported(): number {
    const { finished, failed, returned } = this.#pending
    return finished.length + failed.length + returned.length
  }

  /** Whether it waits for new events soon enough to ask for them now. */
  get wantsMore(): boolean {
    const { room } = this
    return room > 0 && (this.#buffer.length === 0 || room * 2 >= this.#parts.bufferSize)
  }

  get bufferSize(): number {
    return this.#parts.bufferSize
  }

  /** Whether it has a suspect that it has not handed over yet. */
  get hasAlone(): boolean {
    return this.#buffer.hasAlone
  }

  get hasHanded(): boolean {
    return this.#handed.size > 0 || this.#running > this.#overdue
  }

  get bufferedBytes(): number {
    return this.#buffer.bytes
  }

  get isBuffering(): boolean {
    return this.#buffer.length > 0
  }

  /** Whether its handler has returned, so that it can leave. */
  get canLeave(): boolean {
    return this.life.signal.aborted && this.#running === 0
  }

  /** Takes what it was given. */
  accept(items: readonly Item[], eventAt: (place: AnyPlace) => RecordedEvent | undefined): void {
    if (items.length === 0) return
    if (this.#buffer.length === 0) this.#movedAtMs = this.#parts.desk.monotonic()
    for (const item of items) this.#buffer.add(item, eventAt(item.place))
    this.#inHand += items.length
  }

  /** The places of the next events that it has not seen yet, if the first of them is one. */
  unseen(most: number): readonly AnyPlace[] {
    return this.#buffer.unseen(most)
  }

  /** Takes events that were fetched; one that is hidden by now is done. */
  see(places: readonly AnyPlace[], events: readonly (RecordedEvent | undefined)[]): void {
    this.#pending.finished.push(...this.#buffer.see(places, events))
  }

  /** Hands over what it can. */
  pump(): void {
    const { handler, concurrency } = this.#parts
    if (this.life.signal.aborted) return
    if (handler === undefined) {
      while (this.#asking.length > 0) {
        const handed = this.#next()
        if (handed === undefined) return
        this.#asking.shift()!(handed)
      }
      return
    }
    while (this.#running < concurrency && !this.life.signal.aborted) {
      const handed = this.#next()
      if (handed === undefined) return
      this.#handle(handler, handed)
    }
  }

  /** The next event for a loop; `undefined` at the end. */
  ask(): Promise<HandedEvent | undefined> {
    if (this.life.signal.aborted) return Promise.resolve(undefined)
    this.#asks()
    return new Promise((resolve) => {
      this.#asking.push(resolve)
      this.pump()
      this.#parts.desk.poke()
    })
  }

  settle(handed: HandedEvent, verdict: Verdict): Promise<boolean> {
    if (handed.isSettled || this.#isLost) return Promise.resolve(false)
    if (this.#parts.isVolatile) {
      this.#note(handed, verdict)
      return Promise.resolve(true)
    }
    this.isUrgent = true
    const settled = new Promise<boolean>((resolve) => this.#pending.waiting.set(handed.item.place, resolve))
    this.#note(handed, verdict)
    this.pump()
    this.#parts.desk.poke()
    return settled
  }

  /** Takes back what was handed over too long ago, and gives back what was not asked for in that time. */
  expire(nowMs: number): void {
    const timeoutMs = this.#parts.desk.messageTimeoutMs()
    for (const handed of this.#handed.values()) {
      if (handed.deadlineMs > nowMs) break
      this.isUrgent = true
      this.#note(handed, { kind: 'failed', action: 'retry', reason: `timed out after ${timeoutMs} ms` })
      handed.isOverdue = true
      if (this.#parts.handler !== undefined) this.#warnOfOverdue()
      handed.abort(new Error('The time of this delivery is over'))
    }
    if (this.#buffer.length === 0 || nowMs < this.#movedAtMs + timeoutMs || this.#isAsking()) return
    if (this.#parts.isVolatile) return
    this.giveBack()
    this.#isResting = true
  }

  #warnOfOverdue(): void {
    this.#overdue += 1
    if (this.#overdue === this.#parts.concurrency) this.#parts.onStuck?.()
  }

  /** When something of it is over, on the monotonic clock. */
  nextDeadlineMs(): number {
    const [first] = this.#handed.values()
    const unasked =
      this.#buffer.length === 0 || this.#isAsking() || this.#parts.isVolatile
        ? Number.POSITIVE_INFINITY
        : this.#movedAtMs + this.#parts.desk.messageTimeoutMs()
    return Math.min(first?.deadlineMs ?? Number.POSITIVE_INFINITY, unasked)
  }

  /** Gives back what was not handed over. */
  giveBack(): void {
    if (this.#buffer.length === 0) return
    this.#pending.returned.push(...this.#buffer.clear())
    this.isUrgent = true
  }

  /** What it says in an exchange; `settleReport` or `keepReport` must follow. */
  report(room: number, finishedPerSecond: number): MemberReport {
    const reporting = this.#pending
    this.#reporting = reporting
    this.#pending = nothingPending()
    this.isUrgent = false
    const { finished, failed, returned } = reporting
    return {
      consumer: this.consumer,
      finished,
      failed,
      returned,
      leaves: this.canLeave,
      room,
      finishedPerSecond,
    }
  }

  /** Notes what the exchange came to; `undefined` if the lease was lost. */
  settleReport(outcome: MemberOutcome | undefined): void {
    const { waiting, failedKeys } = this.#reporting!
    this.#reporting = undefined
    for (const key of failedKeys) this.#busyKeys.delete(key)
    for (const [place, resolve] of waiting) resolve(outcome?.accepted.has(place) ?? false)
    if (outcome === undefined) return
    this.finishedCount += outcome.accepted.size
    this.#inHand -= outcome.accepted.size + outcome.withdrawn.length
    this.#buffer.remove(new Set(outcome.withdrawn))
  }

  /** Keeps the report for the next exchange, as this one did not happen. */
  keepReport(): void {
    this.#pending = joinedPending(this.#reporting!, this.#pending)
    this.#reporting = undefined
  }

  /** Volatile: it had no room for so many events, and they are gone. */
  lag(count: number): void {
    this.lagged += count
    this.#parts.onLagged?.(count)
  }

  /** Forgets all that it has: the group was reset. */
  forget(): void {
    this.#buffer.clear()
    this.#inHand = 0
    for (const handed of this.#handed.values()) handed.abort(new Error('The subscription was reset'))
    this.#handed.clear()
    this.#busyKeys.clear()
    for (const resolve of this.#pending.waiting.values()) resolve(false)
    this.#pending = nothingPending()
  }

  /** Notes that it is not in the group any more: who waits to hear whether something counts hears that it does not. */
  lose(): void {
    this.#isLost = true
    for (const { waiting } of [this.#pending, this.#reporting ?? nothingPending()]) {
      for (const resolve of waiting.values()) resolve(false)
    }
    this.#pending = nothingPending()
  }

  /** Lets it go. */
  release(): void {
    this.lose()
    for (const handed of this.#handed.values()) handed.abort(this.life.signal.reason)
    this.#handed.clear()
    this.life.settle()
  }

  #onEnd(): void {
    for (const resolve of this.#asking.splice(0)) resolve(undefined)
    // Handlers in flight may finish; those who iterate have stopped.
    for (const handed of this.#handed.values()) handed.hurry(this.life.signal.reason)
    if (this.#parts.handler === undefined) {
      for (const handed of this.#handed.values()) handed.abort(this.life.signal.reason)
      this.#handed.clear()
    }
    this.#parts.desk.poke()
  }

  #asks(): void {
    this.#movedAtMs = this.#parts.desk.monotonic()
    this.#isResting = false
  }

  #isAsking(): boolean {
    return this.#parts.handler === undefined
      ? this.#asking.length > 0
      : this.#running < this.#parts.concurrency
  }

  /** The next event that may be handed over. */
  #next(): HandedEvent | undefined {
    const { desk } = this.#parts
    const found = this.#buffer.take(this.#busyKeys, (it) => desk.mayHandOver(it))
    if (found === undefined) return undefined
    const { item, event } = found
    const nowMs = desk.monotonic()
    this.#movedAtMs = nowMs
    const handed = new HandedEvent(
      this,
      item,
      event,
      this.#parts.isVolatile ? Number.POSITIVE_INFINITY : nowMs + desk.messageTimeoutMs(),
    )
    this.#handed.set(item.place, handed)
    if (item.key !== 0n) this.#busyKeys.add(item.key)
    return handed
  }

  #handle(handler: DeliveryHandler<RecordedEvent>, handed: HandedEvent): void {
    this.#running += 1
    try {
      const handling = handler(handed.event, handed)
      if (isThenable(handling)) {
        handling.then(
          () => this.#handled(handed),
          (error: unknown) => this.#threw(handed, error),
        )
        return
      }
    } catch (error) {
      this.#threw(handed, error)
      return
    }
    this.#running -= 1
    if (!handed.isSettled) this.#note(handed, { kind: 'done' })
  }

  #handled(handed: HandedEvent): void {
    this.#returned(handed)
    if (!handed.isSettled) this.#note(handed, { kind: 'done' })
    this.pump()
    this.#parts.desk.poke()
  }

  #threw(handed: HandedEvent, error: unknown): void {
    this.#returned(handed)
    // Nobody would get it again, so its owner must hear of it.
    if (this.#parts.isVolatile) this.life.end('handler-failed', error)
    if (!handed.isSettled) this.#note(handed, verdictOn(error, handed, this.#parts.onError))
    this.#parts.desk.poke()
  }

  #returned({ isOverdue }: HandedEvent): void {
    if (isOverdue) this.#overdue -= 1
    this.#running -= 1
    this.#asks()
  }

  #note(handed: HandedEvent, verdict: Verdict): void {
    const { place, key } = handed.item
    handed.isSettled = true
    this.#handed.delete(place)
    if (this.#parts.isVolatile) return
    if (key !== 0n && verdict.kind === 'done') this.#busyKeys.delete(key)
    if (verdict.kind === 'done') {
      this.#pending.finished.push(place)
      // What is behind it in its key can come now.
      if (handed.item.isHead) this.isUrgent = true
      return
    }
    const { action, reason } = verdict
    this.#pending.failed.push({ place, action, reason, keyText: this.#parts.desk.keyTextOf(handed.event) })
    this.isUrgent = true
    // What is behind it in the hand must not be handed over any more; the exchange takes it away.
    if (key !== 0n) this.#pending.failedKeys.push(key)
  }
}
