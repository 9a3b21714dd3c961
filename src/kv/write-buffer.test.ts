import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryEngine } from '../drivers/memory/memory-engine.ts'
import { TransactionTooLargeError } from '../errors.ts'
import { byteString, bytesOf } from './byte-string.ts'
import { stampOf } from './stamp.ts'
import { WriteBuffer } from './write-buffer.ts'
import { WriteSet } from './write-set.ts'

const LIMITS = { rowsMax: 1_000, bytesMax: 10_000 }
const KEYS = [...'abcdefghij']
const key = fc.constantFrom(...KEYS)
const write = fc.oneof(
  fc.record({ key, value: fc.constantFrom('1', '2', undefined) }),
  fc.record({ begin: key, end: fc.constantFrom(...KEYS, 'k') }),
)
type Write = typeof write extends fc.Arbitrary<infer T> ? T : never

function bufferOf(writes: readonly Write[]): WriteBuffer {
  const buffer = new WriteBuffer(LIMITS)
  for (const each of writes) {
    if ('key' in each)
      buffer.set(bytesOf(each.key), each.value === undefined ? undefined : bytesOf(each.value))
    else buffer.clearRange(each.begin, each.end)
  }
  return buffer
}

/** What the writes make of a sorted map. */
function replay(writes: readonly Write[], before: ReadonlyMap<string, string>): Map<string, string> {
  const after = new Map(before)
  for (const each of writes) {
    if (!('key' in each)) for (const key of KEYS) if (key >= each.begin && key < each.end) after.delete(key)
    if (!('key' in each)) continue
    if (each.value === undefined) after.delete(each.key)
    else after.set(each.key, each.value)
  }
  return new Map([...after].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Applies a buffer to an engine that holds some rows, and returns what is there then. */
function applied(
  buffer: WriteBuffer,
  before: ReadonlyMap<string, string>,
  base: bigint,
  changed: WriteSet,
): string[] {
  const engine = memoryEngine()
  engine.write((writer) => {
    for (const [key, value] of before) writer.set(bytesOf(key), bytesOf(value))
    buffer.apply(writer, base, changed)
    return true
  })
  const rows = engine.openSnapshot().range(bytesOf(''), bytesOf('\xff'), 1_000, false)
  return rows.map((row) => `${byteString(row.key)}=${byteString(row.value)}`)
}

const writes = fc.array(write, { maxLength: 8 })
const rows = fc.array(key, { maxLength: 6 }).map((keys) => new Map([...keys].sort().map((key) => [key, '0'])))

describe('WriteBuffer', () => {
  test('overlay() and apply() make of rows what the writes make of a map', () => {
    fc.assert(
      fc.property(writes, rows, (writes, before) => {
        const [buffer, changed] = [bufferOf(writes), new WriteSet()]
        const expected = [...replay(writes, before)].map(([key, value]) => `${key}=${value}`)
        const snapshot = [...before].map(([key, value]) => ({ key: bytesOf(key), value: bytesOf(value) }))
        const overlaid = buffer.overlay(snapshot, '', '\xff')
        expect(overlaid.map((row) => `${byteString(row.key)}=${byteString(row.value)}`)).toEqual(expected)
        expect(applied(buffer, before, 1n, changed)).toEqual(expected)
      }),
    )
  })

  test('apply() notes every key that the writes touch, and no other', () => {
    fc.assert(
      fc.property(writes, (writes) => {
        const changed = new WriteSet()
        applied(bufferOf(writes), new Map(), 1n, changed)
        const touched = KEYS.filter((key) =>
          writes.some((each) => ('key' in each ? each.key === key : key >= each.begin && key < each.end)),
        )
        expect(KEYS.filter((key) => changed.touches(key))).toEqual(touched)
      }),
    )
  })

  test('foreignParts() are what is left of a range without own writes', () => {
    fc.assert(
      fc.property(writes, key, key, (writes, begin, end) => {
        const buffer = bufferOf(writes)
        const parts: [string, string][] = []
        if (begin < end) buffer.foreignParts(begin, end, (from, to) => parts.push([from, to]))
        const foreign = KEYS.filter((key) => key >= begin && key < end && buffer.lookup(key) === undefined)
        expect(KEYS.filter((key) => parts.some(([from, to]) => key >= from && key < to))).toEqual(foreign)
        expect(buffer.touches(begin, end)).toBe(
          KEYS.some((key) => key >= begin && key < end && buffer.lookup(key) !== undefined),
        )
      }),
    )
  })

  test('apply() fills holes with base + user version, and again with another base', () => {
    const buffer = new WriteBuffer(LIMITS)
    const value = new Uint8Array(14)
    value[12] = 5
    buffer.set(bytesOf('a'), value, 1)
    buffer.setStampedKey(bytesOf(`k${'\0'.repeat(12)}!`), 1, bytesOf('v'))
    expect(buffer.stamps).toBe(6)
    for (const base of [2n ** 32n - 3n, 7n]) {
      const stamps = [base + 5n, base].map((position) => byteString(stampOf(position)))
      expect(applied(buffer, new Map(), base, new WriteSet())).toEqual([
        `a=\0${stamps[0]}\0`,
        `k${stamps[1]}!=v`,
      ])
    }
  })

  test('apply() notes stamped keys as one narrow range for each prefix', () => {
    const buffer = new WriteBuffer(LIMITS)
    for (const suffix of ['a', 'b'])
      buffer.setStampedKey(bytesOf(`k${'\0'.repeat(12)}${suffix}`), 1, bytesOf('v'))
    buffer.setStampedKey(bytesOf(`l${'\0'.repeat(12)}`), 1, bytesOf('v'))
    const changed = new WriteSet()
    applied(buffer, new Map(), 9n, changed)
    const at = (position: bigint): string => byteString(stampOf(position))
    expect(changed.ranges.all()).toEqual([
      { begin: `k${at(9n)}`, end: `k${at(10n)}` },
      { begin: `l${at(9n)}`, end: `l${at(10n)}` },
    ])
  })

  test('apply() notes listed stamped keys one by one, and no range for them', () => {
    const stampedKey = fc.record({
      prefix: fc.constantFrom('k', 'kl', 'm'),
      userVersion: fc.nat(3),
      listed: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(stampedKey, { maxLength: 8 }), (stampedKeys) => {
        const [buffer, changed] = [new WriteBuffer(LIMITS), new WriteSet()]
        for (const { prefix, userVersion, listed } of stampedKeys) {
          const hole = `${'\0'.repeat(11)}${String.fromCharCode(userVersion)}`
          buffer.setStampedKey(bytesOf(prefix + hole), prefix.length, bytesOf('v'), { listed })
        }
        const filled = (rows: typeof stampedKeys): string[] =>
          rows.map(({ prefix, userVersion }) => prefix + byteString(stampOf(9n + BigInt(userVersion))))
        const sorted = (keys: string[]): string[] => [...new Set(keys)].sort()
        expect(applied(buffer, new Map(), 9n, changed)).toEqual(
          sorted(filled(stampedKeys)).map((key) => `${key}=v`),
        )
        expect(changed.keys.all()).toEqual(sorted(filled(stampedKeys.filter(({ listed }) => listed))))
        const rest = stampedKeys.filter(({ listed }) => !listed)
        expect(changed.ranges.size).toBe(new Set(rest.map(({ prefix }) => prefix)).size)
        expect(filled(rest).every((key) => changed.ranges.has(key))).toBe(true)
      }),
    )
  })

  test('counts rows and bytes, and refuses what is beyond either limit', () => {
    const buffer = new WriteBuffer({ rowsMax: 2, bytesMax: 5 })
    expect(buffer.isEmpty).toBe(true)
    buffer.set(bytesOf('a'), bytesOf('1'))
    buffer.set(bytesOf('a'), undefined)
    expect([buffer.rows, buffer.isEmpty]).toEqual([2, false])
    expect(() => buffer.clearRange('a', 'b')).toThrow(TransactionTooLargeError)
    const small = new WriteBuffer({ rowsMax: 9, bytesMax: 5 })
    small.set(bytesOf('a'), bytesOf('1234'))
    expect(() => small.clearRange('', 'b')).toThrow(TransactionTooLargeError)
  })
})
