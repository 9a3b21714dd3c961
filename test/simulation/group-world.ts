import { makeAggregates } from '../../src/aggregate/aggregates.ts'
import { openMemory } from '../../src/drivers/memory/index.ts'
import { makeProjections } from '../../src/projection/projections.ts'
import { type Runtime, systemRuntime } from '../../src/runtime.ts'
import type { AnyPlace, BrokerScene } from '../../src/store/broker.ts'
import type { EventStore } from '../../src/store/contract.ts'
import type { SourceName } from '../../src/store/contract-query.ts'
import type { SubscriptionGroup } from '../../src/store/contract-subscribing.ts'
import { makeEventStore } from '../../src/store/event-store.ts'
import { claimFormat } from '../../src/store/format.ts'
import { keyspaceOf } from '../../src/store/keyspace.ts'
import { makeBroker } from '../../src/subscription/broker.ts'
import { groupPlace } from '../../src/subscription/group-creating.ts'
import { groupNumberOf, nameKey } from '../../src/subscription/group-names.ts'
import { pinOf } from '../../src/subscription/group-pin.ts'
import type { GroupPlace } from '../../src/subscription/group-rows-in.ts'
import { type Source, sourceOf } from '../../src/subscription/source.ts'
import { GroupOracle, type SourceEvent } from './group-oracle.ts'
import { ModelProcess } from './group-process.ts'
import { type GroupSight, readSight } from './group-sight.ts'

/** Events of the source. */
export const EVENTS = 36
const KEYS = ['a', 'b', 'c', 'd', 'e']
const TYPES = ['A', 'B']
const STREAM = 's'

/** A store with a log, on which many groups are tried. */
export interface GroupScene {
  readonly store: EventStore
  readonly scene: BrokerScene
  /** The places of the events, by the kind of the source. */
  readonly places: { readonly all: readonly AnyPlace[]; readonly stream: readonly AnyPlace[] }
}

/** What is drawn for a run before it begins. */
export interface RunPlan {
  readonly name: string
  readonly kind: 'all' | 'stream'
  readonly strategy: 'round-robin' | 'dispatch-to-single' | 'pinned' | 'pinned-by-correlation'
  readonly parkMode: 'sequence' | 'single'
  readonly maxRetryCount: number
  readonly bufferSize: number
  /** Key of each event. */
  readonly keys: readonly number[]
  readonly head: number
  /** How probably an event fails. */
  readonly failing: number
  /** How probably an event that kills processes does. */
  readonly killing: number
  /** Whether an administrator goes back and replays all the time. */
  readonly isRestless: boolean
}

/** A group, those who consume it, and what must be true of it. */
export interface GroupWorld extends GroupScene {
  readonly plan: RunPlan
  readonly group: SubscriptionGroup
  readonly source: Source
  readonly nameKey: Uint8Array
  readonly place: GroupPlace
  readonly oracle: GroupOracle
  /** Those that run or stand still. */
  processes: ModelProcess[]
  /** Consumers of processes that have died. */
  readonly dead: Set<number>
  /** What has happened; told only when somebody asks. */
  readonly log: (string | (() => string))[]
  sight: GroupSight
  /** Events that were appended so far. */
  head: number
  nowMs: number
  started: number
  /** The most that hands ever could hold. */
  mostInHands: number
}

/** Opens a store with the events of all runs. */
export async function openScene(): Promise<GroupScene> {
  const nowMs = Date.UTC(2024, 0, 1)
  const runtime: Runtime = { ...systemRuntime, now: () => nowMs }
  const kv = await openMemory({ runtime })
  const keys = keyspaceOf(await kv.createOrOpenDirectory(['eventdb']))
  await claimFormat(kv, keys, {})
  let scene: BrokerScene | undefined
  const store = makeEventStore({
    kv,
    keys,
    ownsKv: true,
    runtime,
    categorySeparator: '-',
    makeAggregates,
    makeProjections,
    makeBroker: (given) => {
      scene = given
      return makeBroker(given)
    },
  })
  const events = Array.from({ length: EVENTS }, (_, at) => ({ type: typeOf(at), data: at }))
  await store.stream(STREAM).append(events)
  const recorded = await store.all.read().toArray()
  const places = { all: recorded.map(({ position }) => position!), stream: events.map((_, at) => at + 1) }
  return { store, scene: scene!, places }
}

/** Creates the group of a run. */
export async function makeGroupWorld(shared: GroupScene, plan: RunPlan): Promise<GroupWorld> {
  const { store, scene } = shared
  const { name, kind, strategy, parkMode, maxRetryCount, bufferSize, head } = plan
  const over = kind === 'all' ? store.all : store.stream(STREAM)
  const group = (await over.createSubscription(name, {
    strategy,
    parkMode,
    maxRetryCount,
    bufferSize,
    retryBackoff: { initialMs: 100, maxMs: 1_000 },
  })) as SubscriptionGroup
  const sourceName: SourceName = kind === 'all' ? { kind } : { kind, streamId: STREAM }
  const source = sourceOf(sourceName, { resolveLinks: true, system: false })
  const key = await nameKey(scene.host.keys, 'persistent', sourceName, name)
  const number = await scene.host.kv.readTransact((tx) => groupNumberOf(tx, scene.host.keys, key))
  const place = groupPlace(scene.host, number!, source.isStream)
  const sight = await scene.host.kv.readTransact((tx) => readSight(tx, scene.host.keys, place))
  const oracle = new GroupOracle()
  const begun = { processes: [], dead: new Set<number>(), log: [], nowMs: Date.UTC(2024, 0, 1) }
  const counts = { head, started: 0, mostInHands: 0 }
  return { ...shared, ...begun, ...counts, plan, group, source, nameKey: key, place, oracle, sight }
}

/** Where the events of a run are. */
export function placesOf({ places, plan }: Pick<GroupWorld, 'places' | 'plan'>): readonly AnyPlace[] {
  return places[plan.kind]
}

/** What a group wants of the events that there are so far, as it is now. */
export function wantedEvents(world: GroupWorld, sight: GroupSight, head: number): readonly SourceEvent[] {
  const { strategy, filter } = sight.control.settings
  const isKeyed = strategy.startsWith('pinned')
  return placesOf(world)
    .slice(0, head)
    .map((place, at) => ({ place, at }))
    .filter(({ at }) => filter === null || filter.types!.includes(typeOf(at)))
    .map(({ place, at }) => ({ place, key: isKeyed ? pinOf(keyTextOf(world, at)) : 0n }))
}

/** What an event is pinned by. */
export function keyTextOf({ plan }: Pick<GroupWorld, 'plan'>, at: number): string {
  return KEYS[plan.keys[at]!]!
}

/** The keys of a run. */
export function keyTexts({ plan }: Pick<GroupWorld, 'plan'>): readonly string[] {
  return KEYS.filter((_, at) => plan.keys.includes(at))
}

function typeOf(at: number): string {
  return TYPES[Number(at % 3 === 1)]!
}

/** Reads what the group has stored now. */
export async function look(world: GroupWorld): Promise<GroupSight> {
  const { kv, keys } = world.scene.host
  return kv.readTransact((tx) => readSight(tx, keys, world.place))
}

/** Starts a process without consumers. */
export function startProcess(world: GroupWorld): ModelProcess {
  const { ledger, control } = world.sight
  world.started += 1
  const process = new ModelProcess(`P${world.started}`, ledger.cursor, control.revision, control.resets)
  world.processes.push(process)
  return process
}
