import { InvalidArgumentError, type Violation } from '../errors.ts'
import type { ExpectedVersion } from './contract.ts'
import { onlyNames } from './known-names.ts'

/** What an expectation is held against. */
export interface ObservedStream {
  readonly id: string
  /** Version of the last event; 0 if there is none. */
  readonly version: number
  /** Whether the stream was ever created or written. */
  readonly exists: boolean
}

/** Checks the names of an append's options. @throws InvalidArgumentError */
export const checkAppendOptions: (options: object) => void = onlyNames(
  'The options of an append',
  'expectedVersion',
  'signal',
)

/** Checks what a caller passed as an expected version. @throws InvalidArgumentError */
export function checkExpectedVersion(expected: unknown): asserts expected is ExpectedVersion {
  if (expected === 'any' || expected === 'no-stream' || expected === 'stream-exists') return
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return
  throw new InvalidArgumentError(
    `An expected version is a number from 0 on, 'any', 'no-stream' or 'stream-exists', not ${describe(expected)}`,
    { expected },
  )
}

/** Holds an expectation against a stream. Returns how it was violated, if it was. */
export function violationOf(expected: ExpectedVersion, stream: ObservedStream): Violation | undefined {
  if (isMet(expected, stream)) return undefined
  return { streamId: stream.id, expected, actual: stream.version, exists: stream.exists }
}

function isMet(expected: ExpectedVersion, { version, exists }: ObservedStream): boolean {
  switch (expected) {
    case 'any':
      return true
    case 'no-stream':
      return !exists
    case 'stream-exists':
      return exists
    default:
      return expected === version
  }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
