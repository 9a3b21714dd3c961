import { StreamNotFoundError } from 'eventdb'
import { expect, test } from 'vitest'
import { LineError } from './errors.ts'
import { formatImportSummary, importFailure } from './import-summary.ts'

const STATE = { linesDone: 3_000, linesBefore: 1_000, eventsDone: 2_990, eventsAdded: 1_900, eventsKnown: 90 }
const END = { source: 'orders.ndjson', again: false, interrupted: false, elapsedMs: 1_000 }

test('formatImportSummary() tells new, known and earlier events apart', () => {
  expect(formatImportSummary(STATE, END)).toBe(
    'orders.ndjson: 1,900 events imported (1 s, 1,900 events/s; 90 events were in their streams already; ' +
      'lines 1 to 1,000 were imported before)',
  )
})

test('formatImportSummary() says that nothing is new', () => {
  const state = { ...STATE, linesDone: 1_000, eventsAdded: 0, eventsKnown: 0 }
  expect(formatImportSummary(state, END)).toBe(
    'orders.ndjson: nothing is new (lines 1 to 1,000 were imported before)',
  )
})

test('formatImportSummary() says how to go on after an interruption', () => {
  const text = formatImportSummary(STATE, { ...END, again: true, interrupted: true })
  expect(text).toContain('interrupted: 2,990 events, up to line 3,000, are imported')
  expect(text).toContain('the same command without --again goes on from there')
})

test('importFailure() names file and line, and what stands', () => {
  const failure = importFailure(new LineError(3_500, 'bad JSON'), STATE, END)
  expect(failure.message).toBe('orders.ndjson:3500: bad JSON')
  expect(failure.hint).toBe(
    '2,990 events, up to line 3,000, are imported; the same command goes on from there',
  )
})

test('importFailure() says what stands for any other failure, too', () => {
  const failure = importFailure(new StreamNotFoundError('s'), { ...STATE, linesDone: 0 }, END)
  expect(failure.message).toBe('Stream "s" does not exist')
  expect(failure.hint).toBe('nothing was written')
})
