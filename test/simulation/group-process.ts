import type { AnyPlace } from '../../src/store/broker.ts'
import type {
  ExchangeOutcome,
  ExchangeRequest,
  Failure,
  MemberReport,
  ReadAhead,
} from '../../src/subscription/group-exchange-parts.ts'
import type { Item } from '../../src/subscription/group-rows.ts'
import type { SourceEvent } from './group-oracle.ts'

/** A consumer, as its process knows it. */
export class ModelMember {
  readonly consumer: number
  readonly bufferSize: number
  /** What it has and has not reported, in order. */
  items: Item[] = []
  readonly handed = new Set<AnyPlace>()
  finished: AnyPlace[] = []
  failed: Failure[] = []
  returned: AnyPlace[] = []
  leaves = false
  /** Whether it does not ask for more. */
  rests = false

  constructor(consumer: number, bufferSize: number) {
    this.consumer = consumer
    this.bufferSize = bufferSize
  }

  get room(): number {
    return this.rests ? 0 : this.bufferSize - this.items.length
  }

  get hasReports(): boolean {
    return this.finished.length + this.failed.length + this.returned.length > 0 || this.leaves
  }

  get hasAlone(): boolean {
    return this.items.some(({ isAlone }) => isAlone)
  }

  /** What can be handed over, or is: of each key the first only, and nothing of one that has failed. */
  eligible(isAlone: boolean): readonly Item[] {
    const busy = new Set(this.failed.map(({ keyText }) => keyText).filter((text) => text !== undefined))
    return this.items.filter((item) => {
      const key = String(item.key)
      if (item.key !== 0n && busy.has(key)) return false
      busy.add(key)
      return this.handed.has(item.place) || !isAlone || item.isAlone
    })
  }

  handOver({ place }: Item): void {
    this.handed.add(place)
  }

  finish(item: Item): void {
    this.#take(item)
    this.finished.push(item.place)
  }

  fail(item: Item, action: Failure['action']): void {
    this.#take(item)
    const keyText = item.key === 0n ? undefined : String(item.key)
    this.failed.push({ place: item.place, action, reason: 'no', keyText })
  }

  /** Gives back what was not handed over. */
  giveBack(): void {
    for (const item of this.items) if (!this.handed.has(item.place)) this.returned.push(item.place)
    this.items = this.items.filter(({ place }) => this.handed.has(place))
  }

  report(room: number): MemberReport {
    const { consumer, finished, failed, returned, leaves } = this
    ;[this.finished, this.failed, this.returned] = [[], [], []]
    return { consumer, finished, failed, returned, leaves, room, finishedPerSecond: 0 }
  }

  forget(): void {
    this.items = []
    this.handed.clear()
    ;[this.finished, this.failed, this.returned] = [[], [], []]
  }

  #take({ place }: Item): void {
    this.handed.delete(place)
    this.items = this.items.filter((item) => item.place !== place)
  }
}

/** What a process knows of its group: what a desk does, without a store and without time. */
export class ModelProcess {
  readonly name: string
  readonly members = new Map<number, ModelMember>()
  /** Whether it stands still. */
  isFrozen = false
  isAlone = false
  looks = true
  isBlocked = false
  hasMoreFor: ReadonlySet<number> = new Set()
  nextDueMs: number | undefined
  resets: number
  readAhead: ReadAhead

  constructor(name: string, cursor: AnyPlace, revision: number, resets: number) {
    this.name = name
    this.resets = resets
    this.readAhead = { after: cursor, through: cursor, events: [], revision }
  }

  get isDrained(): boolean {
    return [...this.members.values()].every(({ handed, hasAlone }) => handed.size === 0 && !hasAlone)
  }

  get isEmpty(): boolean {
    return [...this.members.values()].every(({ items }) => items.length === 0)
  }

  get hasReports(): boolean {
    return [...this.members.values()].some((member) => member.hasReports)
  }

  /** Whether a desk would make an exchange to get something. */
  wantsMore(isRunning: boolean, nowMs: number): boolean {
    if (!isRunning) return false
    if (this.isAlone) return this.isDrained
    const wanting = [...this.members.values()].filter(
      ({ room, bufferSize, items }) => room > 0 && (items.length === 0 || room * 2 >= bufferSize),
    )
    if (wanting.length === 0) return false
    if (this.nextDueMs !== undefined && nowMs >= this.nextDueMs) return true
    if (this.looks || wanting.some(({ consumer }) => this.hasMoreFor.has(consumer))) return true
    return this.readAhead.events.length > 0 && !this.isBlocked
  }

  /** Reads further in the source. */
  read(events: readonly SourceEvent[], through: AnyPlace): void {
    const { readAhead } = this
    if (through <= readAhead.through) return
    const more = events.filter(({ place }) => place > readAhead.through && place <= through)
    this.readAhead = { ...readAhead, through, events: [...readAhead.events, ...more] }
  }

  /** Notes what an exchange came to. Returns the consumers that are lost. */
  apply(request: ExchangeRequest, outcome: ExchangeOutcome, forgetsRead: boolean): readonly number[] {
    if (outcome.control.resets !== this.resets) for (const member of this.members.values()) member.forget()
    this.resets = outcome.control.resets
    const lost: number[] = []
    for (const { consumer, leaves } of request.members) {
      const own = outcome.members.get(consumer)
      const member = this.members.get(consumer)!
      if (own === undefined || leaves) this.members.delete(consumer)
      if (own === undefined) lost.push(consumer)
      else {
        member.items = member.items.filter(({ place }) => !own.withdrawn.includes(place))
        member.items.push(...own.given)
      }
    }
    this.#moveTo(outcome, forgetsRead)
    this.#noteAlone(request, outcome)
    if (outcome.cursor !== undefined) {
      this.hasMoreFor = outcome.hasMoreFor
      this.isBlocked = outcome.isBlocked
      this.nextDueMs = outcome.nextDueMs
    }
    const hasReported = [...outcome.members.values()].some(({ accepted }) => accepted.size > 0)
    if (this.isBlocked && hasReported) this.looks = true
    return lost
  }

  /** A process may keep what it has read for longer than it is good for. */
  #moveTo({ control, cursor }: ExchangeOutcome, forgetsRead: boolean): void {
    const { after, through, events, revision } = this.readAhead
    if (control.revision !== revision) {
      const from = cursor ?? after
      this.readAhead = { after: from, through: from, events: [], revision: control.revision }
      this.looks = true
    } else if (cursor !== undefined && forgetsRead) {
      this.readAhead =
        cursor < after || cursor > through
          ? { after: cursor, through: cursor, events: [], revision }
          : { after: cursor, through, events: events.filter(({ place }) => place > cursor), revision }
    }
  }

  #noteAlone({ alone }: ExchangeRequest, { suspectIsDue, members }: ExchangeOutcome): void {
    const hasAlone = [...members.values()].some(({ given }) => given.some(({ isAlone }) => isAlone))
    if (suspectIsDue || hasAlone) this.isAlone = true
    else if (this.isAlone && alone === 'ready') {
      this.isAlone = false
      this.looks = true
    }
    // The gate was closed, and opens some time.
    if (alone === 'unable') this.looks = true
  }
}
