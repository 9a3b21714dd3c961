import type { Seen } from './cell.ts'

/** One measurement, of all programs that took part. */
export interface Row {
  readonly name: string
  readonly ours: Seen
  readonly byHand: Seen
  readonly file: Seen | undefined
}

const NAME_WIDTH = 62

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
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
  console.log(`${''.padEnd(NAME_WIDTH)}${columns.map((column) => column.padStart(10)).join('')}`)
}

/** Prints one measurement. */
export function printRow({ name, ours, byHand, file }: Row): void {
  const cells = [
    rate(ours),
    rate(byHand),
    (ours.eventsPerSecond / byHand.eventsPerSecond).toFixed(2),
    file === undefined ? '' : rate(file),
    ours.loopDelayMs.toFixed(1),
    byHand.loopDelayMs.toFixed(1),
    ours.cpuMicroseconds.toFixed(1),
    byHand.cpuMicroseconds.toFixed(1),
    ours.rssAnonMib.toFixed(0),
    byHand.rssAnonMib.toFixed(0),
  ]
  console.log(`${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padStart(10)).join('')}`)
}

function rate({ eventsPerSecond }: Seen): string {
  return Math.round(eventsPerSecond).toLocaleString('en')
}
