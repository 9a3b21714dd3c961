import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import { recordBytesOf } from '../store/stored-event.ts'
import type { Item } from './group-rows.ts'

interface Buffered {
  readonly item: Item
  /** `undefined` until it is fetched. */
  event: RecordedEvent | undefined
}

/** An item with its event. */
export interface Seen {
  readonly item: Item
  readonly event: RecordedEvent
}

/** What a consumer was given and has not handed over, in order. */
export class MemberBuffer {
  #items: Buffered[] = []

  get length(): number {
    return this.#items.length
  }

  /** Whether the first of it is a suspect, and so the only one. */
  get hasAlone(): boolean {
    return this.#items[0]?.item.isAlone ?? false
  }

  /** Bytes of the events that are in memory. */
  get bytes(): number {
    return this.#items.reduce((sum, { event }) => sum + (event === undefined ? 0 : recordBytesOf(event)), 0)
  }

  add(item: Item, event: RecordedEvent | undefined): void {
    this.#items.push({ item, event })
  }

  /** The places of the next events that have to be fetched, if the first of all is one. */
  unseen(most: number): readonly AnyPlace[] {
    if (this.#items[0]?.event !== undefined) return []
    return this.#items.flatMap(({ item, event }) => (event === undefined ? [item.place] : [])).slice(0, most)
  }

  /** Takes events that were fetched. Returns the places of those that are hidden by now, which are gone from here. */
  see(places: readonly AnyPlace[], events: readonly (RecordedEvent | undefined)[]): readonly AnyPlace[] {
    const found = new Map(places.map((place, at) => [place, events[at]]))
    const hidden: AnyPlace[] = []
    this.#items = this.#items.filter((buffered) => {
      if (buffered.event !== undefined || !found.has(buffered.item.place)) return true
      buffered.event = found.get(buffered.item.place)
      if (buffered.event === undefined) hidden.push(buffered.item.place)
      return buffered.event !== undefined
    })
    return hidden
  }

  /** Takes the first event whose key is not busy, if it has been fetched and may go. */
  take(busyKeys: ReadonlySet<bigint>, mayGo: (item: Item) => boolean): Seen | undefined {
    const at = this.#items.findIndex(({ item }) => item.key === 0n || !busyKeys.has(item.key))
    const found = this.#items[at]
    if (found?.event === undefined || !mayGo(found.item)) return undefined
    if (at === 0) this.#items.shift()
    else this.#items.splice(at, 1)
    return { item: found.item, event: found.event }
  }

  /** Removes events. */
  remove(places: ReadonlySet<AnyPlace>): void {
    if (places.size > 0) this.#items = this.#items.filter(({ item }) => !places.has(item.place))
  }

  /** Removes everything. Returns the places. */
  clear(): readonly AnyPlace[] {
    const places = this.#items.map(({ item }) => item.place)
    this.#items = []
    return places
  }
}
