import type { Subspace } from '../../kv/subspace.ts'
import type { AnyPlace } from '../../store/broker.ts'
import type { EventStore } from '../../store/contract.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { keyspaceOf } from '../../store/keyspace.ts'
import { exchange } from '../../subscription/group-exchange.ts'
import type { ExchangeRequest, MemberReport } from '../../subscription/group-exchange-parts.ts'
import { GroupKeys } from '../../subscription/group-keys.ts'
import { groupNumberOf, nameKey } from '../../subscription/group-names.ts'
import { pinOf } from '../../subscription/group-pin.ts'
import { GroupValues } from '../../subscription/group-rows.ts'
import { type GroupPlace, GroupRowsIn } from '../../subscription/group-rows-in.ts'
import { placeOf } from '../../subscription/source.ts'

/** What groups are written about: a store with at least five events, and a category with several streams of at least two. */
export interface GroupScene {
  readonly store: EventStore
  readonly directory: Subspace
  readonly category: string
  readonly streamId: string
}

/** When all that happens. */
const NOW_MS = Date.UTC(2024, 0, 1)

/**
 * Writes three groups which between them have rows of every kind, transaction by transaction as desks would, but without time or chance: `audit` of
 * `all`, `billing` of the category, which is pinned, and `mailer` of the stream, which nobody has consumed yet.
 */
export async function writeGroups(scene: GroupScene): Promise<void> {
  const { store, category, streamId } = scene
  await store.transact(async (tx) => {
    await tx.all.createSubscription('audit')
    await tx.category(category).createSubscription('billing', { strategy: 'pinned' })
    await tx.stream(streamId).createSubscription('mailer', { filter: { types: ['OrderPaid'] } })
  })
  await writeAudit(scene)
  await writeBilling(scene)
}

/** One event each: done, waiting for a retry, parked, lost and delivered alone, lost and waiting for that. */
async function writeAudit(scene: GroupScene): Promise<void> {
  const events = await scene.store.all.read({ limit: 5 }).toArray()
  const [done, retried, parked] = events.map(positionIn)
  const group = await Group.of(scene, 'audit', () => 0n)
  const first = await group.join(events)
  await group.exchange(first, {
    finished: [done!],
    failed: [
      { place: retried!, action: 'retry', reason: 'not today', keyText: undefined },
      { place: parked!, action: 'park', reason: 'no such customer', keyText: undefined },
    ],
  })
  await group.join([], first)
}

/**
 * By stream, as far as there are streams: one whose head was parked and skipped, so that the rest may come; one that was given back, one in a hand,
 * one that waits for a retry, and one whose head is parked.
 */
async function writeBilling(scene: GroupScene): Promise<void> {
  const events = await scene.store.category(scene.category).read().toArray()
  const heads = new Map<string, RecordedEvent>()
  for (const event of events) if (!heads.has(event.streamId)) heads.set(event.streamId, event)
  const [skipped, returned, , retried, parked] = [...heads.values()]
  const group = await Group.of(scene, 'billing', ({ streamId }) => pinOf(streamId))
  const consumer = await group.join(events)
  const failed = [skipped, retried, parked].flatMap((event) =>
    event === undefined
      ? []
      : [
          {
            place: positionIn(event),
            action: event === retried ? ('retry' as const) : ('park' as const),
            reason: 'no money',
            keyText: event.streamId,
          },
        ],
  )
  const goingBack = events.filter(({ streamId }) => streamId === returned!.streamId)
  await group.exchange(consumer, { failed, returned: goingBack.map(positionIn) })
  await scene.store
    .category(scene.category)
    .subscription('billing')
    .skip({ place: positionIn(skipped!) })
}

/** The place of an event that was found by its position, or through a link. */
function positionIn(event: RecordedEvent): bigint {
  return placeOf({ isStream: false }, event) as bigint
}

/** A group that is served by hand. */
class Group {
  readonly #store: EventStore
  readonly #place: GroupPlace
  readonly #keyOf: (event: RecordedEvent) => bigint

  private constructor(store: EventStore, place: GroupPlace, keyOf: (event: RecordedEvent) => bigint) {
    this.#store = store
    this.#place = place
    this.#keyOf = keyOf
  }

  /** Finds a group of positions. */
  static async of(
    { store, directory, category }: GroupScene,
    name: string,
    keyOf: (event: RecordedEvent) => bigint,
  ): Promise<Group> {
    const keys = keyspaceOf(directory)
    const source = name === 'audit' ? ({ kind: 'all' } as const) : ({ kind: 'category', category } as const)
    const key = await nameKey(keys, 'persistent', source, name)
    const number = await store.kv.readTransact((tx) => groupNumberOf(tx, keys, key))
    const place = {
      keys: new GroupKeys(keys, number!, false),
      values: new GroupValues(keys),
      isStream: false,
    }
    return new Group(store, place, keyOf)
  }

  /** A consumer joins, buries another if it is told to, and takes what it can get. Returns its number. */
  join(events: readonly RecordedEvent[], buries?: number): Promise<number> {
    return this.#change(async (rows) => {
      await rows.change((ledger) => {
        ledger.lastConsumer += 1
      })
      const { lastConsumer: consumer } = await rows.ledger()
      rows.setLease(consumer, {
        leaseMs: 30_000,
        renewals: 0,
        renewedAtMs: NOW_MS,
        since: events.length === 0 ? 0n : positionIn(events.at(-1)!),
        bufferSize: 100,
        finishedPerSecond: 0,
      })
      const ahead = events.map((event) => ({ place: positionIn(event), key: this.#keyOf(event) }))
      const request = requestOf(consumer, { room: 100 }, ahead, rows.control.revision)
      await exchange(
        rows,
        buries === undefined ? request : { ...request, buries: { consumer: buries, renewals: 0 } },
      )
      return consumer
    })
  }

  /** A consumer reports, and takes nothing. */
  exchange(consumer: number, report: Partial<MemberReport>): Promise<unknown> {
    return this.#change((rows) => exchange(rows, requestOf(consumer, report, [], rows.control.revision)))
  }

  #change<T>(body: (rows: GroupRowsIn) => Promise<T>): Promise<T> {
    return this.#store.kv.transact(async (tx) => body((await GroupRowsIn.read(tx, this.#place))!))
  }
}

function requestOf(
  consumer: number,
  report: Partial<MemberReport>,
  events: ExchangeRequest['readAhead']['events'],
  revision: number,
): ExchangeRequest {
  const through: AnyPlace = events.at(-1)?.place ?? 0n
  const nothing = { finished: [], failed: [], returned: [], leaves: false, room: 0, finishedPerSecond: 0 }
  return {
    members: [{ ...nothing, ...report, consumer }],
    readAhead: { after: 0n, through, events, revision },
    alone: 'ready',
    renews: false,
    buries: undefined,
    graceIsOver: false,
    movesCursor: false,
    nowMs: NOW_MS,
    wallMs: NOW_MS,
    random: () => 0,
  }
}
