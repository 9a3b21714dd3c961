import type { NewEvent, StreamAppend } from 'eventdb'
import { seededRandom } from 'eventdb/testing'

/** An append that several processes make, each as if it were the only one. */
export interface Repetition {
  readonly number: number
  readonly way: 'append' | 'transaction'
  readonly appends: readonly StreamAppend[]
  /** Its idempotency key; without one, its events have ids. */
  readonly key: string | undefined
}

/** What a process says. */
export type RepetitionReport =
  | { readonly event: 'ready' | 'done' }
  | { readonly event: 'made'; readonly number: number; readonly parts: readonly RepetitionPart[] }

/** What it was told of one stream. */
export interface RepetitionPart {
  readonly streamId: string
  readonly firstVersion: number
  readonly lastVersion: number
  /** Missing in a transaction. */
  readonly position: string | undefined
  readonly idempotent: boolean
}

const STREAMS = 5

/** The append with a number: the same in every process. */
export function repetition(number: number): Repetition {
  const random = seededRandom(number)
  const hasKey = random() < 0.5
  const way = random() < 0.3 ? 'transaction' : 'append'
  const first = Math.floor(random() * STREAMS)
  const streams = random() < 0.4 ? [first, (first + 1) % STREAMS] : [first]
  const appends = streams.map((stream, part) => ({
    streamId: `shared-${stream}`,
    events: Array.from({ length: 1 + Math.floor(random() * 3) }, (_, at): NewEvent => {
      const data = { number, part, at }
      return hasKey ? { type: 'Made', data } : { type: 'Made', data, id: idOf(number, part, at) }
    }),
  }))
  return { number, way, appends, key: hasKey ? `repetition ${number}` : undefined }
}

function idOf(number: number, part: number, at: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(8, '0')}${part}${at}00`
}
