import { PROGRESS_BAR_COLUMNS } from './limits.ts'

const GROUPED = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Writes a count with its thousands apart: `55,628`. */
export function formatCount(count: number): string {
  return GROUPED.format(count)
}

/** Writes a count with its noun: `1 event`, `55,628 events`. */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Writes a duration as `12 s`, `3:07` or `1:02:03`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000))
  if (seconds < 60) return `${seconds} s`
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown.map((part, index) => (index === 0 ? `${part}` : `${part}`.padStart(2, '0'))).join(':')
}

/** Writes an amount of bytes: `512 bytes`, `4.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let amount = bytes
  let unit = 'bytes'
  for (const next of units) {
    if (amount < 1_024) break
    amount /= 1_024
    unit = next
  }
  return unit === 'bytes' ? formatCounted(bytes, 'byte') : `${amount.toFixed(1)} ${unit}`
}

/** Writes an instant briefly, in UTC, always 19 columns for the years 0 to 9999. */
export function formatTime(time: Date): string {
  return time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, '')
}

/** Draws how much is done, from 0 to 1: `██████████░░░░░░░░░░  50 %`. Says 100 % only of all. */
export function formatShare(share: number): string {
  const done = Math.min(1, Math.max(0, share))
  const filled = Math.floor(done * PROGRESS_BAR_COLUMNS)
  const bar = '█'.repeat(filled) + '░'.repeat(PROGRESS_BAR_COLUMNS - filled)
  return `${bar} ${`${Math.floor(done * 100)}`.padStart(3)} %`
}
