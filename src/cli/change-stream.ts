import type { Stream } from 'eventdb'
import { onePositional } from './arguments.ts'
import type { Invocation } from './command.ts'
import { withExistingStore } from './open-store.ts'
import { printable } from './text-width.ts'

/** Changes the stream that the user named, and prints what it is afterwards. */
export async function changeStream(
  invocation: Invocation,
  state: 'live' | 'deleted' | 'tombstoned',
  change: (stream: Stream) => Promise<void>,
): Promise<number> {
  const { args, out, json } = invocation
  const streamId = onePositional(args, 'STREAM')
  await withExistingStore(invocation, (store) => change(store.stream(streamId)))
  const pretty = `${out.paint.ink('stream', printable(streamId))}  ${state}`
  await out.line(json ? JSON.stringify({ stream: streamId, state }) : pretty)
  return 0
}
