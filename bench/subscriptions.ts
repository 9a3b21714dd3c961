import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type FeatureOptions, printFigures } from './features.ts'
import type { Figures } from './measured.ts'
import { inProcess, medians } from './processes.ts'
import type { SubscriptionCell, SubscriptionWork } from './subscription-cell.ts'
import { type Comparison, type Group, groupsOf, type Place } from './subscription-groups.ts'
import { printCells } from './table.ts'

/** How fast events are delivered, each way with the engine alone beside it. */
export async function measureSubscriptions(options: FeatureOptions): Promise<void> {
  const root = join(options.root, `subscriptions-${options.engine}`)
  for (const group of groupsOf(options)) {
    const chosen = group.comparisons.flatMap((all) => choose(all, options.only))
    if (chosen.length === 0) continue
    if (!options.json) printTitle(group, options.engine)
    const built = join(root, 'built')
    if (group.place.kind !== 'empty') await build(built, group.place, options)
    for (const comparison of chosen)
      await compare(comparison, group, { built, scratch: join(root, 'work') }, options)
    rmSync(root, { recursive: true, force: true })
  }
}

interface Folders {
  readonly built: string
  readonly scratch: string
}

/** Those whose name contains the text. */
function choose(comparison: Comparison, text: string): Comparison[] {
  const measurements = comparison.measurements.filter(({ name }) => name.includes(text))
  return measurements.length === 0 ? [] : [{ ...comparison, measurements }]
}

async function build(folder: string, { indexes, events }: Place, { engine }: FeatureOptions): Promise<void> {
  await runCell({ engine, folder, indexes, work: { kind: 'build', events } })
}

async function compare(
  { raw, figure, same, measurements }: Comparison,
  { place, columns }: Group,
  folders: Folders,
  options: FeatureOptions,
): Promise<void> {
  const rawRounds: Figures[] = []
  const rounds = measurements.map((): Figures[] => [])
  for (let round = 0; round < options.rounds; round += 1) {
    rawRounds.push(await measure(raw, place, folders, options))
    for (const [at, { work }] of measurements.entries())
      rounds[at]!.push(await measure(work, place, folders, options))
  }
  const rawFigures = medians(rawRounds)
  for (const [at, { name }] of measurements.entries()) {
    const figures = medians(rounds[at]!)
    if (same !== undefined && figures[same] !== rawFigures[same])
      throw new Error(`${name}: ${same} ${figures[same]}, but there are ${rawFigures[same]}`)
    const row = { ...figures, raw: rawFigures[figure]!, ratio: figures[figure]! / rawFigures[figure]! }
    if (options.json) console.log(JSON.stringify({ engine: options.engine, name, ...row, rawFigures }))
    else printFigures(name, columns, row)
  }
}

/** One measurement. What the engine does alone needs the rows of a store only to read them. */
async function measure(
  work: SubscriptionWork,
  { kind, indexes }: Place,
  { built, scratch }: Folders,
  { engine }: FeatureOptions,
): Promise<Figures> {
  const isOnCopy = kind === 'copy' && work.kind === 'persistent'
  if (isOnCopy) cpSync(built, scratch, { recursive: true })
  const folder = kind === 'built' ? built : scratch
  const figures = await runCell({ engine, folder, indexes, work })
  rmSync(scratch, { recursive: true, force: true })
  return figures
}

function runCell(cell: SubscriptionCell): Promise<Figures> {
  mkdirSync(cell.folder, { recursive: true })
  return inProcess('./subscription-cell.ts', cell)
}

function printTitle({ title, columns, place }: Group, engine: string): void {
  const size = place.kind === 'empty' ? '' : `; ${place.events.toLocaleString('en')} events`
  console.log(`\n${engine}: ${title}${size}`)
  printCells(
    '',
    columns.map(([column]) => column),
  )
}
