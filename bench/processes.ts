import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { median } from './table.ts'

/**
 * Runs a program of this folder in a process of its own, with a job that it gets as JSON, and with more variables in its environment
 * than ours. Returns the JSON that it prints.
 */
export async function inProcess<Result>(
  program: string,
  job: object,
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const file = new URL(program, import.meta.url).pathname
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', file, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const closed = once(child, 'close')
  let output = ''
  for await (const part of child.stdout) output += part
  const [code] = await closed
  if (code !== 0) throw new Error(`A measurement failed: ${JSON.stringify(job)}`)
  return JSON.parse(output)
}

/** The median of each figure. */
export function medians<Figures extends object>(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0]!) as (keyof Figures)[]
  const entries = names.map((name) => [name, median(rounds.map((figures) => Number(figures[name])))])
  return Object.fromEntries(entries)
}
