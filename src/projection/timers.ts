import type { Keyspace } from '../store/keyspace.ts'
import { decodeNumber, decodeSealedJson, encodeNumber, encodeSealedJson } from '../store/small-values.ts'
import type { RowWriter } from '../store/user-keys.ts'
import type { CopyKeys, TimerPlace } from './copy-keys.ts'

/** Where a timer was scheduled, and by what. */
export interface TimerOrigin {
  readonly position: bigint
  /** Id and correlation of the event that was handled then. */
  readonly causationId: string | undefined
  readonly correlationId: string | undefined
}

/** A timer with where it comes from. */
export interface Timer extends TimerPlace {
  readonly origin: TimerOrigin
}

const WHAT = 'A timer of a projection'

/** The timers of a copy, as a batch makes them. */
export class Timers {
  readonly #rows: RowWriter
  readonly #keyspace: Keyspace
  readonly #keys: CopyKeys
  /** No timer is before this key. */
  #from: Uint8Array
  #first: { readonly timer: Timer | undefined } | undefined

  constructor(rows: RowWriter, keyspace: Keyspace, keys: CopyKeys) {
    this.#rows = rows
    this.#keyspace = keyspace
    this.#keys = keys
    this.#from = keys.timers().begin
  }

  /** The timer that is due first, at once if it is known. @throws CorruptionError */
  first(): Timer | undefined | Promise<Timer | undefined> {
    return this.#first === undefined ? this.#find() : this.#first.timer
  }

  /** Sets a timer, in place of another of the same name. */
  async schedule(place: TimerPlace, origin: TimerOrigin): Promise<void> {
    await this.cancel(place)
    const key = this.#keys.timer(place)
    const { position, causationId, correlationId } = origin
    const row = { position: `${position}`, causationId, correlationId }
    this.#rows.set(key, encodeSealedJson(this.#keyspace.relative(key), row))
    this.#rows.set(this.#keys.timerName(place.partition, place.name), encodeNumber(place.dueMs))
    if (isBefore(key, this.#from)) this.#from = key
    this.#first = undefined
  }

  /** Removes a timer, if there is one. @throws CorruptionError */
  async cancel({ partition, name }: Pick<TimerPlace, 'partition' | 'name'>): Promise<void> {
    const key = this.#keys.timerName(partition, name)
    const due = await this.#rows.get(key)
    if (due === undefined) return
    this.#rows.clear(key)
    this.#rows.clear(this.#keys.timer({ dueMs: decodeNumber(due, WHAT), partition, name }))
    this.#first = undefined
  }

  async #find(): Promise<Timer | undefined> {
    const range = { begin: this.#from, end: this.#keys.timers().end }
    const [row] = await this.#rows.getRange(range, { limit: 1 }).toArray()
    const timer = row && timerOf(this.#keyspace, this.#keys, row)
    this.#first = { timer }
    if (row !== undefined) this.#from = row.key
    return timer
  }
}

/** Decodes the row of a timer. @throws CorruptionError */
export function timerOf(
  keyspace: Keyspace,
  keys: CopyKeys,
  { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array },
): Timer {
  const origin = decodeSealedJson(keyspace.relative(key), value, WHAT) as {
    readonly position: string
    readonly causationId?: string
    readonly correlationId?: string
  }
  return {
    ...keys.timerOfKey(key),
    origin: {
      position: BigInt(origin.position),
      causationId: origin.causationId,
      correlationId: origin.correlationId,
    },
  }
}

function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) if (a[at] !== b[at]) return a[at]! < b[at]!
  return a.length < b.length
}
