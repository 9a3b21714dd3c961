import { changeStream } from '../change-stream.ts'
import type { Command } from '../command.ts'
import { EXPECTED_VERSION_OPTION, expectedVersionOption } from '../expected-version.ts'

/** `eventdb delete`: hides a stream. */
export const deleteCommand: Command = {
  name: 'delete',
  form: 'STREAM [--expected-version V]',
  summary: 'Delete a stream, so that it can be restored',
  details: `
Hides the stream everywhere at once. Restore brings it back, until scavenge removes its
events, or somebody appends to it: then it goes on with the next version, without what
was before.

Examples:
  eventdb delete order-1 --store shop
  eventdb delete order-1 --expected-version 3 --store shop`,
  options: [EXPECTED_VERSION_OPTION],
  run: (invocation) => {
    const expectedVersion = expectedVersionOption(invocation.args)
    return changeStream(invocation, 'deleted', (stream) => stream.delete({ expectedVersion }))
  },
}
