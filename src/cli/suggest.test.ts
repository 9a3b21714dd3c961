import { expect, test } from 'vitest'
import { closest, didYouMean } from './suggest.ts'

const COMMANDS = ['append', 'read', 'streams', 'info', 'import', 'export', 'check']

test('closest() finds the command that a slip of the fingers meant', () => {
  expect(closest('apend', COMMANDS)).toBe('append')
  expect(closest('imprt', COMMANDS)).toBe('import')
  expect(closest('exprot', COMMANDS)).toBe('export')
  expect(closest('stream', COMMANDS)).toBe('streams')
})

test('closest() finds an option by its beginning', () => {
  expect(closest('--expected', ['--type', '--expected-version'])).toBe('--expected-version')
})

test('closest() finds nothing for a word that is like none', () => {
  expect(closest('subscribe', COMMANDS)).toBeUndefined()
  expect(closest('x', COMMANDS)).toBeUndefined()
})

test('didYouMean() ends a sentence', () => {
  expect(didYouMean('raed', COMMANDS)).toBe('; did you mean read?')
  expect(didYouMean('zzz', COMMANDS)).toBe('')
})
