import type { Transaction } from '../kv/contract.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { sealed, unsealed } from '../store/small-values.ts'

/** Notes that a projection has written to a stream: by the stream's number, as keys have bounds. */
export function noteEmittedStream(
  tx: Pick<Transaction, 'set'>,
  keys: Keyspace,
  { name, number, streamId }: { readonly name: string; readonly number: number; readonly streamId: string },
): void {
  const key = keys.emittedStreams.pack([name, number])
  tx.set(key, sealed(keys.relative(key), new TextEncoder().encode(streamId)))
}

/** The id of a stream that a projection has written to. @throws CorruptionError */
export function emittedStreamIn(keys: Keyspace, key: Uint8Array, value: Uint8Array): string {
  const body = unsealed(keys.relative(key), value, 'The note of a stream that a projection has written to')
  return new TextDecoder().decode(body)
}
