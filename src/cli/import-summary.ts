import { describeError } from './describe-error.ts'
import { CommandError, LineError } from './errors.ts'
import { formatCount, formatCounted, formatDuration } from './format.ts'

/** How far an import came. */
export interface ImportState {
  /** Lines that are done, and how many of them were done by an earlier import. */
  readonly linesDone: number
  readonly linesBefore: number
  /** Events on the lines that are done. */
  readonly eventsDone: number
  /** Events that this import wrote. */
  readonly eventsAdded: number
  /** Events that this import found in their streams already, by their ids. */
  readonly eventsKnown: number
}

/** What happened to an import besides. */
export interface ImportEnd {
  readonly source: string
  readonly again: boolean
  readonly interrupted: boolean
  readonly elapsedMs: number
}

/** Sums an import up in one line. */
export function formatImportSummary(state: ImportState, end: ImportEnd): string {
  const { eventsAdded, eventsKnown, linesBefore } = state
  const parts: string[] = []
  if (eventsAdded > 0) parts.push(`${formatDuration(end.elapsedMs)}, ${rateOf(eventsAdded, end.elapsedMs)}`)
  if (eventsKnown > 0) parts.push(`${formatCounted(eventsKnown, 'event')} were in their streams already`)
  if (linesBefore > 0) parts.push(`lines 1 to ${formatCount(linesBefore)} were imported before`)
  const what = eventsAdded === 0 ? 'nothing is new' : `${formatCounted(eventsAdded, 'event')} imported`
  const stop = end.interrupted ? `; interrupted: ${standing(state, end.again)}` : ''
  return `${end.source}: ${what}${parts.length === 0 ? '' : ` (${parts.join('; ')})`}${stop}`
}

/** Says where an import failed, and what stands all the same. */
export function importFailure(
  error: unknown,
  state: ImportState,
  end: Pick<ImportEnd, 'source' | 'again'>,
): CommandError {
  const hint = standing(state, end.again)
  if (error instanceof LineError) {
    return new CommandError(`${end.source}:${error.line}: ${error.message}`, { hint, cause: error })
  }
  const described = describeError(error)
  const hints = described.hint === undefined ? hint : `${described.hint}; ${hint}`
  return new CommandError(described.message, { hint: hints, cause: error })
}

function standing({ eventsDone, linesDone }: ImportState, again: boolean): string {
  if (linesDone === 0) return 'nothing was written'
  const done = `${formatCounted(eventsDone, 'event')}, up to line ${formatCount(linesDone)}, are imported`
  return `${done}; the same command${again ? ' without --again' : ''} goes on from there`
}

function rateOf(events: number, elapsedMs: number): string {
  return `${formatCount((events / Math.max(elapsedMs, 1)) * 1_000)} events/s`
}
