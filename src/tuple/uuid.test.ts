import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../errors.ts'
import { uuid, uuidString } from './index.ts'

const text = '123e4567-e89b-12d3-a456-426614174000'

describe('uuid()', () => {
  test('takes both cases of the text form', () => {
    expect(uuid(text.toUpperCase())).toEqual(uuid(text))
    expect(uuid(text).bytes.slice(0, 5)).toEqual(Uint8Array.of(0x12, 0x3e, 0x45, 0x67, 0xe8))
  })

  test('copies bytes', () => {
    const bytes = new Uint8Array(16)
    const value = uuid(bytes)
    bytes.fill(1)
    expect(value.bytes).toEqual(new Uint8Array(16))
  })

  test.each(['', text.slice(1), `${text}0`, text.replace('1', 'g'), text.replaceAll('-', ''), `{${text}}`])(
    'refuses %j',
    (value) => expect(() => uuid(value)).toThrow(InvalidArgumentError),
  )

  test.each([0, 15, 17])('refuses %i bytes', (length) => {
    expect(() => uuid(new Uint8Array(length))).toThrow(InvalidArgumentError)
  })
})

describe('uuidString()', () => {
  test('undoes uuid()', () => {
    expect(uuidString(uuid(text))).toBe(text)
    expect(uuidString(uuid(new Uint8Array(16)))).toBe('00000000-0000-0000-0000-000000000000')
  })
})
