import { onePositional } from '../arguments.ts'
import { changeStream } from '../change-stream.ts'
import type { Command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { EXPECTED_VERSION_OPTION, expectedVersionOption } from '../expected-version.ts'

/** `eventdb tombstone`: deletes a stream for ever. */
export const tombstone: Command = {
  name: 'tombstone',
  form: 'STREAM --yes [--expected-version V]',
  summary: 'Delete a stream for ever',
  details: `
Nothing brings the stream back, and nobody can ever write to its id again. Scavenge then
removes its events. To be able to go back, use delete.

Examples:
  eventdb tombstone order-1 --yes --store shop`,
  options: [{ name: 'yes', about: 'It is meant' }, EXPECTED_VERSION_OPTION],
  run: (invocation) => {
    const { args } = invocation
    const expectedVersion = expectedVersionOption(args)
    const streamId = onePositional(args, 'STREAM')
    if (!args.flags.has('yes')) {
      throw new UsageError(
        `This is for ever: ${JSON.stringify(streamId)} can then never be restored, nor written again. If that is meant, add --yes`,
      )
    }
    return changeStream(invocation, 'tombstoned', (stream) => stream.tombstone({ expectedVersion }))
  },
}
