import {
  type Aggregate,
  type CommandContext,
  defineAggregate,
  defineEvents,
  type EventStore,
  type NewEvent,
  openEventStore,
} from 'eventdb'
import { Faults, faultyEngine, type SimulatedRuntime, seededRandom, simulatedRuntime } from 'eventdb/testing'
import { withDirectories } from '../../src/directory/index.ts'
import { memoryEngine } from '../../src/drivers/memory/memory-engine.ts'
import { type Engine, type KeyValueStore, openOptimisticStore } from '../../src/kv/index.ts'
import { sleep } from '../../src/runtime.ts'

/** The aggregates that everybody works on. */
export const IDS = ['a', 'b'] as const

/** What a list holds: the names of what was added, in order. */
export type List = readonly string[]

/** Something was added to a list. */
export interface Added {
  readonly type: 'Added'
  readonly data: string
}

/** What a command is told: which names to add, and how. */
export interface Wish {
  /** Whose names nobody else adds. */
  readonly token: string
  readonly count: number
  readonly refuses: boolean
  readonly ids: readonly string[] | undefined
  readonly sleepMs: number | undefined
}

/** What a command saw when it was decided last. */
export interface Seen {
  readonly state: List
  readonly version: number
  readonly exists: boolean
  /** How often it was decided. */
  readonly times: number
}

/** What a command throws that refuses. */
export class Refusal extends Error {}

/** The commands of a list. */
export interface ListCommands {
  readonly now: (state: List, wish: Wish, context: CommandContext) => readonly NewEvent<Added>[]
  readonly later: (state: List, wish: Wish, context: CommandContext) => Promise<readonly NewEvent<Added>[]>
}

/** A kind of lists. */
export type Kind = Aggregate<Added, List, ListCommands>

/** A store as one or two processes see it, on virtual time, with kinds of lists over the same streams. */
export interface World {
  readonly seed: number
  readonly random: () => number
  readonly runtime: SimulatedRuntime
  readonly faults: Faults
  readonly kinds: readonly Kind[]
  readonly kvs: readonly KeyValueStore[]
  readonly stores: EventStore[]
  /** What commands saw, by their tokens. */
  readonly seen: Map<string, Seen>
  /** What was told of snapshots. */
  readonly problems: unknown[]
}

/** Makes a world. Odd seeds have two processes, even ones have two stores in one. */
export async function makeWorld(seed: number): Promise<World> {
  const runtime = simulatedRuntime({ seed, shuffle: seed % 3 !== 0 })
  const faults = new Faults()
  const shared = { ...memoryEngine(), capabilities: { durable: true, multiProcess: true }, close: () => {} }
  const engine: Engine = faultyEngine(shared, faults)
  const openKv = (): KeyValueStore => withDirectories(openOptimisticStore(engine, { runtime }))
  const first = openKv()
  const kvs = [first, seed % 2 === 1 ? openKv() : first]
  const seen = new Map<string, Seen>()
  const problems: unknown[] = []
  const random = seededRandom(seed)
  const world: World = {
    seed,
    random,
    runtime,
    faults,
    kinds: kindsOf(seen, problems, runtime),
    kvs,
    stores: [],
    seen,
    problems,
  }
  for (const at of kvs.keys()) world.stores.push(await runtime.run(openStore(world, at)))
  return world
}

/** Opens the store of a process. */
export function openStore({ kvs, runtime }: World, at: number): Promise<EventStore> {
  return openEventStore(kvs[at]!, { runtime })
}

/** Closes everything. */
export async function closeWorld({ stores, kvs }: World): Promise<void> {
  for (const store of stores) await store.close()
  for (const kv of new Set(kvs)) await kv.close()
}

/** Two kinds: one that saves states often, and one that hardly remembers any. */
function kindsOf(seen: Map<string, Seen>, problems: unknown[], runtime: SimulatedRuntime): readonly Kind[] {
  const onProblem = (error: unknown): void => void problems.push(error)
  const note = (state: List, { token }: Wish, { version, exists }: CommandContext): void => {
    const times = (seen.get(token)?.times ?? 0) + 1
    seen.set(token, { state, version, exists, times })
  }
  const now: ListCommands['now'] = (state, wish, context) => {
    note(state, wish, context)
    return decisionOn(wish)
  }
  const later: ListCommands['later'] = async (state, wish, context) => {
    note(state, wish, context)
    if (wish.sleepMs !== undefined) await sleep(runtime, wish.sleepMs)
    return decisionOn(wish)
  }
  const common = {
    category: 'list',
    initialState: (): List => [],
    evolve: { Added: (state: List, { data }: Added): List => [...state, data] },
    commands: { now, later },
  }
  return [
    defineAggregate(defineEvents<Added>(), { ...common, snapshots: { every: 3, onProblem } }),
    defineAggregate(defineEvents<Added>(), { ...common, cacheMax: 1 }),
  ]
}

function decisionOn({ token, count, refuses, ids }: Wish): readonly NewEvent<Added>[] {
  if (refuses) throw new Refusal(token)
  return Array.from({ length: count }, (_, at) => {
    const id = ids?.[at]
    return { type: 'Added', data: `${token}/${at}`, ...(id !== undefined && { id }) }
  })
}
