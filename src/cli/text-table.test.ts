import { expect, test } from 'vitest'
import { paintWith } from './paint.ts'
import { TextTable } from './text-table.ts'

const columns = [{ title: 'n', right: true }, { title: 'name' }, { title: 'why' }]

test('TextTable aligns pages below titles, with columns that grow', () => {
  const table = new TextTable(columns, { columns: 80, paint: paintWith(false) })
  expect(table.page([['1', 'ada', 'a']])).toBe('n  name  why\n1  ada   a\n')
  expect(table.page([['20', 'barbara', 'b']])).toBe('20  barbara  b\n')
  expect(table.page([])).toBe('')
})

test('TextTable keeps to the width of the terminal', () => {
  const table = new TextTable(columns, { columns: 12, paint: paintWith(false) })
  expect(table.page([['1', 'ada', 'a long story']])).toBe('n  name  why\n1  ada   a …\n')
})
