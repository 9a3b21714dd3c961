import { changeStream } from '../change-stream.ts'
import type { Command } from '../command.ts'

/** `eventdb restore`: brings a deleted stream back. */
export const restore: Command = {
  name: 'restore',
  form: 'STREAM',
  summary: 'Bring a deleted stream back',
  details: `
Works until the stream is written to again, or scavenged. (To go back to a backup, name
its folder with --store.)

Examples:
  eventdb restore order-1 --store shop`,
  options: [],
  run: (invocation) => changeStream(invocation, 'live', (stream) => stream.restore()),
}
