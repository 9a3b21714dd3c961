import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What was seen of some work on many things: events, mostly. */
export interface Seen {
  readonly perSecond: number
  /** Processor time of all threads, in microseconds for each thing. */
  readonly cpuMicroseconds: number
  /** 99th percentile of the event loop's delay, in milliseconds. */
  readonly loopDelayMs: number
  /** The longest delay of the event loop, in milliseconds. */
  readonly longestDelayMs: number
  /** Peak of the process's anonymous memory, in MiB. */
  readonly rssAnonMib: number
}

/** What was seen, by the names that columns of tables have for it. */
export type Figures = Readonly<Record<string, number>>

/** Measures work that returns how many things it did. */
export async function measured(work: () => Promise<number>): Promise<Seen> {
  globalThis.gc?.()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let peak = rssAnonMib()
  const sampler = setInterval(() => {
    peak = Math.max(peak, rssAnonMib())
  }, 20)
  delay.enable()
  const began = performance.now()
  const cpu = process.cpuUsage()
  const count = await work()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - began) / 1_000
  delay.disable()
  clearInterval(sampler)
  return {
    perSecond: count / seconds,
    cpuMicroseconds: (user + system) / count,
    loopDelayMs: delay.percentile(99) / 1e6,
    longestDelayMs: delay.max / 1e6,
    rssAnonMib: Math.max(peak, rssAnonMib()),
  }
}

/** Anonymous memory of this process; 0 where the system does not tell. Mapped files are the page cache's, not ours. */
function rssAnonMib(): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1_024
  } catch {
    return 0
  }
}
