import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { test as base, type TestAPI } from 'vitest'
import { Output, type OutputStream } from '../../src/cli/output.ts'
import { run } from '../../src/cli/run.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** What to type before the arguments to run the command line from source. */
export const COMMAND_LINE: readonly string[] = [
  process.execPath,
  '--conditions=eventdb-source',
  '--import',
  'tsx',
  join(REPOSITORY, 'src/cli/main.ts'),
]

/** Text that a line of a source would hold for a small event. */
export interface Line {
  readonly stream: string
  readonly type: string
  readonly [field: string]: unknown
}

/** How a run of the command line ended. */
export interface Finished {
  /** Exit code, or the name of the signal that ended it. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** A run of the command line that has not ended. */
export interface Running {
  readonly process: ChildProcess
  readonly finished: Promise<Finished>
}

/** How to run the command line. */
export interface RunOptions {
  /** What it finds on its standard input; it stays open for `null`. */
  readonly input?: string | Buffer | null
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the command line from source, as another process would. */
export function start(args: readonly string[], { input = '', env = {} }: RunOptions = {}): Running {
  return startProgram([...COMMAND_LINE, ...args], { input, env })
}

/** Starts any program in the repository, with an environment that says nothing about colours or stores. */
export function startProgram(command: readonly string[], { input = '', env = {} }: RunOptions): Running {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(command[0]!, command.slice(1), { cwd: REPOSITORY, env: { PATH, HOME, ...env } })
  // A program that ends without reading its input is not a failure of the test.
  child.stdin.on('error', () => {})
  if (input !== null) child.stdin.end(input)
  const code = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject).on('close', (status, signal) => resolve(status ?? signal ?? 'unknown'))
  })
  const finished = Promise.all([code, text(child.stdout), text(child.stderr)]).then(
    ([end, stdout, stderr]) => ({
      code: end,
      stdout,
      stderr,
    }),
  )
  return { process: child, finished }
}

/** Runs the command line in a process of its own, to its end. */
export function spawned(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return start(args, options).finished
}

/** How to run the command line in this process. */
export interface RunHereOptions extends RunOptions {
  /** Width of the terminal that it finds itself on; none if left out. */
  readonly columns?: number
  /** Called whenever it writes to its standard error, as with each sign of progress. */
  readonly onNote?: (text: string) => void
}

/** Runs the command line in this process, which takes a fiftieth of the time: everything but `main.ts`. */
export async function eventdb(
  args: readonly string[],
  { input = '', env = {}, columns, onNote }: RunHereOptions = {},
): Promise<Finished> {
  const [stdout, stderr] = [collector(columns), collector(columns, onNote)]
  const code = await run(args, {
    stdin: Readable.from([Buffer.from(input ?? '')]),
    out: new Output(stdout, env),
    err: new Output(stderr, env),
    env,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

/** Standard output or error that remembers; a terminal if it has a width. */
function collector(
  columns: number | undefined,
  onText: (text: string) => void = () => {},
): OutputStream & { text(): string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk)
      onText(chunk.toString())
      done()
    },
  })
  const terminal = columns === undefined ? {} : { isTTY: true, columns }
  return Object.assign(stream, terminal, { text: () => Buffer.concat(chunks).toString() })
}

/**
 * Runs the command line in this process on a terminal, and presses Ctrl-C at the first sign of progress. Returns what it printed without
 * the lines of progress.
 */
export async function interruptedEventdb(args: readonly string[]): Promise<Finished> {
  let pressed = false
  const onNote = (text: string): void => {
    if (pressed || !text.startsWith('\r')) return
    pressed = true
    process.emit('SIGINT')
  }
  const finished = await eventdb(args, { columns: 80, env: { NO_COLOR: '1' }, onNote })
  if (!pressed) throw new Error(`eventdb ${args.join(' ')} showed no progress`)
  return { ...finished, stderr: stderrParts(finished).at(-1)! }
}

/** The lines of progress, one after the other, as a terminal would have shown them. */
export function progressOf(finished: Finished): string[] {
  return stderrParts(finished).slice(1, -1)
}

function stderrParts({ stderr }: Finished): string[] {
  return stripVTControlCharacters(stderr).split('\r')
}

/** A store in a folder, with the events of {@link shopLines}. Returns its folder. */
export async function shop(folder: string, events = 20, args: readonly string[] = []): Promise<string> {
  const store = join(folder, 'shop')
  const input = toLines(shopLines(events))
  const imported = await eventdb(['import', '-', '--store', store, ...args], { input })
  if (imported.code !== 0) throw new Error(imported.stderr)
  return store
}

/** Runs a command that must not fail, and reads what it prints. */
export async function printed<T = Record<string, unknown>>(args: readonly string[]): Promise<T[]> {
  const { code, stdout, stderr } = await eventdb(args)
  if (code !== 0 || stderr !== '') throw new Error(`eventdb ${args.join(' ')}: ${code}, ${stderr}`)
  return parseLines<T>(stdout)
}

/** The numbers of events of {@link shopLines} that a command prints. */
export async function numbers(args: readonly string[]): Promise<unknown[]> {
  return (await printed<{ data: { number: number } }>(args)).map((event) => event.data.number)
}

/** Reads NDJSON. */
export function parseLines<T = Record<string, unknown>>(ndjson: string): T[] {
  return ndjson.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

/** Writes NDJSON. */
export function toLines(lines: readonly unknown[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Lines `from` to `to` of a small source: every event knows its number. */
export function shopLines(to: number, from = 1): Line[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const number = from + i
    return { stream: `order-${number % 7}`, type: 'OrderChanged', data: { number }, time: instantOf(number) }
  })
}

function instantOf(number: number): string {
  return new Date(Date.UTC(2024, 0, 1) + number * 1_000).toISOString()
}

/** A test with a folder of its own. */
export const test: TestAPI<{ folder: string }> = base.extend<{ folder: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of fixtures from this pattern
  folder: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'eventdb-cli-'))
    await use(folder)
    await rm(folder, { recursive: true, force: true })
  },
})
