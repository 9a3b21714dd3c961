import { expect, test } from 'vitest'
import { UsageError } from './errors.ts'
import { parseEventLine } from './event-line.ts'
import { parseTagField, withFieldTags } from './tag-field.ts'

const RECORD = {
  stream: 'case-1',
  type: 'Approved',
  data: {
    customer: { id: 7 },
    urgent: false,
    marks: ['a', 2, true, null],
    nothing: null,
    lines: [{ sku: 'x' }],
  },
  metadata: { role: 'SUPERVISOR' },
  time: '2024-05-01T08:30:00+02:00',
}

function tagsOf(path: string, record: object = RECORD): readonly string[] | undefined {
  return withFieldTags(parseEventLine(JSON.stringify(record)), [parseTagField(path)]).event.tags
}

test('withFieldTags() names a tag after the last part of the path', () => {
  expect(tagsOf('metadata.role')).toEqual(['role:SUPERVISOR'])
  expect(tagsOf('data.customer.id')).toEqual(['id:7'])
  expect(tagsOf('data.urgent')).toEqual(['urgent:false'])
  expect(tagsOf('type')).toEqual(['type:Approved'])
  expect(tagsOf('stream')).toEqual(['stream:case-1'])
  expect(tagsOf('time')).toEqual(['time:2024-05-01T06:30:00.000Z'])
  expect(tagsOf('data', { ...RECORD, data: 5 })).toEqual(['data:5'])
})

test('withFieldTags() makes a tag of each element of an array', () => {
  expect(tagsOf('data.marks')).toEqual(['marks:a', 'marks:2', 'marks:true'])
})

test('withFieldTags() makes none of what is not there', () => {
  const bytes = { ...RECORD, data: { $base64: 'AP8=' } }
  for (const path of [
    'data.none',
    'data.nothing',
    'data.urgent.none',
    'metadata.role.length',
    'id',
    'version',
  ]) {
    expect(tagsOf(path), path).toBeUndefined()
  }
  expect(tagsOf('data.length', bytes)).toBeUndefined()
  expect(tagsOf('data.toString')).toBeUndefined()
})

test('withFieldTags() keeps the tags of the record', () => {
  expect(tagsOf('metadata.role', { ...RECORD, tags: ['own'] })).toEqual(['own', 'role:SUPERVISOR'])
})

test('withFieldTags() refuses what cannot be a tag', () => {
  expect(() => tagsOf('data.customer')).toThrow('data.customer holds an object, which cannot be a tag')
  expect(() => tagsOf('data.lines')).toThrow('data.lines holds an object, which cannot be a tag')
  expect(() => tagsOf('data.lines.sku')).toThrow('the path data.lines.sku leads through an array')
  expect(() => tagsOf('data', { ...RECORD, data: [[1]] })).toThrow('data holds arrays in an array')
  expect(() => tagsOf('data', { ...RECORD, data: { $base64: '' } })).toThrow('data holds bytes')
})

test('parseTagField() refuses a path that no record can have', () => {
  expect(() => parseTagField('metdata.role')).toThrow('no field "metdata"; did you mean metadata?')
  for (const bad of ['', 'data.', '.data', 'data..x', 'tags', 'toString']) {
    expect(() => parseTagField(bad), bad).toThrow(UsageError)
  }
})
