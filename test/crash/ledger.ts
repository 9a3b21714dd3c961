import type { EventStore, RecordedEvent } from 'eventdb'
import { expect } from 'vitest'
import { type GroupEvent, type GroupReport, hashOf } from '../support/appended-group.ts'
import { firstDifference } from '../support/first-difference.ts'

type Found = RecordedEvent<GroupEvent>

interface Entry {
  readonly position: bigint
  readonly streamId: string
  readonly version: number
  readonly hash: string
}

/** A process that was killed. */
export interface KilledChild {
  readonly name: string
  /** What it said was acknowledged. */
  readonly reports: readonly GroupReport[]
}

/** Everything that was ever found in a store, so that what comes later, and nothing else, may be new. */
export class Ledger {
  readonly #entries: Entry[] = []
  readonly #heads = new Map<string, number>()
  #transactions = 0

  get events(): number {
    return this.#entries.length
  }

  /**
   * Looks at what killed children have left behind since the last look: what was acknowledged is there with its content,
   * every group is there in whole or not at all, versions are dense, positions ascend. Returns the number of groups.
   */
  async lookAtGrowth(store: EventStore, children: readonly KilledChild[]): Promise<number> {
    const groups = groupedBy(await this.#readOn(store), ({ data }) => data.group)
    for (const events of groups.values()) expectWhole(events)
    for (const report of children.flatMap(({ reports }) => reports))
      expectAsReported(groups.get(report.group), report)
    await this.#expectOwnKeys(store, children, groups)
    return groups.size
  }

  /** Reads everything again, and the list of streams. */
  async lookAtEverything(store: EventStore): Promise<void> {
    const found: Entry[] = []
    for await (const event of store.all.read()) found.push(entryOf(event as Found))
    expect(firstDifference(found, this.#entries)).toBeUndefined()
    const heads: [string, number][] = []
    for await (const { streamId, version } of store.streams()) heads.push([streamId, version])
    const expected = [...this.#heads].sort(([one], [other]) => (one < other ? -1 : 1))
    expect(firstDifference(heads, expected)).toBeUndefined()
  }

  async #readOn(store: EventStore): Promise<Found[]> {
    const after = this.#entries.at(-1)?.position ?? 0n
    const found = (await store.all.read({ after }).toArray()) as Found[]
    for (const event of found) {
      const { position, streamId, version } = event
      expect(position).toBeGreaterThan(this.#entries.at(-1)?.position ?? 0n)
      expect({ streamId, version }).toEqual({ streamId, version: (this.#heads.get(streamId) ?? 0) + 1 })
      this.#heads.set(streamId, version)
      this.#entries.push(entryOf(event))
    }
    return found
  }

  /** A transaction's own keys are there exactly if its events are, and the counter has counted each once. */
  async #expectOwnKeys(
    store: EventStore,
    children: readonly KilledChild[],
    groups: ReadonlyMap<string, readonly Found[]>,
  ): Promise<void> {
    const expected = new Map<unknown, unknown>()
    for (const [group, events] of groups) {
      if (events[0]!.type === 'transaction') expected.set(group, hashOf(events))
    }
    this.#transactions += expected.size
    await store.readTransact(async (tx) => {
      const found = new Map<unknown, unknown>()
      for (const { name } of children) {
        for await (const { key, value } of tx.kv.getRange(['group', name])) found.set(key.at(-1), value)
      }
      expect(found).toEqual(expected)
      expect((await tx.kv.get(['transactions'])) ?? 0).toBe(this.#transactions)
    })
  }
}

function entryOf(event: Found): Entry {
  const { position, streamId, version } = event
  return { position, streamId, version, hash: hashOf([event]) }
}

function expectWhole(events: readonly Found[]): void {
  const { group, of } = events[0]!.data
  const indexes = events.map(({ data }) => data.index)
  expect({ group, indexes }).toEqual({ group, indexes: Array.from({ length: of }, (_, index) => index) })
}

function expectAsReported(events: readonly Found[] | undefined, report: GroupReport): void {
  expect(events, `acknowledged group ${report.group}`).toBeDefined()
  expect(hashOf(events!), `content of group ${report.group}`).toBe(report.hash)
  expect(String(events!.at(-1)!.position)).toBe(report.position)
  const parts = [...groupedBy(events!, ({ streamId }) => streamId)].map(([streamId, part]) => ({
    streamId,
    firstVersion: part[0]!.version,
    lastVersion: part.at(-1)!.version,
  }))
  expect(parts).toEqual(report.parts)
}

function groupedBy<T>(items: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(nameOf(item))
    if (group === undefined) groups.set(nameOf(item), [item])
    else group.push(item)
  }
  return groups
}
