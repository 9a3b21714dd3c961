import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CorruptionError } from '../errors.ts'
import { compareBytes } from '../tuple/index.ts'
import { bytesOf } from './byte-string.ts'
import {
  COMMIT_RECORDS_BEGIN,
  COMMIT_RECORDS_END,
  commitRecordKey,
  decodeCommitRecord,
  decodeCommitState,
  encodeCommitRecord,
} from './commit-record.ts'
import { WriteSet } from './write-set.ts'

const key = fc
  .oneof(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.uint8Array({ minLength: 120, maxLength: 1_025 }))
  .map((bytes) => String.fromCharCode(...bytes))
const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const position = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const writeSet = fc.record({ keys: fc.array(key), ranges: fc.array(fc.tuple(key, key)) }).map((written) => {
  const set = new WriteSet()
  for (const each of written.keys) set.keys.add(each)
  for (const [begin, end] of written.ranges) set.ranges.add(begin, end)
  return set
})

describe('a commit record', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(number, position, writeSet, (number, lastPosition, writeSet) => {
        const row = { key: commitRecordKey(number), value: encodeCommitRecord(lastPosition, writeSet) }
        const record = decodeCommitRecord(row)
        expect(decodeCommitState(row)).toEqual({ number, lastPosition })
        expect([record.number, record.lastPosition]).toEqual([number, lastPosition])
        expect(record.writeSet.keys.all()).toEqual(writeSet.keys.all())
        expect(record.writeSet.ranges.all()).toEqual(writeSet.ranges.all())
      }),
    )
  })

  test('of a large group comes back as it was written', () => {
    const written = new WriteSet()
    for (let number = 0; number < 5_000; number += 1) written.keys.add(`some/common/prefix/${number}`)
    const value = encodeCommitRecord(7n, written)
    const record = decodeCommitRecord({ key: commitRecordKey(1), value })
    expect(record.writeSet.keys.all()).toEqual(written.keys.all())
    // Neighbours share most of their bytes, so a key costs a few.
    expect(value.length).toBeLessThan(5_000 * 6)
  })

  test('that was cut short is refused', () => {
    fc.assert(
      fc.property(
        writeSet,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (writeSet, part) => {
          const value = encodeCommitRecord(1n, writeSet)
          const cut = value.subarray(0, Math.floor(part * value.length))
          expect(() => decodeCommitRecord({ key: commitRecordKey(1), value: cut })).toThrow(CorruptionError)
        },
      ),
    )
  })

  test('with a length below zero is refused', () => {
    const written = new WriteSet()
    written.keys.add('a')
    const value = encodeCommitRecord(1n, written)
    const damaged = Buffer.concat([
      value.subarray(0, 11),
      bytesOf('\xff\xff\xff\xff\x0f'),
      value.subarray(12),
    ])
    expect(() => decodeCommitRecord({ key: commitRecordKey(1), value: damaged })).toThrow(CorruptionError)
  })

  test('of another layout, or with a key that is not one, is refused', () => {
    const value = encodeCommitRecord(1n, new WriteSet())
    expect(() => decodeCommitState({ key: bytesOf('\xffc'), value })).toThrow(CorruptionError)
    value[0] = 2
    expect(() => decodeCommitState({ key: commitRecordKey(1), value })).toThrow(CorruptionError)
  })

  test('has a byte layout that does not change', () => {
    const written = new WriteSet()
    written.keys.add('abc')
    written.keys.add('abd')
    written.ranges.add('x', 'y')
    const hex = Buffer.from(encodeCommitRecord(0x0102030405060708n, written)).toString('hex')
    expect(hex).toBe(
      ['01', '0102030405060708', '02', '0003616263', '020164', '01', '000178', '000179'].join(''),
    )
    expect(Buffer.from(commitRecordKey(258)).toString('hex')).toBe('ff630000000000000102')
  })
})

describe('commitRecordKey()', () => {
  test('orders as the numbers do, within the range of records', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const order = compareBytes(commitRecordKey(a), commitRecordKey(b))
        expect(Math.sign(order)).toBe(Math.sign(a - b))
        expect(compareBytes(COMMIT_RECORDS_BEGIN, commitRecordKey(a))).toBeLessThan(0)
        expect(compareBytes(commitRecordKey(a), COMMIT_RECORDS_END)).toBeLessThan(0)
      }),
    )
  })
})
