import type { RecordedEvent } from 'eventdb'
import { expect, test } from 'vitest'
import { EventTable } from './event-table.ts'
import { paintWith } from './paint.ts'
import { displayWidth } from './text-width.ts'

function eventOf(version: number, more: Partial<RecordedEvent> = {}): RecordedEvent {
  const time = new Date('2017-01-09T08:49:50.000Z')
  const id = '01a2079a-eb66-733d-8d03-c608c26175a6'
  const fixed = { streamId: 'cart-1', type: 'ItemAdded', data: { sku: 'tea' }, id, time, recordedAt: time }
  return { ...fixed, position: BigInt(version) * 1_000n, version, tags: [], toJSON: () => ({}), ...more }
}

const plain = { paint: paintWith(false), global: false }

test('EventTable aligns the events of a stream under their titles', () => {
  const table = new EventTable({ ...plain, columns: 80 })
  const events = [eventOf(9), eventOf(10, { type: 'CartCheckedOut', data: {}, tags: ['vip'] })]
  expect(`${table.header(events)}\n${table.rows(events)}`).toBe(
    [
      'version  time (UTC)           type            data',
      '      9  2017-01-09 08:49:50  ItemAdded       {"sku":"tea"}',
      '     10  2017-01-09 08:49:50  CartCheckedOut  {}  #vip',
      '',
    ].join('\n'),
  )
})

test('EventTable shows position and stream for a read of everything', () => {
  const table = new EventTable({ ...plain, columns: 100, global: true })
  const events = [eventOf(1, { metadata: { user: 7 } })]
  expect(`${table.header(events)}\n${table.rows(events)}`).toBe(
    [
      'position  time (UTC)           stream  version  type       data',
      '    1000  2017-01-09 08:49:50  cart-1        1  ItemAdded  {"sku":"tea"}  {"user":7}',
      '',
    ].join('\n'),
  )
})

test('EventTable shows an event at the place of the link that led to it, and where it comes from', () => {
  const table = new EventTable({ ...plain, columns: 100, global: true })
  const link = { id: '', streamId: 'list', version: 4, position: 9_000n }
  expect(table.rows([eventOf(1, { link, tags: ['vip'] })])).toBe(
    '    9000  2017-01-09 08:49:50  list          4  ItemAdded  {"sku":"tea"}  from cart-1 1 #vip\n',
  )
})

test.each([200, 120, 80, 60])('EventTable keeps to a terminal of %i columns', (columns) => {
  const table = new EventTable({ ...plain, columns })
  const long = eventOf(1, {
    type: 'T'.repeat(300),
    data: { text: '日本語'.repeat(500) },
    metadata: { more: 'x'.repeat(500) },
  })
  for (const line of table.rows([long]).trimEnd().split('\n')) {
    expect(displayWidth(line)).toBeLessThanOrEqual(columns)
  }
})

test('EventTable columns grow with later events and never shrink', () => {
  const table = new EventTable({ ...plain, columns: 80 })
  const before = table.rows([eventOf(1)])
  table.rows([eventOf(2, { type: 'SomethingLonger' })])
  const after = table.rows([eventOf(1)])
  expect(after.indexOf('{')).toBeGreaterThan(before.indexOf('{'))
})

test('EventTable shows bytes by their number, and writes control characters out', () => {
  const table = new EventTable({ ...plain, columns: 80 })
  expect(table.rows([eventOf(1, { data: new Uint8Array(1_234) })])).toContain('<1,234 bytes>')
  expect(table.rows([eventOf(1, { type: 'a\x1b[2J', data: '\x9b2J' })])).not.toContain('\x9b')
  expect(table.rows([eventOf(1, { type: 'a\x1b[2J' })])).toContain('a\\u{1b}[2J')
})

test('EventTable colours types when it may', () => {
  const table = new EventTable({ columns: 80, paint: paintWith(true), global: false })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are what is tested
  expect(table.rows([eventOf(1)])).toMatch(/\x1b\[\d+mItemAdded\x1b\[39m/)
})
