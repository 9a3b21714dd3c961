import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import { WITHIN_MS_MAX } from '../limits.ts'
import { defineCorrelation } from './correlation.ts'
import { sequence } from './sequence.ts'

const events = defineEvents({ Asked: eventType<number>(), Answered: eventType<number>() })
const asked = sequence(events).startsWith('Asked')

const refused: readonly (readonly [string, () => unknown])[] = [
  ['events that are none', () => sequence({} as never)],
  ['a type that there is not', () => sequence(events).startsWith('Aksed' as never)],
  ['a type among several that there is not', () => asked.followedBy(['Answered', 'Aksed' as never])],
  ['no types', () => asked.followedBy([])],
  ['an empty type', () => sequence().startsWith('')],
  ['a number for a type', () => asked.without(7 as never)],
  ['half a millisecond', () => asked.followedBy('Answered', { within: 0.5 })],
  ['time that runs backwards', () => asked.followedBy('Answered', { within: -1 })],
  ['more than 100 years', () => asked.followedBy('Answered', { within: WITHIN_MS_MAX + 1 })],
  ['a misspelt option', () => asked.followedBy('Answered', { wihtin: 5 } as never)],
  ['absence for ever', () => asked.notFollowedBy('Answered', {} as never)],
  ['absence without options', () => asked.notFollowedBy('Answered', undefined as never)],
  ['a bound of the whole that is none', () => asked.within('5' as never)],
  ['two bounds of the whole', () => asked.within(5).within(6)],
]

test.each(refused)('a sequence refuses %s', (_, call) => {
  expect(call).toThrow(InvalidArgumentError)
})

test('a sequence takes a bound of no time, and one of 100 years', () => {
  const steps = asked.followedBy('Answered', { within: 0 }).followedBy('Asked', { within: WITHIN_MS_MAX })
  expect(steps.pattern.steps.map(({ withinMs }) => withinMs)).toEqual([undefined, 0, WITHIN_MS_MAX])
})

test('a sequence is not changed by what is made of it', () => {
  const before = JSON.stringify(asked.pattern)
  asked.without('Answered').followedBy('Answered').within(5)
  asked.notFollowedBy('Answered', { within: 7 })
  expect(JSON.stringify(asked.pattern)).toBe(before)
})

describe('defineCorrelation()', () => {
  const settings = { name: 'q', source: { kind: 'all' }, by: 'stream' } as const
  const complete = { ...settings, sequence: asked.followedBy('Answered') } as const

  test.each([
    ['a sequence of one step', { ...settings, sequence: asked }],
    ['something forbidden before nothing', { ...settings, sequence: complete.sequence.without('Asked') }],
    ['a sequence that has not begun', { ...settings, sequence: sequence(events) }],
    ['no sequence', settings],
    ['nothing in common', { ...complete, by: undefined }],
    ['a field in common', { ...complete, by: 'customer' }],
    ['an overlap that there is not', { ...complete, overlap: 'all' }],
    ['a list for onMatch', { ...complete, onMatch: [] }],
    ['a misspelt member', { ...complete, partitionBy: 'stream' }],
    ['a name that is none', { ...complete, name: '' }],
    ['a source that is none', { ...complete, source: 'all' }],
    ['nothing', undefined],
  ])('refuses %s', (_, definition) => {
    expect(() => defineCorrelation(events, definition as never)).toThrow(InvalidArgumentError)
  })

  test('refuses a sequence of types that the events have not', () => {
    const others = sequence().startsWith('Begun').followedBy('Ended')
    expect(() => defineCorrelation(events, { ...settings, sequence: others as never })).toThrow(/"Begun"/)
  })

  test('makes another form of another question', () => {
    const variants = [
      complete,
      { ...complete, overlap: 'last' as const },
      { ...complete, by: () => 'x' },
      { ...complete, sequence: asked.followedBy('Asked') },
      { ...complete, sequence: asked.followedBy(() => true) },
      { ...complete, sequence: asked.followedBy('Answered', { within: 5 }) },
      { ...complete, sequence: asked.followedBy('Answered').within(5) },
      { ...complete, sequence: asked.without('Asked').followedBy('Answered') },
      { ...complete, sequence: asked.notFollowedBy('Answered', { within: 5 }) },
    ]
    const forms = variants.map((definition) => defineCorrelation(events, definition).form)
    expect(new Set(forms).size).toBe(variants.length)
    expect(defineCorrelation(events, { ...complete, overlap: 'every' }).form).toBe(forms[0])
  })
})
