import { formatCount, formatDuration } from './format.ts'

/** How far an import is, for one moment. */
export interface ImportProgress {
  readonly skipping: boolean
  /** Events that were written by this import. */
  readonly events: number
  readonly elapsedMs: number
  /** Bytes of the source, as it is stored; `undefined` if its size is not known. */
  readonly bytesTotal: number | undefined
  readonly bytesRead: number
  /** Bytes that had been read when the first event was written. */
  readonly bytesBefore: number
}

/** Writes the progress of an import in one line. */
export function formatImportProgress(progress: ImportProgress): string {
  const { skipping, events, elapsedMs, bytesTotal, bytesRead, bytesBefore } = progress
  const parts = [skipping ? 'looking where the last import ended' : `${formatCount(events)} events`]
  if (!skipping && elapsedMs > 0) parts.push(`${formatCount((events / elapsedMs) * 1_000)}/s`)
  if (bytesTotal === undefined || bytesTotal === 0) return parts.join('  ')
  parts.push(`${Math.min(100, Math.floor((bytesRead / bytesTotal) * 100))} %`)
  const rate = (bytesRead - bytesBefore) / elapsedMs
  if (!skipping && rate > 0 && Number.isFinite(rate)) {
    parts.push(`${formatDuration((bytesTotal - bytesRead) / rate)} left`)
  }
  return parts.join('  ')
}
