import { type OrderEvent, orderSource } from './aggregate-decider.ts'
import { emmettInMemory, emmettOnSqlite } from './aggregate-emmett.ts'
import { eventdbAggregates } from './aggregate-eventdb.ts'
import {
  type AggregateProgram,
  type Execute,
  type Filled,
  idOf,
  type LoadWay,
  type OpenAggregates,
  type ProgramOptions,
} from './aggregate-program.ts'
import { randomOf } from './events.ts'
import { type Figures, measured } from './measured.ts'

/** One measurement of aggregates: a program, a place and some work. Runs in a process of its own. */
export interface AggregateCell {
  readonly program: ProgramName
  readonly folder: string
  readonly work: AggregateWork
}

/** Who is measured. */
export type ProgramName = keyof typeof PROGRAMS

/** What is done. */
export type AggregateWork =
  | { readonly kind: 'fill'; readonly filled: readonly Filled[]; readonly hasSnapshots: boolean }
  | Loads
  | Commands

/** Loads aggregates at random, one after the other. */
export interface Loads {
  readonly kind: 'load'
  readonly way: LoadWay
  readonly filled: Filled
  readonly msMax: number
}

/** Keeps commands in flight on aggregates at random, or appends of the same events to their streams. */
export interface Commands {
  readonly kind: 'execute' | 'append'
  readonly filled: Filled
  readonly inFlight: number
  /** When it is over: after so many, or so long. */
  readonly commands: number
  readonly msMax: number
  /** How many states ours keeps in memory. @default what it keeps if nobody says */
  readonly cacheMax?: number
}

/** What a measurement yields. */
export interface CellResult {
  readonly figures: Figures
  /** What went wrong, and how often. */
  readonly errors: Readonly<Record<string, number>>
}

const PROGRAMS = {
  'eventdb on sqlite': eventdbAggregates('sqlite'),
  'eventdb on lmdb': eventdbAggregates('lmdb'),
  'Emmett in memory': emmettInMemory,
  'Emmett on SQLite': emmettOnSqlite(false),
  'Emmett on SQLite, held open': emmettOnSqlite(true),
} satisfies Record<string, OpenAggregates>

/** For how long commands warm up at least, in milliseconds. */
const WARM_UP_MS = 300
/** How long to wait for what is still in flight when the time is up, in milliseconds. */
const PATIENCE_MS = 5_000

async function main(): Promise<void> {
  const { program: name, folder, work } = JSON.parse(process.argv[2]!) as AggregateCell
  const program = await PROGRAMS[name]({ folder, ...statesOf(work) })
  if (name === 'Emmett in memory' && work.kind !== 'fill') await program.fill([work.filled])
  const isOurs = name.startsWith('eventdb')
  const result = await run(program, work, isOurs)
  // What Emmett has left behind may hold the process, and the database.
  if (isOurs || work.kind === 'fill') await program.close()
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit())
}

/** How ours comes to its states. */
function statesOf(work: AggregateWork): Pick<ProgramOptions, 'way' | 'cacheMax'> {
  switch (work.kind) {
    case 'fill':
      return { way: work.hasSnapshots ? 'snapshot' : 'fold', cacheMax: undefined }
    case 'load':
      return { way: work.way, cacheMax: undefined }
    default:
      return { way: 'cache', cacheMax: work.cacheMax }
  }
}

function run(program: AggregateProgram, work: AggregateWork, isOurs: boolean): Promise<CellResult> {
  switch (work.kind) {
    case 'fill':
      return program.fill(work.filled).then(() => ({ figures: {}, errors: {} }))
    case 'load':
      return loads(program, work)
    default:
      return commands(program, work, isOurs)
  }
}

/** Each load is looked at: there are no figures for states that are wrong. */
async function loads(program: AggregateProgram, { way, filled, msMax }: Loads): Promise<CellResult> {
  const random = randomOf(3)
  const some = async (ms: number): Promise<number> => {
    let count = 0
    for (const end = performance.now() + ms; count < 1 || performance.now() < end; count += 1) {
      const { events } = await program.load(idOf(filled, Math.floor(random() * filled.aggregates)))
      if (events !== filled.events) throw new Error(`There are ${filled.events} events, but ${events} came`)
    }
    return count
  }
  if (way === 'cache') await loadAll(program, filled)
  await some(msMax / 5)
  const figures = await measured(() => some(msMax))
  return { figures: { ...figures }, errors: {} }
}

/** Commands that were acknowledged and are there are done. */
async function commands(program: AggregateProgram, work: Commands, isOurs: boolean): Promise<CellResult> {
  const before = await program.countEvents()
  if (work.cacheMax !== undefined) await loadAll(program, work.filled)
  const driver = new Driver(program, work)
  // The first part warms up: the compiler, the caches, and the first pages of the file.
  await driver.drive(work.commands / 5, Math.max(WARM_UP_MS, work.msMax / 5))
  await driver.settled()
  driver.forget()
  const { acknowledged: warm } = driver
  const seen = await measured(() => driver.drive(work.commands, work.msMax))
  const { again, failed } = driver
  const done = driver.acknowledged - warm
  await driver.settled()
  const stored = (await program.countEvents()) - before
  const lost = Math.max(0, driver.acknowledged - stored)
  if (isOurs && (lost > 0 || driver.errors.size > 0 || stored !== driver.acknowledged)) {
    throw new Error(`${driver.acknowledged} acknowledged, ${stored} stored; ${[...driver.errors.keys()]}`)
  }
  return { figures: { ...seen, done, again, failed, lost }, errors: Object.fromEntries(driver.errors) }
}

async function loadAll(program: AggregateProgram, filled: Filled): Promise<void> {
  let number = 0
  const client = async (): Promise<void> => {
    for (; number < filled.aggregates; ) {
      number += 1
      await program.load(idOf(filled, number - 1))
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
}

/** Keeps commands in flight. */
class Driver {
  /** Of all that were ever made. */
  acknowledged = 0
  /** Decided more than once, since it was told to forget. */
  again = 0
  failed = 0
  readonly errors = new Map<string, number>()
  readonly #noted = new WeakSet<Error>()
  readonly #work: Commands
  readonly #clients: readonly Execute[]
  readonly #next: () => OrderEvent = orderSource(process.pid)
  readonly #random = randomOf(17)
  #running: Promise<unknown> = Promise.resolve()
  #end = 0
  #left = 0

  constructor(program: AggregateProgram, work: Commands) {
    this.#work = work
    const mayTryAgain = (error: unknown): boolean => {
      this.#note(error)
      return performance.now() < this.#end
    }
    const client = (): Execute =>
      work.kind === 'append' ? program.appender() : program.executor(mayTryAgain)
    this.#clients = Array.from({ length: work.inFlight }, client)
    // What nobody has listened to.
    process.on('uncaughtException', (error) => this.#note(error))
  }

  /** Resolves to how many were done when all are, or the time is up. */
  async drive(count: number, ms: number): Promise<number> {
    const { acknowledged } = this
    this.#left = count
    this.#end = performance.now() + ms
    this.#running = Promise.all(this.#clients.map((execute) => this.#client(execute)))
    await orLater(this.#running, ms)
    return this.acknowledged - acknowledged
  }

  forget(): void {
    this.again = 0
    this.failed = 0
  }

  /** Resolves when nothing is in flight, or after some time. */
  settled(): Promise<void> {
    return orLater(this.#running, PATIENCE_MS)
  }

  async #client(execute: Execute): Promise<void> {
    for (; this.#left > 0 && performance.now() < this.#end; ) {
      this.#left -= 1
      const { filled } = this.#work
      const number = Math.floor(this.#random() * filled.aggregates)
      try {
        this.again += (await execute(idOf(filled, number), this.#next())) - 1
        this.acknowledged += 1
      } catch (error) {
        this.failed += 1
        this.#note(error)
      }
    }
  }

  /** The last one of a command comes twice. */
  #note(error: unknown): void {
    if (this.#noted.has(error as Error)) return
    this.#noted.add(error as Error)
    const { message } = error as Error
    this.errors.set(message, (this.errors.get(message) ?? 0) + 1)
  }
}

async function orLater(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const later = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise, later])
  clearTimeout(timer)
}

await main()
