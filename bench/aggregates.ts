import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { AggregateCell, AggregateWork, CellResult, ProgramName } from './aggregate-cell.ts'
import { whyNoEmmett } from './aggregate-emmett.ts'
import {
  type Amount,
  type Comparison,
  type Engine,
  type Group,
  groupsOf,
  type Measurement,
} from './aggregate-groups.ts'
import { printFigures } from './features.ts'
import type { Figures } from './measured.ts'
import { inProcess, medians } from './processes.ts'
import { printCells } from './table.ts'

/** What of aggregates is measured, and where. */
export interface AggregateOptions extends Amount {
  readonly engines: readonly Engine[]
  readonly root: string
  readonly only: string
  readonly rounds: number
  readonly json: boolean
}

/** How fast aggregates are loaded and commands executed, with Emmett beside ours if it is installed. */
export async function measureAggregates(options: AggregateOptions): Promise<void> {
  const problem = whyNoEmmett()
  if (problem !== undefined) tellMissing(problem)
  for (const group of groupsOf(options, options.engines)) {
    const chosen = group.comparisons
      .filter(({ name }) => name.includes(options.only))
      .map((comparison) => (problem === undefined ? comparison : withoutEmmett(comparison)))
    if (chosen.length > 0) await new GroupRun({ ...group, comparisons: chosen }, options).run()
  }
  if (problem !== undefined) tellMissing(problem)
}

function tellMissing(problem: string): void {
  console.error(
    `\nEMMETT IS NOT MEASURED: ${problem}\nnpm ci --prefix bench/emmett installs it; that takes a minute or two, and a C++ compiler.`,
  )
}

const isEmmett = (program: ProgramName): boolean => program.startsWith('Emmett')
const isInMemory = (program: ProgramName): boolean => program.endsWith('in memory')

function withoutEmmett(comparison: Comparison): Comparison {
  const ours = Object.entries(comparison.measurements).filter(([, { program }]) => !isEmmett(program))
  return { ...comparison, measurements: Object.fromEntries(ours) }
}

/** Everything that was seen of one measurement. */
interface Seen extends Measurement {
  readonly rounds: Figures[]
  readonly errors: Map<string, number>
}

/** One group of comparisons: Emmett has no part in our engines, so what is measured of it stands beside each of them. */
class GroupRun {
  readonly #group: Group
  readonly #options: AggregateOptions
  readonly #folder: string
  /** By what is measured, each once. */
  readonly #seen = new Map<string, Seen>()

  constructor(group: Group, options: AggregateOptions) {
    this.#group = group
    this.#options = options
    this.#folder = join(options.root, 'aggregates')
  }

  async run(): Promise<void> {
    const all = this.#group.comparisons.flatMap(({ measurements }) => Object.values(measurements))
    for (const measurement of all)
      this.#seen.set(keyOf(measurement), { ...measurement, rounds: [], errors: new Map() })
    await this.#fill()
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const seen of this.#seen.values()) await this.#measure(seen)
    }
    this.#print()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #fill(): Promise<void> {
    const { filled, hasSnapshots } = this.#group
    const places = new Map<string, ProgramName>()
    for (const { program } of this.#seen.values())
      if (!isInMemory(program) && !places.has(placeOf(program))) places.set(placeOf(program), program)
    for (const [place, program] of places) {
      const work = { kind: 'fill', filled, hasSnapshots } as const
      await runCell({ program, folder: join(this.#folder, place), work })
    }
  }

  /** Whoever writes gets a copy. */
  async #measure({ program, work, rounds, errors }: Seen): Promise<void> {
    const built = join(this.#folder, placeOf(program))
    const scratch = join(this.#folder, 'work')
    const isCopy = work.kind !== 'load' && !isInMemory(program)
    if (isCopy) cpSync(built, scratch, { recursive: true })
    const result = await runCell({ program, folder: isCopy ? scratch : built, work })
    rounds.push(result.figures)
    for (const [message, times] of Object.entries(result.errors))
      errors.set(message, (errors.get(message) ?? 0) + times)
    rmSync(scratch, { recursive: true, force: true })
  }

  #print(): void {
    const { title, columns, comparisons, tellsEmmett } = this.#group
    const { json, builtEvents } = this.#options
    if (!json) {
      console.log(`\n${title}`)
      printCells(
        '',
        columns.map(([column]) => column),
      )
    }
    for (const comparison of comparisons) {
      const row = this.#row(comparison)
      if (json) console.log(JSON.stringify({ name: comparison.name, builtEvents, ...row }))
      else printFigures(comparison.name, columns, row)
    }
    if (tellsEmmett) this.#printEmmett()
  }

  #row({ measurements }: Comparison): Figures {
    const rates = Object.fromEntries(
      Object.entries(measurements).map(([column, one]) => [column, this.#rate(one)]),
    )
    const [first] = Object.values(measurements)
    const { loopDelayMs, cpuMicroseconds, rssAnonMib } = this.#figures(first!)
    const { fold, snapshot, execute, append, memory, sqlite, plainAlone, heldOpenAlone } = rates
    const all = {
      ...rates,
      foldToMemory: ratio(fold, memory),
      foldToSqlite: ratio(fold, sqlite),
      snapshotToSqlite: ratio(snapshot, sqlite),
      executeToAppend: ratio(execute, append),
      executeToMemory: ratio(execute, memory),
      executeToBest: ratio(execute, highest(sqlite, plainAlone, heldOpenAlone)),
      loopDelayMs,
      cpuMicroseconds,
      rssAnonMib,
    }
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Figures
  }

  #figures(measurement: Measurement): Figures {
    return medians(this.#seen.get(keyOf(measurement))!.rounds)
  }

  /** What was acknowledged and is there. */
  #rate(measurement: Measurement): number {
    const { perSecond = 0, lost = 0, done = 1 } = this.#figures(measurement)
    return lost > 0 ? perSecond * Math.max(0, 1 - lost / done) : perSecond
  }

  /** How it went for Emmett, with what went wrong. */
  #printEmmett(): void {
    const rows = [...this.#seen.values()].filter(({ program }) => isEmmett(program))
    if (rows.length === 0 || this.#options.json) return
    printCells('', ['done', 'again', 'failed', 'lost'])
    for (const { program, work, rounds, errors } of rows) {
      const { done = 0, again = 0, failed = 0, lost = 0 } = medians(rounds)
      const inFlight = work.kind === 'load' ? 1 : work.inFlight
      const cells = [done, again, failed, lost].map((count) => Math.round(count).toLocaleString('en'))
      printCells(`${program}, ${inFlight} in flight`, [...cells, `  ${mostFrequent(errors)}`])
    }
  }
}

function mostFrequent(errors: ReadonlyMap<string, number>): string {
  const [first] = [...errors].toSorted(([, a], [, b]) => b - a)
  return first === undefined ? '' : `${first[1].toLocaleString('en')} × ${first[0]}`
}

/** Emmett's SQLite stores have the same file. */
function placeOf(program: ProgramName): string {
  return program.replace(', held open', '').replaceAll(' ', '-')
}

function keyOf({ program, work }: Measurement): string {
  return JSON.stringify([program, work])
}

function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs
}

function highest(...rates: readonly (number | undefined)[]): number | undefined {
  const known = rates.filter((rate) => rate !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

async function runCell(cell: {
  program: ProgramName
  folder: string
  work: AggregateWork
}): Promise<CellResult> {
  mkdirSync(cell.folder, { recursive: true })
  const job: AggregateCell = cell
  // Emmett's SQLite store blocks a thread for each command that waits for another one's lock.
  return inProcess('./aggregate-cell.ts', job, isEmmett(cell.program) ? { UV_THREADPOOL_SIZE: '256' } : {})
}
