import { StreamTombstonedError } from '../errors.ts'
import { type Life, lifeBase } from '../store/life.ts'
import { readLife } from '../store/life-rows.ts'
import type { View } from '../store/reading.ts'
import { headOf, numberOf } from '../store/stream-rows.ts'
import { firstReadable } from '../store/visibility.ts'

/** How a stream is on one snapshot, as far as folding it depends on that. */
export interface StreamLook {
  /** `undefined` for a stream that was never created or written. */
  readonly number: number | undefined
  /** Version of its last event, hidden or not. */
  readonly head: number
  /** The version at which it was deleted before its present life, 0 in its first one. One that is deleted has just begun another. */
  readonly base: number
  /** The first version that can be read; `head + 1` if there is none. */
  readonly first: number
}

/** A stream that was never created or written. */
export const NO_STREAM: StreamLook = { number: undefined, head: 0, base: 0, first: 1 }

/** A stream that exists, and what it has been through. */
export interface KnownStream {
  readonly number: number
  readonly life: Life
}

/** Finds a stream. @throws StreamTombstonedError */
export async function identify({ tx, keys }: View, streamId: string): Promise<KnownStream | undefined> {
  const number = await numberOf(tx, keys, streamId)
  if (number === undefined) return undefined
  const life = await readLife(tx, keys, number)
  if (life.tombstoned) throw new StreamTombstonedError(streamId)
  return { number, life }
}

/** Looks at where a stream ends, where its life begins, and what of it can be read. */
export async function lookAt(view: View, { number, life }: KnownStream): Promise<StreamLook> {
  const head = (await headOf(view.tx, view.keys, number))?.version ?? 0
  return { number, head, base: lifeBase(life), first: await firstReadable(view, number, life, head) }
}
