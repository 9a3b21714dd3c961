import type { BenchEvent } from '../program.ts'

/** One append that waits for its group. */
export interface Waiting {
  readonly streamId: string
  readonly events: readonly BenchEvent[]
  resolve(): void
}

/** Most appends of one group: what made the hand-written programs fastest. */
const GROUP_MAX = 1_024

/** Gathers the appends of one turn of the event loop and writes them together. */
export function grouped(
  write: (group: readonly Waiting[]) => void,
): (streamId: string, events: readonly BenchEvent[]) => Promise<void> {
  let queue: Waiting[] = []
  let scheduled = false
  const flush = (): void => {
    scheduled = false
    const group = queue.slice(0, GROUP_MAX)
    queue = queue.slice(GROUP_MAX)
    if (queue.length > 0) schedule()
    write(group)
    for (const waiting of group) waiting.resolve()
  }
  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(flush)
  }
  return (streamId, events) =>
    new Promise((resolve) => {
      queue.push({ streamId, events, resolve })
      schedule()
    })
}
