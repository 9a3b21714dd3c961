import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { IndexName } from 'eventdb'
import type { FeatureCell } from './feature-cell.ts'
import {
  type Comparison,
  type Group,
  groupsOf,
  INDEXES,
  type Measurement,
  type Size,
} from './feature-groups.ts'
import type { Figures } from './measured.ts'
import { inProcess, medians } from './processes.ts'
import { printCells } from './table.ts'

/** What of the features is measured, and where. */
export interface FeatureOptions extends Size {
  readonly engine: FeatureCell['engine']
  readonly root: string
  readonly only: string
  readonly rounds: number
  readonly json: boolean
}

/** What each feature costs: the event store beside itself. */
export async function measureFeatures(options: FeatureOptions): Promise<void> {
  const stores = new LargeStores(options)
  for (const group of groupsOf(options)) {
    const chosen = group.comparisons.map((all) => choose(all, options.only)).filter((all) => all.length > 0)
    if (chosen.length === 0) continue
    if (!options.json) printTitle(group, options)
    for (const comparison of chosen) await compare(comparison, group, stores, options)
  }
  stores.remove()
}

/** Those whose name contains the text, and what they are compared with. */
function choose(comparison: Comparison, text: string): Comparison {
  const isChosen = comparison.map(({ name }) => name.includes(text))
  return isChosen.includes(true) ? comparison.filter((_, at) => at === 0 || isChosen[at]) : []
}

async function compare(
  comparison: Comparison,
  { columns }: Group,
  stores: LargeStores,
  { engine, root, rounds, json }: FeatureOptions,
): Promise<void> {
  const seen = new Map<Measurement, Figures[]>(comparison.map((measurement) => [measurement, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const measurement of comparison) {
      const { place, indexes, work } = measurement
      const scratch = join(root, 'work')
      const folder = place === 'large' ? await stores.get(indexes) : scratch
      if (place === 'copy') cpSync(await stores.get(indexes), scratch, { recursive: true })
      seen.get(measurement)!.push(await runCell({ engine, folder, indexes: INDEXES[indexes], work }))
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  const first = medians(seen.get(comparison[0]!)!)
  for (const [{ name }, rows] of seen) {
    const figures = medians(rows)
    const ratio = comparison.length > 1 ? { ratio: figures.perSecond! / first.perSecond! } : {}
    if (json) console.log(JSON.stringify({ engine, name, ...figures, ...ratio }))
    else printFigures(name, columns, { ...figures, ...ratio })
  }
}

/** Large stores that differ in nothing but their indexes, made when they are needed. */
class LargeStores {
  readonly #options: FeatureOptions
  readonly #folder: string
  readonly #made = new Set<string>()

  constructor(options: FeatureOptions) {
    this.#options = options
    this.#folder = join(options.root, `large-${options.engine}`)
  }

  /** The folder of the one with these indexes. They are added to a copy of one with fewer: faster than filling each. */
  async get(indexes: keyof typeof INDEXES): Promise<string> {
    const folder = join(this.#folder, indexes)
    if (this.#made.has(indexes)) return folder
    this.#made.add(indexes)
    const { engine, builtEvents } = this.#options
    if (indexes === 'none') {
      const work = { kind: 'build', events: builtEvents } as const
      await runCell({ engine, folder, indexes: [], work })
      return folder
    }
    const fewer = indexes === 'all' ? 'tag' : 'none'
    const add = INDEXES[indexes].filter((index) => !(INDEXES[fewer] as readonly IndexName[]).includes(index))
    cpSync(await this.get(fewer), folder, { recursive: true })
    const work = { kind: 'reindex', add, drop: [], events: builtEvents } as const
    await runCell({ engine, folder, indexes: INDEXES[fewer], work })
    return folder
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function runCell(cell: FeatureCell): Promise<Figures> {
  mkdirSync(cell.folder, { recursive: true })
  return inProcess('./feature-cell.ts', cell)
}

function printTitle({ title, columns }: Group, { engine, builtEvents }: FeatureOptions): void {
  console.log(`\n${engine}: ${title}; a large store has ${builtEvents.toLocaleString('en')} events`)
  printCells(
    '',
    columns.map(([column]) => column),
  )
}

/** Prints one line: what the columns name of the figures. */
export function printFigures(name: string, columns: Group['columns'], figures: Figures): void {
  const cells = columns.map(([, figure, digits]) =>
    figures[figure]?.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  printCells(
    name,
    cells.map((cell) => cell ?? ''),
  )
}
