import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Reports to the process that started this one. What was reported is not lost when this process is killed right after. */
export function report(value: unknown): void {
  writeSync(1, `${JSON.stringify(value)}\n`)
}

/** Calls back for every line that the process that started this one says. */
export function onTold(callback: (line: string) => void): void {
  createInterface({ input: process.stdin }).on('line', callback)
}

/** Resolves when the process that started this one says this line. */
export function told(expected: string): Promise<void> {
  return new Promise((resolve) => onTold((line) => line === expected && resolve()))
}
