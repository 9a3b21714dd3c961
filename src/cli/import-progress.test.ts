import { expect, test } from 'vitest'
import { formatImportProgress } from './import-progress.ts'

const HALF = {
  skipping: false,
  events: 20_000,
  elapsedMs: 2_000,
  bytesTotal: 1_000_000,
  bytesRead: 500_000,
  bytesBefore: 0,
}

test('formatImportProgress() shows events, rate, percent and the time left', () => {
  expect(formatImportProgress(HALF)).toBe('20,000 events  10,000/s  50 %  2 s left')
})

test('formatImportProgress() reckons the time left without what an earlier import did', () => {
  expect(formatImportProgress({ ...HALF, bytesBefore: 400_000 })).toContain('10 s left')
})

test('formatImportProgress() makes no promises for a source of unknown size', () => {
  expect(formatImportProgress({ ...HALF, bytesTotal: undefined })).toBe('20,000 events  10,000/s')
})

test('formatImportProgress() says that it is looking for where to go on', () => {
  expect(formatImportProgress({ ...HALF, skipping: true })).toBe('looking where the last import ended  50 %')
})
