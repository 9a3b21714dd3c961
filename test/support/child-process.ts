import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FROM_SOURCE = ['--conditions=eventdb-source', '--import', 'tsx']

/** A process that runs a script of this folder, hears lines and reports in lines of JSON. */
export interface Child<Report> extends AsyncDisposable {
  /** What it has reported so far, whole lines only. */
  readonly reports: readonly Report[]
  /** Resolves when it has ended and every report has arrived; with the reason if it failed by itself. */
  readonly ended: Promise<void>
  /** The first report for which this holds, whether it was made already or is yet to come. */
  reported(matches: (report: Report) => boolean): Promise<Report>
  tell(line: string): void
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
}

interface Waiting<Report> {
  readonly matches: (report: Report) => boolean
  resolve(report: Report): void
  reject(error: Error): void
}

/** Starts `test/support/<script>` with its arguments. It is killed when the returned object is disposed of. */
export function startChild<Report>(script: string, ...args: readonly string[]): Child<Report> {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, [...FROM_SOURCE, file, ...args], { cwd: ROOT })
  const reports: Report[] = []
  let waiting: Waiting<Report>[] = []
  let [unfinished, complaint] = ['', '']
  let end: string | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (unfinished + text).split('\n')
    unfinished = lines.pop()!
    for (const line of lines) {
      const report = JSON.parse(line) as Report
      reports.push(report)
      for (const { matches, resolve } of waiting) if (matches(report)) resolve(report)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  // What is told to a process that was just killed goes nowhere.
  child.stdin.on('error', () => {})
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      end = `${script} ended with ${signal ?? code}. ${complaint}`
      for (const { reject: rejectWaiting } of waiting) rejectWaiting(new Error(end))
      if (code === 0 || signal === 'SIGKILL') resolve()
      else reject(new Error(end))
    })
  })
  ended.catch(() => {})
  const reported = (matches: (report: Report) => boolean): Promise<Report> => {
    const made = reports.find(matches)
    if (made !== undefined) return Promise.resolve(made)
    if (end !== undefined) return Promise.reject(new Error(end))
    const promise = new Promise<Report>((resolve, reject) => {
      waiting.push({ matches, resolve, reject })
    })
    const settled = (): void => {
      waiting = waiting.filter((other) => other.matches !== matches)
    }
    promise.then(settled, settled)
    return promise
  }
  return {
    reports,
    ended,
    reported,
    tell: (line) => child.stdin.write(`${line}\n`),
    signal: (name) => child.kill(name),
    [Symbol.asyncDispose]: () => {
      child.kill('SIGKILL')
      return ended.catch(() => {})
    },
  }
}
