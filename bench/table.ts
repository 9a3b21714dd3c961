import type { Seen } from './measured.ts'

/** One measurement, of all programs that took part. */
export interface Row {
  readonly name: string
  readonly ours: Seen
  readonly byHand: Seen
  readonly file: Seen | undefined
}

const NAME_WIDTH = 62
const CELL_WIDTH = 12

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

/** Prints one line of a table: a name, and what is in the columns. */
export function printCells(name: string, cells: readonly string[]): void {
  console.log(`${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(CELL_WIDTH)).join('')}`)
}

/** Prints what the columns mean. */
export function printTitle(engine: string, builtEvents: number): void {
  console.log(
    `\n${engine}: events/s, ours beside the best hand-written program; the large store has ${builtEvents.toLocaleString('en')} events`,
  )
  const columns = [
    'eventdb',
    'by hand',
    'ratio',
    'file',
    'p99 ms',
    'by hand',
    'µs cpu',
    'by hand',
    'MiB',
    'by hand',
  ]
  printCells('', columns)
}

/** Prints one measurement. */
export function printRow({ name, ours, byHand, file }: Row): void {
  const cells = [
    rate(ours),
    rate(byHand),
    (ours.perSecond / byHand.perSecond).toFixed(2),
    file === undefined ? '' : rate(file),
    ours.loopDelayMs.toFixed(1),
    byHand.loopDelayMs.toFixed(1),
    ours.cpuMicroseconds.toFixed(1),
    byHand.cpuMicroseconds.toFixed(1),
    ours.rssAnonMib.toFixed(0),
    byHand.rssAnonMib.toFixed(0),
  ]
  printCells(name, cells)
}

function rate({ perSecond }: Seen): string {
  return Math.round(perSecond).toLocaleString('en')
}
