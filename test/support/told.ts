import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** How long it waits until a full pipe is looked at again, in milliseconds. */
const FULL_PIPE_MS = 5
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Reports to the process that started this one. What was reported is not lost when this process is killed right after. Waits while the other one
 * is behind with its reading.
 */
export function report(value: unknown): void {
  let rest = Buffer.from(`${JSON.stringify(value)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      // The pipe is full: Node opens it such that nobody waits for it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(sleeper, 0, 0, FULL_PIPE_MS)
    }
  }
}

/** Calls back for every line that the process that started this one says. */
export function onTold(callback: (line: string) => void): void {
  createInterface({ input: process.stdin }).on('line', callback)
}

/** Resolves when the process that started this one says this line. */
export function told(expected: string): Promise<void> {
  return new Promise((resolve) => onTold((line) => line === expected && resolve()))
}
