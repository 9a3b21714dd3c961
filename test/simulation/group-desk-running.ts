import { seededRandom, simulatedRuntime } from 'eventdb/testing'
import { openMemory } from '../../src/drivers/memory/index.ts'
import { CommitUnknownError, ConflictError } from '../../src/errors.ts'
import { openEventStore } from '../../src/index.ts'
import type { KeyValueStore } from '../../src/kv/contract.ts'
import { sleep } from '../../src/runtime.ts'
import type { GroupSettings, SubscriptionGroup } from '../../src/store/contract-subscribing.ts'
import { keyspaceOf } from '../../src/store/keyspace.ts'
import { GroupKeys } from '../../src/subscription/group-keys.ts'
import { GroupValues } from '../../src/subscription/group-rows.ts'
import type { GroupPlace } from '../../src/subscription/group-rows-in.ts'
import { CrewProcess, type CrewScene, LEASE_MS, randomFates } from './group-crew.ts'
import { HandlingBook } from './group-handling.ts'
import { assertSound, demand, type GroupSight, readSight } from './group-sight.ts'

/** Events of a run at most. */
const EVENTS_MAX = 60
const PROCESSES_MAX = 4
/** Virtual time in which a group that is well has to be done with everything: many leases, and many retries. */
const PATIENCE_MS = 120 * LEASE_MS
const STRATEGIES = ['round-robin', 'dispatch-to-single', 'pinned', 'pinned-by-correlation'] as const

/** What has happened in all runs. */
export interface DeskTally {
  done: number
  parked: number
  alone: number
}

interface DeskRun extends CrewScene {
  readonly group: SubscriptionGroup
  readonly settings: GroupSettings
  readonly tally: DeskTally
  appended: number
}

/** Runs desks of several processes against each other, on virtual time, until all is well; fails with all that has happened. */
export async function runDesks(seed: number, tally: DeskTally): Promise<void> {
  const random = seededRandom(seed)
  const runtime = simulatedRuntime({ seed, shuffle: true })
  const log: string[] = []
  try {
    await runtime.run(runIn({ random, runtime, log, tally }))
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error)
    throw new Error(`The desks of seed ${seed} fail: ${text}\n\n${log.join('\n')}`, { cause: error })
  }
}

async function runIn(parts: Pick<DeskRun, 'random' | 'runtime' | 'log' | 'tally'>): Promise<void> {
  const { random, runtime, log, tally } = parts
  const settings = randomSettings(random)
  log.push(JSON.stringify(settings))
  const isPinned = settings.strategy!.startsWith('pinned')
  const [first, second] = [1 + Math.floor(random() * 4), 1 + Math.floor(random() * 4)]
  const keys = Array.from({ length: EVENTS_MAX }, () => Math.floor(random() * first * second))
  const keyOf = (event: number): string =>
    settings.strategy === 'pinned' ? `k-${keys[event]! % first}` : `c-${keys[event]! % second}`
  const book = new HandlingBook(isPinned ? keyOf : undefined)
  const watched = await openMemory({ runtime })
  const processes: CrewProcess[] = []
  const kv = observed(watched, (sight) => look(sight, { book, processes, tally, settings }))
  const store = await openEventStore(kv, { runtime })
  const group = (await store.all.createSubscription('g', settings)) as SubscriptionGroup
  const fates = randomFates(random, EVENTS_MAX)
  const faulty = failing(
    kv,
    () => !run.isWell && random() < 0.02,
    () => random() < 0.3,
  )
  const run: DeskRun = {
    kv: faulty,
    ...{ ...parts, store, book, fates, processes, group, settings },
    ...{ isWell: false, isOver: false, appended: 0 },
  }
  const append = async (count: number): Promise<void> => {
    for (let more = 0; more < count && run.appended < EVENTS_MAX; more += 1) {
      const data = run.appended
      run.appended += 1
      const metadata = { $correlationId: `c-${keys[data]! % second}` }
      const stream = store.stream(`k-${keys[data]! % first}`)
      const { position } = await stream.append({ type: 'Counted', data, metadata })
      book.appended(position!, data)
    }
    log.push(`${Math.round(runtime.monotonic())} ${run.appended} events`)
  }
  await makeTrouble(run, append)
  await heal(run)
  await store.close()
  await watched.close()
}

function randomSettings(random: () => number): GroupSettings {
  return {
    strategy: STRATEGIES[Math.floor(random() * STRATEGIES.length)]!,
    parkMode: random() < 0.6 ? 'sequence' : 'single',
    maxRetryCount: Math.floor(random() * 3),
    messageTimeoutMs: LEASE_MS,
    retryBackoff: { initialMs: 20, maxMs: 300 },
    bufferSize: 4,
    checkpointAfterMs: Math.floor(random() * 400),
    checkpointLowerBound: 1 + Math.floor(random() * 3),
    checkpointUpperBound: 3 + Math.floor(random() * 5),
  }
}

async function makeTrouble(run: DeskRun, append: (count: number) => Promise<void>): Promise<void> {
  const { random, runtime, processes, group } = run
  await append(Math.floor(random() * 10))
  await CrewProcess.start(run)
  const living = (): readonly CrewProcess[] => processes.filter(({ isDead }) => !isDead)
  const pick = (): CrewProcess | undefined => living()[Math.floor(random() * living().length)]
  const length = 8 + Math.floor(random() * 20)
  for (let count = 0; count < length; count += 1) {
    await sleep(runtime, Math.floor(random() ** 2 * 900))
    demandNoProblem(run)
    const choice = random()
    if (choice < 0.35) await append(1 + Math.floor(random() * 8))
    else if (choice < 0.55 && living().length < PROCESSES_MAX) await CrewProcess.start(run)
    else if (choice < 0.6) pick()?.kill()
    else if (choice < 0.65) pick()?.freeze()
    else if (choice < 0.75) for (const process of living()) process.thaw()
    else if (choice < 0.8) void pick()?.close(1)
    else if (choice < 0.85) void pick()?.consume()
    else if (choice < 0.88) await group.pause()
    else if (choice < 0.95) await group.resume()
    else if (choice < 0.97) runtime.jumpClock(Math.floor((random() - 0.5) * 4 * LEASE_MS))
    else if (choice < 0.98) await group.reset({ to: 'start' }).then(() => run.book.startOver())
    else await group.replay('all').then((count) => run.log.push(`replayed ${count}`))
  }
}

/** Lets everything be well: then all events have to be handled, but for those that are parked; and after a replay, those as well. */
async function heal(run: DeskRun): Promise<void> {
  const { runtime, processes, group, log, book, store } = run
  log.push(`${Math.round(runtime.monotonic())} — all is well from now on —`)
  run.isWell = true
  for (const process of processes) process.thaw()
  for (const process of processes) process.release()
  await CrewProcess.start(run)
  await waitUntilDone(run)
  for await (const { event, isBehind, attempts } of group.parked()) {
    const n = Number(event!.data)
    run.tally.parked += 1
    const blame = book.blame.get(n) ?? 0
    demand(
      isBehind || blame > 0,
      () => `${n} is parked after ${attempts} attempts, and nothing was wrong with it`,
    )
  }
  const parked = await group.replay('all')
  log.push(`${Math.round(runtime.monotonic())} ${parked} were parked and are replayed`)
  await waitUntilDone(run)
  for (let n = 0; n < run.appended; n += 1) demand(book.done.has(n), () => `${n} was never handled`)
  run.tally.done += run.appended
  run.isOver = true
  let isClosed = false
  const closing = Promise.all(processes.map((process) => process.close(Number.POSITIVE_INFINITY)))
  void closing.then(() => {
    isClosed = true
  })
  for (let waited = 0; !isClosed; waited += 20) {
    demand(waited < 10 * LEASE_MS, () => 'consumers do not close')
    await sleep(runtime, 20)
  }
  demandNoProblem(run)
  const { problems } = await store.check()
  demand(problems.length === 0, () => `check() finds ${JSON.stringify(problems[0])}`)
}

async function waitUntilDone(run: DeskRun): Promise<void> {
  const { group, runtime } = run
  for (let waitedMs = 0; ; waitedMs += 50) {
    const { lag, inFlight, state, checkpoint, head, parked } = await group.info()
    demandNoProblem(run)
    if (state !== 'running') await group.resume()
    if (state === 'running' && lag + inFlight === 0) return
    demand(
      waitedMs < PATIENCE_MS,
      () =>
        `the group is stuck: ${lag} lag, ${inFlight} in flight, ${parked} parked, at ${checkpoint} of ${head}`,
    )
    await sleep(runtime, 50)
  }
}

function demandNoProblem({ book }: Pick<DeskRun, 'book'>): void {
  demand(book.problems.length === 0, () => book.problems.join('\n'))
}

/** Holds the rows against the invariants, whenever something was committed. */
function look(
  sight: GroupSight,
  { book, processes, tally, settings }: Pick<DeskRun, 'book' | 'processes' | 'tally' | 'settings'>,
): void {
  book.sight = sight
  try {
    assertSound(sight)
    for (const { name, consumers } of processes) {
      const items = [...consumers].flatMap((consumer) => sight.hands.get(consumer) ?? [])
      if (!items.some(({ isAlone }) => isAlone)) continue
      tally.alone += 1
      demand(items.length === 1, () => `${name} has ${items.length} events, one of which is alone`)
    }
    if (settings.parkMode === 'sequence') return
    for (const { where, place } of sight.laid) if (where === 'parked') book.passOver(place)
  } catch (error) {
    book.problems.push(error instanceof Error ? error.message : String(error))
  }
}

/** Looks at the group after each commit, before whoever has committed hears of it. */
function observed(kv: KeyValueStore, onCommit: (sight: GroupSight) => void): KeyValueStore {
  let place: GroupPlace | undefined
  const transact: KeyValueStore['transact'] = async (body, options) => {
    const result = await kv.transact(body, options)
    const directory = await kv.openDirectory(['eventdb'])
    const keys = keyspaceOf(directory)
    place ??= { keys: new GroupKeys(keys, 1, false), values: new GroupValues(keys), isStream: false }
    const known = place
    const sight = await kv.readTransact(async (tx) => {
      const control = await tx.get(known.keys.control)
      return control === undefined ? undefined : readSight(tx, keys, known)
    })
    if (sight !== undefined) onCommit(sight)
    return result
  }
  return withTransact(kv, transact)
}

/** Now and then a desk hears of too many conflicts, or not what has become of its commit. */
function failing(kv: KeyValueStore, fails: () => boolean, isUnknown: () => boolean): KeyValueStore {
  return withTransact(kv, async (body, options) => {
    if (options?.commitAtOnce !== true || !fails()) return kv.transact(body, options)
    if (!isUnknown()) throw new ConflictError(1)
    if (isUnknown()) await kv.transact(body, options)
    throw new CommitUnknownError(undefined)
  })
}

function withTransact(kv: KeyValueStore, transact: KeyValueStore['transact']): KeyValueStore {
  return new Proxy(kv, {
    get: (target, name) => {
      if (name === 'transact') return transact
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
