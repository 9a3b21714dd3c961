import type { EventStore, RecordedEvent } from 'eventdb'
import { expect } from 'vitest'
import {
  ACCOUNTS,
  type Account,
  accountAggregate,
  digestOf,
  type ExecutingReport,
  type Moved,
  type Order,
  type OrderEnd,
  type Unit,
} from '../support/account.ts'

type Found = RecordedEvent<Moved>

/** What processes said of their orders, and what was found of them in the store. */
export class OrderLedger {
  readonly #open = new Map<string, Order>()
  readonly #found = new Map<string, Found[]>()
  readonly #accounts = new Map<string, Found[]>(ACCOUNTS.map((id) => [id, []]))
  #after = 0n
  /** What has happened, to show that something has. */
  readonly tally = { done: 0, refused: 0, repeatedDone: 0, repeatedNew: 0, unheard: 0, events: 0 }

  /** Orders with keys of which nobody has heard what came of them. */
  get unfinished(): readonly Order[] {
    return [...this.#open.values()].filter(({ hasKey }) => hasKey)
  }

  /** The events of an account. */
  eventsOf(account: string): readonly Found[] {
    return this.#accounts.get(account)!
  }

  /**
   * Looks at what a process has left: of each order all is there, once, or nothing; what it said was done is there, where it said; what it said
   * was refused is not; and a repeated order was told to be one exactly if it had been done before the process began.
   */
  async lookAt(store: EventStore, reports: readonly ExecutingReport[]): Promise<void> {
    const before = new Set(this.#found.keys())
    const begunBefore = new Set(this.#open.keys())
    const found = await this.#readOn(store)
    for (const by of found) this.#expectWhole(by)
    for (const report of reports) {
      expect(report).not.toMatchObject({ event: 'problem' })
      if (report.event === 'begun') this.#open.set(report.order.by, report.order)
      if (report.event !== 'done' && report.event !== 'refused') continue
      this.#expectAsSaid(report, before.has(report.by))
      this.#open.delete(report.by)
      this.tally[report.event] += 1
      if (begunBefore.has(report.by)) this.tally[before.has(report.by) ? 'repeatedDone' : 'repeatedNew'] += 1
    }
    for (const by of this.#open.keys()) if (found.has(by)) this.tally.unheard += 1
    expect([...found].filter((by) => before.has(by))).toEqual([])
  }

  /** Every account is what its events come to, whether snapshots are there or not. */
  async expectAccounts(store: EventStore, unit: Unit): Promise<void> {
    const problems: unknown[] = []
    const onProblem = (error: unknown): unknown => problems.push(error)
    const accounts = store.aggregate(accountAggregate(unit, { onProblem }))
    const replayed = store.aggregate(accountAggregate(unit))
    for (const id of ACCOUNTS) {
      const events = this.eventsOf(id)
      const expected = { state: plainAccount(events, unit), version: events.length }
      expect(await accounts.load(id)).toMatchObject(expected)
      expect(await replayed.load(id)).toMatchObject(expected)
    }
    expect(problems).toEqual([])
  }

  async #readOn(store: EventStore): Promise<ReadonlySet<string>> {
    const names = new Set<string>()
    for await (const event of store.all.read({ after: this.#after })) {
      const { streamId, version, position, data } = event as Found
      const account = this.#accounts.get(streamId.slice('account-'.length))!
      expect(version).toBe(account.length + 1)
      account.push(event as Found)
      const same = this.#found.get(data.by) ?? []
      this.#found.set(data.by, [...same, event as Found])
      names.add(data.by)
      this.#after = position
      this.tally.events += 1
    }
    return names
  }

  #expectWhole(by: string): void {
    const events = this.#found.get(by)!
    const parts = events.map(({ data }) => data.part)
    const whole = Array.from({ length: events[0]!.data.of }, (_, part) => part)
    expect({ by, parts }).toEqual({ by, parts: whole })
  }

  #expectAsSaid(end: OrderEnd, wasThere: boolean): void {
    const { by } = end
    const events = this.#found.get(by)
    if (end.event === 'refused') {
      expect({ by, events }).toEqual({ by, events: undefined })
      return
    }
    expect(events, `what order ${by} has done`).toBeDefined()
    if (end.position !== undefined) expect(`${events!.at(-1)!.position}`).toBe(end.position)
    expect({ by, isRepeated: end.isRepeated }).toEqual({ by, isRepeated: wasThere })
  }
}

/** What events come to, by a plain loop. */
export function plainAccount(events: readonly Found[], unit: Unit): Account {
  let [balance, digest] = [0, 0]
  for (const { version, data } of events) {
    balance += data.amount * unit
    digest = digestOf(digest, `${version} ${data.by} ${data.part}`)
  }
  return { balance, digest }
}
