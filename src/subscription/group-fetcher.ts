import type { AnyPlace } from '../store/broker.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { Reading } from '../store/reading.ts'
import { fetchEvents } from './fetch-events.ts'
import type { GroupMember } from './group-member.ts'
import type { Sight, Source } from './source.ts'

/** Events that are fetched at a time. */
const FETCH_EVENTS = 64

/** Fetches events for consumers that were given places only: of retries, and of what was held. */
export class GroupFetcher {
  readonly #reading: Reading
  readonly #source: Source
  readonly #sight: Sight
  readonly #under = new Set<GroupMember>()

  constructor(reading: Reading, source: Source, sight: Sight) {
    this.#reading = reading
    this.#source = source
    this.#sight = sight
  }

  /** Fetches what a consumer lacks next; `undefined` if that is nothing, or under way. */
  fetchFor(member: GroupMember): Promise<void> | undefined {
    const places = this.#under.has(member) ? [] : member.unseen(FETCH_EVENTS)
    return places.length === 0 ? undefined : this.#fetch(member, places)
  }

  async #fetch(member: GroupMember, places: readonly AnyPlace[]): Promise<void> {
    this.#under.add(member)
    try {
      const events = await this.#reading.onSnapshot(
        (view): Promise<readonly (RecordedEvent | undefined)[]> =>
          fetchEvents(view, this.#source, this.#sight, places),
      )
      member.see(places, events)
    } finally {
      this.#under.delete(member)
    }
  }
}
