import { interruption } from './interruption.ts'
import type { Output } from './output.ts'
import { ProgressLine } from './progress-line.ts'

/** What became of work that can be interrupted. */
export type WorkEnd<T> =
  | { readonly interrupted: false; readonly result: T }
  | { readonly interrupted: true; readonly result: undefined }

/** What the work is given. */
export interface WorkTools {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** Shows how far it is; removed at the end. */
  readonly line: ProgressLine
}

/** Runs work that may take long, with a line of progress. Ctrl-C stops it at a place that it chooses, and is no failure. */
export async function longWork<T>(
  err: Pick<Output, 'isTerminal' | 'columns' | 'note'>,
  work: (tools: WorkTools) => Promise<T>,
): Promise<WorkEnd<T>> {
  const { signal, end } = interruption()
  const line = new ProgressLine(err)
  try {
    return { interrupted: false, result: await work({ signal, line }) }
  } catch (error) {
    if (signal.aborted && error === signal.reason) return { interrupted: true, result: undefined }
    throw error
  } finally {
    end()
    line.clear()
  }
}
