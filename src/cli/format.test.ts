import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatCounted, formatDuration, formatShare, formatTime } from './format.ts'

test('formatCount() and formatCounted() keep thousands apart', () => {
  expect(formatCount(55_628)).toBe('55,628')
  expect(formatCounted(1, 'event')).toBe('1 event')
  expect(formatCounted(0, 'event')).toBe('0 events')
})

test('formatDuration() grows with the duration', () => {
  expect(formatDuration(400)).toBe('0 s')
  expect(formatDuration(12_300)).toBe('12 s')
  expect(formatDuration(187_000)).toBe('3:07')
  expect(formatDuration(3_723_000)).toBe('1:02:03')
})

test('formatBytes() picks a unit', () => {
  expect(formatBytes(512)).toBe('512 bytes')
  expect(formatBytes(1_536)).toBe('1.5 KiB')
  expect(formatBytes(20 * 1_024 * 1_024)).toBe('20.0 MiB')
})

test('formatTime() is brief, in UTC', () => {
  expect(formatTime(new Date('2017-01-09T08:49:50.123Z'))).toBe('2017-01-09 08:49:50')
})

test('formatShare() draws a bar that is full only at the end', () => {
  expect(formatShare(0)).toBe('░░░░░░░░░░░░░░░░░░░░   0 %')
  expect(formatShare(0.5)).toBe('██████████░░░░░░░░░░  50 %')
  expect(formatShare(0.999)).toBe('███████████████████░  99 %')
  expect(formatShare(1.2)).toBe('████████████████████ 100 %')
})
