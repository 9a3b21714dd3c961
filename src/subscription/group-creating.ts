import {
  LimitExceededError,
  MaxConsumersError,
  SubscriptionExistsError,
  SubscriptionNotFoundError,
} from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import { GROUP_SETTINGS_BYTES_MAX } from '../limits.ts'
import type { AnyPlace, GroupBirth } from '../store/broker.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { CreateSubscriptionOptions, ResolvedGroupSettings } from '../store/contract-subscribing.ts'
import { storeNowMs } from '../store/forward-clock.ts'
import type { StoreHost } from '../store/host.ts'
import { quietViewOf } from '../store/reading.ts'
import { decodeNumber, encodeNumber } from '../store/small-values.ts'
import { GroupKeys } from './group-keys.ts'
import { hasRunOutLongAgo } from './group-leases.ts'
import { decodeGroupNumber, encodeGroupNumber, type GroupKind, groupNumberOf } from './group-names.ts'
import { type Control, GroupValues, type Ledger } from './group-rows.ts'
import { type GroupPlace, GroupRowsIn } from './group-rows-in.ts'
import { newSettings, startFromOf } from './group-settings.ts'
import { assertSubscribable, endOf, type Source, sourceOf } from './source.ts'
import { checkStart, groupStartOf, START_WORDS } from './starting.ts'

/** The place of a group's rows. */
export function groupPlace({ keys }: StoreHost, number: number, isStream: boolean): GroupPlace {
  return { keys: new GroupKeys(keys, number, isStream), values: new GroupValues(keys), isStream }
}

/** What a new group is to be, checked as far as that can be done without looking. */
export interface PlannedGroup {
  readonly kind: GroupKind
  readonly name: string
  readonly nameKey: Uint8Array
  readonly source: Source
  readonly settings: ResolvedGroupSettings
  readonly options: CreateSubscriptionOptions<AnyPlace>
}

/** Checks what a new group is to be. @throws InvalidArgumentError, LimitExceededError */
export function plannedSource(
  name: SourceName,
  options: CreateSubscriptionOptions<AnyPlace>,
): Pick<PlannedGroup, 'source' | 'settings'> {
  const settings = newSettings(name.kind, options)
  const source = sourceOf(name, settings)
  checkStart(source, startFromOf(options.startFrom), START_WORDS)
  const bytes = new TextEncoder().encode(JSON.stringify({ name, settings })).length
  if (bytes > GROUP_SETTINGS_BYTES_MAX) {
    throw new LimitExceededError('The source and settings of a subscription', GROUP_SETTINGS_BYTES_MAX, bytes)
  }
  return { source, settings }
}

/** Creates a group. @throws SubscriptionExistsError, StreamNotFoundError, StreamTombstonedError, IndexMissingError, InvalidArgumentError */
export async function createGroup(host: StoreHost, birth: GroupBirth, planned: PlannedGroup): Promise<void> {
  const { tx } = birth
  const { source, name, options } = planned
  if (host.settings.recall(tx) === undefined) await host.settings.read(tx)
  if ((await tx.get(planned.nameKey)) !== undefined) throw new SubscriptionExistsError(name, source.name)
  await assertSubscribable(birth.view, source, options.mustExist ?? true, birth.stateOf)
  const place = await groupStartOf(quietViewOf(tx, host), source, startFromOf(options.startFrom))
  await writeGroup(host, tx, planned, place)
}

async function writeGroup(
  host: StoreHost,
  tx: Transaction,
  { kind, name, nameKey, source, settings }: PlannedGroup,
  cursor: AnyPlace,
): Promise<GroupPlace> {
  const number = await nextGroupNumber(host, tx)
  const place = groupPlace(host, number, source.isStream)
  const { keys, values } = place
  const control: Control = {
    kind,
    name,
    source: source.name,
    settings,
    state: 'running',
    resets: 0,
    revision: 1,
  }
  tx.set(nameKey, encodeGroupNumber(host.keys, nameKey, number))
  tx.set(keys.control, values.encodeControl(keys.control, control))
  tx.set(keys.ledger, values.encodeLedger(keys.ledger, newLedger(cursor)))
  return place
}

async function nextGroupNumber({ keys }: StoreHost, tx: Transaction): Promise<number> {
  const row = await tx.get(keys.groupNumber)
  const number = (row === undefined ? 0 : decodeNumber(row, 'The number of the last subscription')) + 1
  tx.set(keys.groupNumber, encodeNumber(number))
  return number
}

function newLedger(cursor: AnyPlace): Ledger {
  return {
    cursor,
    reach: cursor,
    waiting: 0,
    parked: 0,
    suspects: 0,
    keys: 0,
    lastConsumer: 0,
    single: 0,
    slots: new Map(),
  }
}

/** A consumer that has joined a group. */
export interface Joined {
  readonly consumer: number
  readonly bufferSize: number
  readonly place: GroupPlace
  readonly control: Control
  readonly cursor: AnyPlace
}

/** Gives a consumer its number and its lease. @throws SubscriptionNotFoundError, MaxConsumersError */
export async function joinGroup(
  host: StoreHost,
  tx: Transaction,
  nameKey: Uint8Array,
  {
    name,
    source,
    bufferSize,
  }: { readonly name: string; readonly source: Source; readonly bufferSize?: number | undefined },
): Promise<Joined> {
  if (host.settings.recall(tx) === undefined) await host.settings.read(tx)
  const number = await groupNumberOf(tx, host.keys, nameKey)
  if (number === undefined) throw new SubscriptionNotFoundError(name, source.name)
  const place = groupPlace(host, number, source.isStream)
  const rows = await GroupRowsIn.read(tx, place)
  if (rows === undefined) throw new SubscriptionNotFoundError(name, source.name)
  const { settings } = rows.control
  const nowMs = await storeNowMs(host, tx)
  const leases = await rows.leases()
  const alive = [...leases.values()].filter((lease) => !hasRunOutLongAgo(lease, nowMs))
  if (settings.maxConsumers !== null && alive.length >= settings.maxConsumers) {
    throw new MaxConsumersError(name, settings.maxConsumers)
  }
  const end = await endOf(quietViewOf(tx, host), source)
  await rows.change((ledger) => {
    ledger.lastConsumer += 1
    // Nobody was there to miss what came before.
    if (rows.control.kind === 'volatile' && alive.length === 0) {
      ledger.cursor = end
      ledger.reach = end
    }
  })
  const { lastConsumer: consumer, cursor } = await rows.ledger()
  const size = bufferSize ?? settings.bufferSize
  rows.setLease(consumer, {
    leaseMs: settings.messageTimeoutMs,
    renewals: 0,
    renewedAtMs: nowMs,
    since: end,
    bufferSize: size,
    finishedPerSecond: 0,
  })
  rows.ring()
  rows.flush()
  return { consumer, bufferSize: size, place, control: rows.control, cursor }
}

/** Joins a volatile group, which comes to be with its first member. */
export async function joinVolatileGroup(
  host: StoreHost,
  tx: Transaction,
  planned: PlannedGroup,
): Promise<Joined> {
  if ((await tx.get(planned.nameKey)) === undefined) {
    await removeDeserted(host, tx)
    await writeGroup(host, tx, planned, await endOf(quietViewOf(tx, host), planned.source))
  }
  return joinGroup(host, tx, planned.nameKey, {
    name: planned.name,
    source: planned.source,
    bufferSize: planned.settings.bufferSize,
  })
}

/** Most volatile groups that are looked at when a new one comes to be. */
const DESERTED_MAX = 64

/** Removes volatile groups whose members have all been lost. */
async function removeDeserted(host: StoreHost, tx: Transaction): Promise<void> {
  const { keys } = host
  const nowMs = await storeNowMs(host, tx)
  const names = await tx.getRange(keys.subscriptions.range([1]), { limit: DESERTED_MAX }).toArray()
  for (const { key, value } of names) {
    const number = decodeGroupNumber(keys, key, value)
    const place = groupPlace(host, number, false)
    const rows = await GroupRowsIn.read(tx, place)
    const leases = rows === undefined ? [] : [...(await rows.leases()).values()]
    if (leases.every((lease) => hasRunOutLongAgo(lease, nowMs))) removeGroup(tx, key, place)
  }
}

/** Removes a group with all its rows. */
export function removeGroup(tx: Transaction, nameKey: Uint8Array, { keys }: GroupPlace): void {
  tx.clear(nameKey)
  tx.clearRange(keys.everything())
}
