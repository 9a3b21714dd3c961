import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { COMMAND_ERROR_BYTES, COMMAND_GRACE_MS, COMMAND_LINE_BYTES } from './limits.ts'

/** What a shell command is run with. */
export interface ShellRun {
  /** What it finds on its standard input. */
  readonly input: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ends it: SIGTERM to all its processes, and SIGKILL to those that are there after a while. */
  readonly signal: AbortSignal
  /** Takes what it writes to its standard output, in whole lines if they are not very long. */
  readonly onOutput: (lines: Uint8Array) => Promise<void>
  readonly onError: (lines: Uint8Array) => Promise<void>
}

/** How a shell command ended. */
export interface ShellEnd {
  /** `undefined` if it was killed. */
  readonly code: number | undefined
  /** What has killed it, as in `SIGKILL`. */
  readonly killedBy: string | undefined
  /** The end of what it wrote to its standard error. */
  readonly lastError: string
}

/**
 * Runs a command through `sh -c`, in a process group of its own: Ctrl-C on the terminal does not reach it. Waits until it has ended and
 * its outputs are closed.
 *
 * @throws what `onOutput` and `onError` throw, when it has ended; an error of the system if there is no shell
 */
export async function runShellCommand(
  command: string,
  { input, env, signal, onOutput, onError }: ShellRun,
): Promise<ShellEnd> {
  const child = spawn('sh', ['-c', command], { env, detached: true })
  const ended = endOf(child)
  const stop = stopper(child)
  signal.addEventListener('abort', stop.begin, { once: true })
  if (signal.aborted) stop.begin()
  // It need not read what it is given.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let lastError = Buffer.alloc(0)
  const outputs = Promise.allSettled([
    forward(child.stdout, onOutput),
    forward(child.stderr, (lines) => {
      lastError = Buffer.concat([lastError, lines]).subarray(-COMMAND_ERROR_BYTES)
      return onError(lines)
    }),
  ])
  try {
    const end = await ended
    for (const output of await outputs) if (output.status === 'rejected') throw output.reason
    return { ...end, lastError: textOf(lastError) }
  } finally {
    signal.removeEventListener('abort', stop.begin)
    stop.end()
  }
}

function endOf(child: ChildProcess): Promise<Pick<ShellEnd, 'code' | 'killedBy'>> {
  return new Promise((resolve, reject) => {
    child
      .on('error', reject)
      .on('close', (code, killedBy) => resolve({ code: code ?? undefined, killedBy: killedBy ?? undefined }))
  })
}

/** Ends all processes of the command. */
function stopper(child: ChildProcess): { readonly begin: () => void; readonly end: () => void } {
  let timer: NodeJS.Timeout | undefined
  return {
    begin: () => {
      killGroup(child, 'SIGTERM')
      timer = setTimeout(() => {
        killGroup(child, 'SIGKILL')
        // What has left the group may hold them open for ever.
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, COMMAND_GRACE_MS)
    },
    end: () => clearTimeout(timer),
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Passes output on. If that fails, the command finds its output closed. */
async function forward(output: Readable, write: (lines: Uint8Array) => Promise<void>): Promise<void> {
  let rest = Buffer.alloc(0)
  for await (const chunk of untilDestroyed(output)) {
    const bytes = Buffer.concat([rest, chunk])
    const end = bytes.length > COMMAND_LINE_BYTES ? bytes.length : bytes.lastIndexOf('\n') + 1
    rest = bytes.subarray(end)
    if (end > 0) await write(bytes.subarray(0, end))
  }
  if (rest.length > 0) await write(rest)
}

async function* untilDestroyed(output: Readable): AsyncGenerator<Buffer> {
  try {
    yield* output
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}

/** Text that may begin within a character, which is left out. */
function textOf(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .replace(/^\uFFFD+/, '')
    .trim()
}
