import type { ExpectedVersion } from 'eventdb'
import { type Arguments, type OptionSpec, textOption } from './arguments.ts'
import { UsageError } from './errors.ts'

const WORDS = ['any', 'no-stream', 'stream-exists', 'deleted'] as const
const CHOICE = 'a version, any, no-stream, stream-exists or deleted'

/** What the stream has to be for the command to do anything. */
export const EXPECTED_VERSION_OPTION: OptionSpec = {
  name: 'expected-version',
  alias: 'expect',
  value: 'V',
  about: `Fails if the stream is not so: ${CHOICE} (default any)`,
}

/** Reads the option. @throws UsageError */
export function expectedVersionOption(args: Arguments): ExpectedVersion {
  const text = textOption(args, EXPECTED_VERSION_OPTION.name) ?? 'any'
  const word = WORDS.find((candidate) => candidate === text)
  if (word !== undefined) return word
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`--expected-version takes ${CHOICE}, not ${JSON.stringify(text)}`)
}
