import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type {
  Aggregate,
  AggregateSettings,
  Aggregates,
  Commands,
  FoldedEvent,
  SnapshotPolicy,
} from '../../store/contract-aggregates.ts'
import type { EventTypes } from '../../store/contract-event-types.ts'
import type { EventShape, NewEvent } from '../../store/event.ts'
import { numbers, type SimulatedStoreScene, type StoreLaws } from './laws.ts'

/** Something was added to a list. */
export interface Added {
  readonly type: 'Added'
  readonly data?: unknown
  readonly metadata?: unknown
}

/** The state of a list: the data of its events, in order. So it tells which events it is the fold of. */
export type List = readonly unknown[]

/** What a command throws that does not like something. */
export class Refusal extends Error {}

/** Adds something to a list. */
export function added(data: unknown): NewEvent<Added> {
  return { type: 'Added', data }
}

/** What a command of a list decides. */
type Decided = NewEvent<Added>

/** The commands that lists have. */
export type ListCommands = {
  readonly add: (state: List, item: unknown) => Decided
  readonly addAll: (state: List, items: readonly unknown[]) => readonly Decided[]
  /** Adds how many items it saw. */
  readonly count: (state: List) => Decided
  /** Adds what is not there yet. */
  readonly addNew: (state: List, item: unknown) => Decided | undefined
  /** Adds to what has less than so many. */
  readonly addUpTo: (state: List, most: number) => Decided
  /** Does something before it adds how many items it saw. */
  readonly countAfter: (state: List, before: (state: List) => unknown) => Promise<Decided>
  /** Does something, and refuses. */
  readonly refuseAfter: (state: List, before: (state: List) => unknown) => Promise<never>
  /** Whatever it is given. */
  readonly decide: (
    state: List,
    events: readonly NewEvent<Added>[] | undefined,
  ) => readonly Decided[] | undefined
}

/** They are these. */
export const LIST_COMMANDS: ListCommands = {
  add: (_state: List, item: unknown) => added(item),
  addAll: (_state: List, items: readonly unknown[]) => items.map(added),
  count: (state: List) => added(state.length),
  addNew: (state: List, item: unknown) => (state.includes(item) ? undefined : added(item)),
  addUpTo: (state: List, most: number) => {
    if (state.length >= most) throw new Refusal(`${state.length} of ${most}`)
    return added(state.length)
  },
  countAfter: async (state: List, before: (state: List) => unknown) => {
    await before(state)
    return added(state.length)
  },
  refuseAfter: async (state: List, before: (state: List) => unknown) => {
    await before(state)
    throw new Refusal(`${state.length}`)
  },
  decide: (_state: List, events: readonly NewEvent<Added>[] | undefined) => events,
}

/** A kind of lists that differs from others in its settings, or in nothing: each call makes another kind, with states and queues of its own. */
export function listsOf<C extends Commands<Added, List>>(
  commands: C,
  settings: Partial<AggregateSettings<List>> = {},
  events: EventTypes<Added> = defineEvents<Added>(),
): Aggregate<Added, List, C> {
  return defineAggregate(events, {
    category: 'list',
    initialState: (): List => [],
    evolve: { Added: (state, { data }) => [...state, data] },
    commands,
    ...settings,
  })
}

/** A kind of lists with the usual commands. */
export function lists(
  settings: Partial<AggregateSettings<List>> = {},
  events?: EventTypes<Added>,
): Aggregate<Added, List, typeof LIST_COMMANDS> {
  return listsOf(LIST_COMMANDS, settings, events)
}

/** The lists of a store. */
export type Lists = Aggregates<Added, List, typeof LIST_COMMANDS>

/** Lists that can be told how often `evolve` ran. */
export function countedLists(settings: Partial<AggregateSettings<List>> = {}): {
  readonly definition: Aggregate<Added, List, typeof LIST_COMMANDS>
  /** How many events were folded since this was asked last. */
  readonly folded: () => number
} {
  let count = 0
  const definition = defineAggregate(defineEvents<Added>(), {
    category: 'list',
    initialState: (): List => [],
    evolve: (state, { data }) => {
      count += 1
      return [...state, data]
    },
    commands: LIST_COMMANDS,
    ...settings,
  })
  const folded = (): number => {
    const before = count
    count = 0
    return before
  }
  return { definition, folded }
}

/** Events of which a program looks at each that it reads, and takes its time for it. */
export function slowlyRead(look: (data: unknown) => unknown): EventTypes<Added> {
  const validate = async (data: unknown): Promise<{ readonly value: unknown }> => {
    await look(data)
    return { value: data }
  }
  const schema = { '~standard': { version: 1, vendor: 'laws', validate } } as const
  return defineEvents({ Added: schema }, { validateOnRead: true }) as EventTypes<Added>
}

/** The same store, opened again beside itself, on the same time. */
export function besideIt({ store, directory, runtime }: SimulatedStoreScene): Promise<EventStore> {
  return openEventStore(store.kv, { directory, runtime })
}

/** A list as somebody sees it who reads the whole stream. */
export async function listIn(store: Pick<EventStore, 'stream'>, streamId = 'list-1'): Promise<unknown[]> {
  const items: unknown[] = []
  for await (const { type, data } of store.stream(streamId).read()) if (type === 'Added') items.push(data)
  return items
}

/** What can be compared of a state that was loaded, or of a failure to load it. */
export async function sightOf(loading: Promise<{ readonly state: unknown }>): Promise<unknown> {
  try {
    const { state, version, exists } = (await loading) as {
      state: unknown
      version?: number
      exists?: boolean
    }
    return { state, version, exists }
  } catch (error) {
    return (error as { readonly code?: string }).code ?? error
  }
}

/** Makes sure that a store sees the same, and can go on, whether it has a state in memory or none. */
export async function assertSameSight(
  of: Aggregates<Added, List, unknown>,
  store: EventStore,
  id = '1',
): Promise<void> {
  const fresh = store.aggregate(lists())
  assert.deepEqual(await sightOf(of.load(id)), await sightOf(fresh.load(id)))
}

/** Lets so many microtasks pass. */
export async function ticks(count: number): Promise<void> {
  for (const _ of numbers(1, count)) await undefined
}

/** What everybody can see of an event that was decided or read. */
export function seenOf(event: FoldedEvent<EventShape>): object {
  const { type, streamId, version, time, tags, data, metadata } = event
  return { type, streamId, version, time, tags, data, metadata }
}

/** The laws of aggregates: their names say so. */
export function ofAggregates({ law, simulatedLaw }: StoreLaws): StoreLaws {
  return {
    law: (name, verify, options) => law(`aggregates: ${name}`, verify, options),
    simulatedLaw: (name, verify, options) => simulatedLaw(`aggregates: ${name}`, verify, options),
  }
}

/** Uses aggregates as another process would that is gone then, with everything done that it had begun. */
export async function through<E extends EventShape, S, C, T>(
  scene: SimulatedStoreScene,
  definition: Aggregate<E, S, C>,
  use: (of: Aggregates<E, S, C>, store: EventStore) => Promise<T>,
): Promise<T> {
  const store = await besideIt(scene)
  try {
    return await use(store.aggregate(definition), store)
  } finally {
    await store.close()
  }
}

/** The versions of the snapshots of an aggregate, the newest first. */
export async function savedIn(
  store: EventStore,
  streamId = 'list-1',
  { name = 'state', schemaVersion = 1 }: { readonly name?: string; readonly schemaVersion?: number } = {},
): Promise<number[]> {
  const entries = await store.stream(streamId).snapshots(name, { schemaVersion }).list()
  return entries.map(({ version }) => version)
}

/** What was told of a snapshot: the code of the error, and the stream. */
export type Problem = readonly [code: unknown, streamId: string]

/** Notes what is told of snapshots. */
export function noting(problems: Problem[]): NonNullable<SnapshotPolicy<unknown>['onProblem']> {
  return (error, { streamId }) => void problems.push([(error as { code?: unknown }).code, streamId])
}

/** The same store again, which counts the transactions by which it writes. */
export async function countedCommits({
  store,
  directory,
  runtime,
}: SimulatedStoreScene): Promise<{ readonly store: EventStore; readonly commits: () => number }> {
  let count = 0
  const kv = new Proxy(store.kv, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        if (name === 'transact') count += 1
        return Reflect.apply(member, target, given) as unknown
      }
    },
  })
  const counted = await openEventStore(kv, { directory, runtime })
  count = 0
  const commits = (): number => {
    const before = count
    count = 0
    return before
  }
  return { store: counted, commits }
}
