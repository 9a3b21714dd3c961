import { InvalidArgumentError, type StreamViolation } from '../errors.ts'
import type { ExpectedVersion } from './contract-appending.ts'
import type { StreamState } from './contract-streams.ts'
import { type Life, lifeBase } from './life.ts'
import { describe } from './text.ts'

/** What an expectation is held against. */
export interface ObservedStream {
  readonly id: string
  /** Version of the last event; 0 if there is none. */
  readonly version: number
  readonly state: StreamState
}

/** Checks what a caller passed as an expected version. @throws InvalidArgumentError */
export function checkExpectedVersion(expected: unknown): asserts expected is ExpectedVersion {
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return
  if (WORDS.includes(expected as (typeof WORDS)[number])) return
  throw new InvalidArgumentError(
    `An expected version is a number from 0 on, 'any', 'no-stream', 'stream-exists' or 'deleted', not ${describe(expected)}`,
    { expected },
  )
}

const WORDS = ['any', 'no-stream', 'stream-exists', 'deleted'] as const

/**
 * Holds an expectation against a stream, and if need be where its life must begin. Returns how it was violated, if it was.
 */
export function violationOf(
  expected: ExpectedVersion,
  stream: ObservedStream & { readonly life: Life },
  base?: number,
): StreamViolation | undefined {
  if (isMet(expected, stream) && (base === undefined || lifeBase(stream.life) === base)) return undefined
  const { id, version, state } = stream
  return { kind: 'stream', streamId: id, expected, actual: version, state }
}

function isMet(expected: ExpectedVersion, { version, state }: ObservedStream): boolean {
  if (state === 'tombstoned') return false
  switch (expected) {
    case 'any':
      return true
    case 'no-stream':
      return state === 'none' || state === 'deleted'
    case 'stream-exists':
      return state === 'live'
    case 'deleted':
      return state === 'deleted'
    default:
      return expected === version
  }
}
