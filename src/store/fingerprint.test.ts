import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CONTENT, OTHERS, SAME } from '../testing/store/append-contents.ts'
import type { SessionAppend } from './appended.ts'
import type { StreamAppend } from './contract-appending.ts'
import { fingerprintOf } from './fingerprint.ts'
import { type PreparedEvent, prepareEvents, prepareLink } from './prepared-event.ts'

function prepared(appends: readonly StreamAppend[]): SessionAppend[] {
  return appends.map(({ streamId, events, expectedVersion = 'any' }) => ({
    streamId,
    events: prepareEvents(events),
    expectedVersion,
  }))
}

test('fingerprintOf is the same for what is the same, however it is written down', async () => {
  const fingerprint = await fingerprintOf(prepared(CONTENT))
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
  expect(await fingerprintOf(prepared(CONTENT))).toBe(fingerprint)
  for (const appends of SAME) expect(await fingerprintOf(prepared(appends))).toBe(fingerprint)
})

test('fingerprintOf differs for all that differs in anything', async () => {
  const appends = [CONTENT, ...Object.values(OTHERS), []]
  const fingerprints = await Promise.all(appends.map((append) => fingerprintOf(prepared(append))))
  expect(new Set(fingerprints).size).toBe(appends.length)
})

test('fingerprintOf does not look at expected versions', async () => {
  const changed = CONTENT.map((append) => ({ ...append, expectedVersion: 7 }))
  expect(await fingerprintOf(prepared(changed))).toBe(await fingerprintOf(prepared(CONTENT)))
})

test('fingerprintOf tells links by what they point to, not by the number that it has inside', async () => {
  const linkTo = (streamId: string, version: number, number = 1): Promise<string> =>
    fingerprintOf([
      {
        streamId: 's',
        events: [prepareLink({ number, version, streamId }, undefined)],
        expectedVersion: 'any',
      },
    ])
  const fingerprints = await Promise.all([linkTo('a', 1), linkTo('a', 11), linkTo('b', 1), linkTo('1 a', 1)])
  expect(new Set(fingerprints).size).toBe(4)
  expect(await linkTo('a', 1, 2)).toBe(fingerprints[0])
})

test('fingerprintOf of no append is the SHA-256 of nothing', async () => {
  expect(await fingerprintOf([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

const short = fc.string({ maxLength: 2 })
const payload = fc.option(fc.oneof(short, fc.uint8Array({ maxLength: 2 })), { nil: undefined })
const event: fc.Arbitrary<PreparedEvent> = fc.record({
  type: short,
  id: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16, max: 1 }), { nil: undefined }),
  timeMs: fc.option(fc.integer({ min: -2, max: 2 }), { nil: undefined }),
  tags: fc.array(short, { maxLength: 2 }),
  metadata: payload,
  data: payload,
  isCoded: fc.constant(false),
})
const appends: fc.Arbitrary<SessionAppend[]> = fc.array(
  fc.record({
    streamId: short,
    events: fc.array(event, { maxLength: 2 }),
    expectedVersion: fc.constant('any' as const),
  }),
  { maxLength: 2 },
)

test('fingerprintOf is the same for two appends only if they are the same', async () => {
  const textOf = (value: unknown): string =>
    JSON.stringify(value, (_, member) => {
      if (member instanceof Uint8Array) return { bytes: [...member] }
      return member === undefined ? { nothing: true } : member
    })
  await fc.assert(
    fc.asyncProperty(appends, appends, async (one, other) => {
      const areSame = (await fingerprintOf(one)) === (await fingerprintOf(other))
      expect(areSame).toBe(textOf(one) === textOf(other))
    }),
    { numRuns: 2_000 },
  )
})
