import { createHash } from 'node:crypto'
import type { EventShape, StreamAppend } from 'eventdb'
import { seededRandom } from 'eventdb/testing'

/** How a group of events is appended, all or nothing. */
export type GroupKind = 'single' | 'batch' | 'multi-stream' | 'transaction' | 'big'

/** An event says to which group it belongs, and how many there are, so that a group that is there in part can be seen. */
export interface GroupEvent extends EventShape {
  readonly type: GroupKind
  readonly data: {
    readonly group: string
    readonly index: number
    readonly of: number
    readonly text: string
  }
}

/** Events that are appended together. */
export interface Group {
  readonly id: string
  readonly kind: GroupKind
  readonly appends: readonly (StreamAppend & { readonly events: readonly GroupEvent[] })[]
  readonly hash: string
}

/** What is reported of a group once it was acknowledged. */
export interface GroupReport {
  readonly group: string
  readonly hash: string
  /** Position of its last event. */
  readonly position: string
  readonly parts: readonly {
    readonly streamId: string
    readonly firstVersion: number
    readonly lastVersion: number
  }[]
}

const SHARED_STREAMS = 12
/** More than three chunks. */
const BIG_TEXT_LENGTH = 200_000

/** Makes an endless sequence of groups of all kinds, the same for the same name and seed. */
export function* groupsOf(name: string, seed: number): Generator<Group> {
  const random = seededRandom(seed)
  const below = (count: number): number => Math.floor(random() * count)
  for (let number = 1; ; number += 1) {
    const id = `${name}-${number}`
    const kind = kindAt(random())
    const first = below(SHARED_STREAMS)
    const streams = Array.from({ length: kind === 'multi-stream' ? 2 + below(3) : 1 }, (_, index) =>
      random() < 0.1 ? `own-${id}-${index}` : `shared-${(first + index) % SHARED_STREAMS}`,
    )
    const sizes = streams.map(() =>
      kind === 'single' || kind === 'big' ? 1 : 1 + below(kind === 'batch' ? 20 : 3),
    )
    const text = (): string => textOf(kind === 'big' ? BIG_TEXT_LENGTH : below(300), random)
    yield makeGroup(id, kind, streams, sizes, text)
  }
}

function kindAt(chance: number): GroupKind {
  if (chance < 0.4) return 'single'
  if (chance < 0.6) return 'batch'
  if (chance < 0.75) return 'multi-stream'
  return chance < 0.95 ? 'transaction' : 'big'
}

function makeGroup(
  id: string,
  kind: GroupKind,
  streams: readonly string[],
  sizes: readonly number[],
  text: () => string,
): Group {
  const of = sizes.reduce((sum, size) => sum + size, 0)
  let index = 0
  const appends = streams.map((streamId, place) => ({
    streamId,
    events: Array.from({ length: sizes[place]! }, () => {
      const data = { group: id, index, of, text: text() }
      index += 1
      return { type: kind, data }
    }),
  }))
  const events = appends.flatMap(({ streamId, events }) => events.map(({ data }) => ({ streamId, data })))
  return { id, kind, appends, hash: hashOf(events) }
}

/** The hash of a group's content: its events in their order, with their streams. */
export function hashOf(
  events: readonly { readonly streamId: string; readonly data: GroupEvent['data'] }[],
): string {
  const hash = createHash('sha256')
  for (const { streamId, data } of events)
    hash.update(JSON.stringify([streamId, data.group, data.index, data.of, data.text]))
  return hash.digest('base64url')
}

/** Text that differs everywhere, so that chunks that were mixed up would be seen. */
function textOf(length: number, random: () => number): string {
  const words: string[] = []
  for (let made = 0; made < length; made += 9)
    words.push(`${Math.floor(random() * 90_000_000) + 10_000_000} `)
  return words.join('').slice(0, length)
}
