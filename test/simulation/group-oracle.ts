import type { AnyPlace } from '../../src/store/broker.ts'
import type { ExchangeOutcome, ExchangeRequest } from '../../src/subscription/group-exchange-parts.ts'
import type { Item } from '../../src/subscription/group-rows.ts'
import { assertInTurn, demand, type GroupSight, isForgotten, isPinned, isSetAside } from './group-sight.ts'

/** What the oracle knows of an event that is not finished. */
interface Owed {
  readonly key: bigint
  /** How often it was delivered again and that counted. */
  retries: number
  /** Whether the next delivery counts. */
  counts: boolean
  /** Whether the present delivery has counted. */
  isCounted: boolean
  /** Whether it was lost with an earlier event of its key, and becomes a suspect when its turn comes. */
  isAccused: boolean
}

/** An event of the source. */
export interface SourceEvent {
  readonly place: AnyPlace
  readonly key: bigint
}

/** Who knows of each event whether it is finished, and how often it was delivered; the rows must agree. */
export class GroupOracle {
  readonly owed = new Map<AnyPlace, Owed>()
  /** How many events were finished by their consumers. */
  finished = 0
  /** How many were parked. */
  parked = 0
  /** How many were lost alone. */
  lostAlone = 0
  /** Whether an administrator has had more wait than may. */
  #hasUnparked = false
  /** Keys whose parked events were replayed, or passed by a reset, so that they are out of order until nothing of them is left. */
  readonly #disorderly = new Set<bigint>()

  get hasUnparked(): boolean {
    return this.#hasUnparked
  }

  /** What must hold in each snapshot: invariants 1 and 3, and the order of the keys in trouble. */
  assertAgrees(sight: GroupSight): void {
    const placed = new Set<AnyPlace>()
    for (const { place } of [...[...sight.hands.values()].flat(), ...sight.laid]) {
      placed.add(place)
      demand(this.owed.has(place), () => `the event at ${place} is finished and still has a place`)
    }
    for (const place of this.owed.keys()) demand(placed.has(place), () => `the event at ${place} is lost`)
    for (const item of [...sight.hands.values()].flat()) {
      const { retries, isCounted } = this.owed.get(item.place)!
      demand(item.retries === retries, () => `${item.place} has ${item.retries} retries, not ${retries}`)
      demand(item.isCounted === isCounted, () => `${item.place}: isCounted should be ${isCounted}`)
    }
    for (const { where, place, retries, counts } of sight.laid) {
      const mark = this.owed.get(place)!
      demand(retries === mark.retries, () => `${place} waits with ${retries} retries, not ${mark.retries}`)
      if (where !== 'retry' && where !== 'suspect') continue
      demand(counts === mark.counts, () => `the next delivery of ${place} counts: ${counts}`)
    }
    if (isPinned(sight)) this.#assertOrder(sight)
  }

  /** What one exchange has done. */
  exchanged(
    before: GroupSight,
    request: ExchangeRequest,
    outcome: ExchangeOutcome,
    after: GroupSight,
    passed: readonly SourceEvent[],
  ): void {
    const turn = new Turn(this, before, request, after)
    turn.report(outcome)
    turn.bury()
    for (const event of passed) this.#pass(before, after, event)
    turn.give(outcome)
    turn.settle()
    assertInTurn(before, after)
    this.#forgetAhead(before, after, passed)
    this.#forgive()
  }

  /** A reset leaves everything behind but what is set aside. */
  reset(before: GroupSight): void {
    const kept = new Set(before.laid.filter((it) => isSetAside(before, it)).map(({ place }) => place))
    for (const place of [...this.owed.keys()]) if (!kept.has(place)) this.owed.delete(place)
    for (const { key } of this.owed.values()) this.#disorderly.add(key)
    // An earlier event of a key that fails has all wait that were parked behind a later one.
    if (this.owed.size > 0) this.#hasUnparked = true
  }

  /** Parked events are delivered again. */
  replayed(before: GroupSight, after: GroupSight, places: readonly AnyPlace[]): void {
    this.#forgetAhead(before, after)
    for (const place of places) {
      const mark = this.owed.get(place)
      if (mark === undefined) continue
      Object.assign(mark, { retries: 0, counts: false, isCounted: false, isAccused: false })
      this.#disorderly.add(mark.key)
      this.#hasUnparked = true
    }
  }

  /** Parked events are done with. */
  skipped(before: GroupSight, after: GroupSight, places: readonly AnyPlace[]): void {
    this.#forgetAhead(before, after)
    this.#hasUnparked = true
    for (const place of places) this.owed.delete(place)
    this.#forgive()
  }

  /** Events of a key come in no order that can be told. */
  disturb(key: bigint): void {
    this.#disorderly.add(key)
  }

  isOrderly(key: bigint): boolean {
    return key !== 0n && !this.#disorderly.has(key)
  }

  #pass(before: GroupSight, after: GroupSight, { place, key }: SourceEvent): void {
    if (this.owed.has(place)) {
      const aside = before.laid.find((it) => it.place === place && isSetAside(before, it))
      demand(aside !== undefined, () => `the event at ${place} is passed again and was not finished`)
      if (!isForgotten(before, after, aside)) return
    }
    this.owed.set(place, {
      key,
      retries: 0,
      counts: false,
      isCounted: false,
      isAccused: false,
    })
  }

  /** What was set aside, and is ahead of the cursor since a reset, comes again by itself once its head is not parked any more, if it is wanted still. */
  #forgetAhead(before: GroupSight, after: GroupSight, passed: readonly SourceEvent[] = []): void {
    if (before.ledger.reach === before.ledger.cursor) return
    const placed = new Set([...[...after.hands.values()].flat(), ...after.laid].map(({ place }) => place))
    for (const { place } of passed) placed.add(place)
    for (const laid of before.laid) {
      const { place } = laid
      if (place > before.ledger.cursor && isSetAside(before, laid) && !placed.has(place))
        this.owed.delete(place)
    }
  }

  #forgive(): void {
    const left = new Set([...this.owed.values()].map(({ key }) => key))
    for (const key of this.#disorderly) if (!left.has(key)) this.#disorderly.delete(key)
  }

  #assertOrder({ hands, laid, keyRows }: GroupSight): void {
    for (const items of hands.values()) {
      const last = new Map<bigint, AnyPlace>()
      for (const { place, key, isHead } of items) {
        if (!this.isOrderly(key)) continue
        const before = last.get(key)
        demand(before === undefined || before < place, () => `${place} stands behind ${before} in a hand`)
        last.set(key, place)
        const row = keyRows.get(key)
        const isTrouble = row?.state === 'retrying'
        demand(isHead === (isTrouble && row.head === place), () => `${place}: isHead is ${isHead}`)
        demand(!isTrouble || row.head === place, () => `${place} is in a hand beside its head ${row?.head}`)
        demand(row?.state !== 'parked', () => `${place} is in a hand and its key is parked`)
      }
    }
    for (const { where, key, place } of laid) {
      if (!this.isOrderly(key) || where === 'parked') continue
      const row = keyRows.get(key)
      if (where === 'behind') demand(row!.head < place, () => `${place} is behind a later head ${row!.head}`)
      if (where === 'retry' || where === 'suspect')
        demand(
          row?.head === place && row.state === 'retrying',
          () => `${place} waits for a retry and is no head`,
        )
      if (where !== 'held') continue
      const later = [...hands.values()].flat().find((it) => it.key === key && it.place > place)
      demand(later === undefined, () => `${later?.place} is in a hand, the earlier ${place} is held`)
    }
  }
}

/** One exchange, told step by step. */
class Turn {
  readonly #oracle: GroupOracle
  readonly #before: GroupSight
  readonly #request: ExchangeRequest
  readonly #after: GroupSight
  readonly #hands = new Map<number, Map<AnyPlace, Item>>()
  /** Events that have to be parked, and those that become suspects. */
  readonly #toPark = new Set<AnyPlace>()
  readonly #suspect = new Set<AnyPlace>()
  /** Events that have to wait for their retry. */
  readonly #failed = new Set<AnyPlace>()

  constructor(oracle: GroupOracle, before: GroupSight, request: ExchangeRequest, after: GroupSight) {
    this.#oracle = oracle
    this.#before = before
    this.#request = request
    this.#after = after
    for (const [consumer, items] of before.hands)
      this.#hands.set(consumer, new Map(items.map((it) => [it.place, it])))
  }

  report(outcome: ExchangeOutcome): void {
    for (const { consumer, finished, failed, returned, leaves } of this.#request.members) {
      const own = outcome.members.get(consumer)
      const hasLease = this.#before.leases.has(consumer)
      demand(hasLease === (own !== undefined), () => `consumer ${consumer} has a lease: ${hasLease}`)
      if (own === undefined) continue
      const hand = this.#hands.get(consumer) ?? new Map<AnyPlace, Item>()
      this.#hands.set(consumer, hand)
      const accepted: AnyPlace[] = []
      const take = (place: AnyPlace, then: (item: Item) => void): void => {
        const item = hand.get(place)
        if (item === undefined) return
        hand.delete(place)
        accepted.push(place)
        then(item)
      }
      for (const place of finished) take(place, (item) => this.#finish(item))
      const withdrawn: AnyPlace[] = []
      for (const { place, action } of failed) {
        take(place, (item) => {
          this.#fail(item, action)
          if (!isPinned(this.#before)) return
          for (const other of [...hand.values()])
            if (other.key === item.key && other.place > item.place) {
              hand.delete(other.place)
              withdrawn.push(other.place)
            }
        })
      }
      for (const place of leaves ? [...hand.keys()] : returned) take(place, (item) => this.#return(item))
      demand(own.withdrawn.join() === withdrawn.join(), () => `withdrawn: ${own.withdrawn}; not ${withdrawn}`)
      const told = [...own.accepted].toSorted(byPlace).join()
      demand(
        told === accepted.toSorted(byPlace).join(),
        () => `of ${consumer} accepted: ${told}; not ${accepted}`,
      )
      if (leaves) this.#hands.delete(consumer)
    }
  }

  bury(): void {
    const { buries, members } = this.#request
    if (buries === undefined || this.#before.leases.get(buries.consumer)?.renewals !== buries.renewals) return
    if (members.some(({ consumer, leaves }) => leaves && consumer === buries.consumer)) return
    const most = this.#before.control.settings.maxRetryCount
    for (const item of this.#hands.get(buries.consumer)?.values() ?? []) {
      const mark = this.#oracle.owed.get(item.place)!
      if (item.isAlone) this.#oracle.lostAlone += 1
      if (item.isAlone && mark.retries >= most) {
        this.#toPark.add(item.place)
        continue
      }
      if (mark.isCounted && !item.isAlone) mark.retries -= 1
      mark.counts = true
      mark.isCounted = false
      this.#suspect.add(item.place)
    }
    this.#hands.delete(buries.consumer)
  }

  give(outcome: ExchangeOutcome): void {
    for (const [consumer, { given }] of outcome.members) {
      if (given.length === 0) continue
      const { state } = this.#before.control
      demand(state === 'running', () => `events are given out while the group is ${state}`)
      const hand = this.#hands.get(consumer) ?? new Map<AnyPlace, Item>()
      this.#hands.set(consumer, hand)
      for (const item of given) {
        const mark = this.#oracle.owed.get(item.place)
        demand(mark !== undefined, () => `${item.place} was given out and not passed`)
        demand(!hand.has(item.place), () => `${item.place} was given out twice`)
        this.#assertDue(item)
        demand(!mark.isAccused, () => `${item.place} was lost and is not delivered alone`)
        // Whatever went behind others of its key meanwhile, and comes from there, does not count.
        if (isPinned(this.#before) && !item.isHead) mark.counts = false
        mark.isCounted = mark.counts
        if (mark.counts) mark.retries += 1
        mark.counts = false
        hand.set(item.place, item)
      }
    }
    const told = ordered(this.#hands)
    const found = ordered(this.#after.hands)
    demand(told === found, () => `the hands should be ${told}; they are ${found}`)
  }

  /** What became of the events that had to go somewhere. */
  settle(): void {
    const was = new Set(this.#before.laid.filter(({ where }) => where === 'parked').map(({ place }) => place))
    const isNow = new Map(this.#after.laid.map((it) => [it.place, it]))
    for (const { where, place, key, dueMs } of this.#after.laid) {
      if (where === 'retry' && this.#failed.has(place)) this.#assertBackoff(place, dueMs)
      const mark = this.#oracle.owed.get(place)
      if (mark === undefined) continue
      if (where === 'held' || where === 'behind') Object.assign(mark, { counts: false, isCounted: false })
      if (where === 'behind' && this.#suspect.has(place)) mark.isAccused = true
      if (where === 'parked' && !was.has(place)) {
        demand(this.#toPark.has(place), () => `${place} was parked and should not be`)
        this.#oracle.parked += 1
        Object.assign(mark, { isCounted: false, counts: false })
        if (this.#after.control.settings.parkMode === 'single') this.#oracle.disturb(key)
      }
      if (where !== 'suspect' || this.#before.laid.some((it) => it.place === place && it.where === where))
        continue
      demand(this.#suspect.has(place) || mark.isAccused, () => `${place} became a suspect`)
      if (mark.isAccused) Object.assign(mark, { counts: true, isAccused: false })
    }
    for (const place of this.#toPark) {
      const where = isNow.get(place)?.where ?? 'a hand'
      const { key } = this.#oracle.owed.get(place)!
      const isRight = where === 'parked' || (isPinned(this.#after) && !this.#oracle.isOrderly(key))
      demand(isRight, () => `${place} should be parked and is in ${where}`)
    }
    if (isPinned(this.#after)) return
    for (const place of this.#suspect) {
      const where = isNow.get(place)?.where ?? 'a hand'
      demand(where === 'suspect' || where === 'a hand', () => `${place} should be a suspect: ${where}`)
    }
  }

  /** A retry has to wait until it is due, unless that is later than can be. */
  #assertDue({ place }: Item): void {
    const { nowMs } = this.#request
    const { maxMs } = this.#before.control.settings.retryBackoff
    const retry = this.#before.laid.find((it) => it.place === place && it.where === 'retry')
    if (retry === undefined || retry.dueMs <= nowMs || retry.dueMs > nowMs + maxMs) return
    throw new Error(`${place} was given out ${retry.dueMs - nowMs} ms before it was due`)
  }

  /** What has failed waits for half of its backoff at least. */
  #assertBackoff(place: AnyPlace, dueMs: number): void {
    const { retries } = this.#oracle.owed.get(place)!
    const { initialMs, maxMs } = this.#before.control.settings.retryBackoff
    const mostMs = Math.min(maxMs, initialMs * 2 ** retries)
    const waitMs = dueMs - this.#request.nowMs
    demand(waitMs >= mostMs / 2 && waitMs <= mostMs + 1, () => `${place} waits for ${waitMs} ms`)
  }

  #finish({ place, key }: Item): void {
    if (isPinned(this.#before) && this.#oracle.isOrderly(key)) {
      for (const [other, mark] of this.#oracle.owed) {
        demand(
          mark.key !== key || other >= place,
          () => `${place} is finished before ${other}, which is of the same key`,
        )
      }
    }
    this.#oracle.owed.delete(place)
    this.#oracle.finished += 1
  }

  #fail({ place }: Item, action: 'retry' | 'park' | 'stop'): void {
    const mark = this.#oracle.owed.get(place)!
    mark.isCounted = false
    const isUsedUp = mark.retries >= this.#before.control.settings.maxRetryCount
    if (action === 'park' || (action === 'retry' && isUsedUp)) this.#toPark.add(place)
    else {
      mark.counts = action === 'retry'
      if (mark.counts) this.#failed.add(place)
    }
  }

  #return({ place, isAlone }: Item): void {
    const mark = this.#oracle.owed.get(place)!
    mark.counts = mark.isCounted
    if (mark.isCounted) mark.retries -= 1
    mark.isCounted = false
    if (isAlone) this.#suspect.add(place)
  }
}

function byPlace(a: AnyPlace, b: AnyPlace): number {
  return a < b ? -1 : Number(a > b)
}

function ordered(hands: ReadonlyMap<number, readonly Item[] | ReadonlyMap<AnyPlace, Item>>): string {
  const texts = [...hands].map(([consumer, items]) => {
    const places = Array.isArray(items)
      ? items.map((it: Item) => it.place)
      : [...(items as ReadonlyMap<AnyPlace, Item>).keys()]
    return places.length === 0 ? '' : `${consumer}: ${places}`
  })
  return texts
    .filter((text) => text !== '')
    .toSorted()
    .join('; ')
}
