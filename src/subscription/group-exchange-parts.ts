import type { AnyPlace } from '../store/broker.ts'
import type { Control, Item, Lease } from './group-rows.ts'

/** An event that was not handled. */
export interface Failure {
  readonly place: AnyPlace
  readonly action: 'retry' | 'park' | 'stop'
  readonly reason: string
  /** What its key is a hash of. */
  readonly keyText: string | undefined
}

/** What a consumer has to say, and what it wants. */
export interface MemberReport {
  readonly consumer: number
  /** Acknowledged and skipped events. */
  readonly finished: readonly AnyPlace[]
  readonly failed: readonly Failure[]
  /** Events that go back as if they had not been given out. */
  readonly returned: readonly AnyPlace[]
  /** Whether it leaves; then everything in its hand goes back. */
  readonly leaves: boolean
  /** How many events it can take. */
  readonly room: number
  readonly finishedPerSecond: number
}

/** Events of the source that were read before. */
export interface ReadAhead {
  readonly after: AnyPlace
  readonly through: AnyPlace
  readonly events: readonly { readonly place: AnyPlace; readonly key: bigint }[]
  readonly revision: number
}

/** What a desk asks of its group. */
export interface ExchangeRequest {
  readonly members: readonly MemberReport[]
  readonly readAhead: ReadAhead
  /** Whether a suspect can be delivered alone now, or soon, or not in the foreseeable future. */
  readonly alone: 'ready' | 'willing' | 'unable'
  readonly renews: boolean
  /** A consumer whose lease has run out, if it has not been renewed since it was seen. */
  readonly buries: { readonly consumer: number; readonly renewals: number } | undefined
  /** Volatile groups: whether others have had their time to take what only they may take. */
  readonly graceIsOver: boolean
  /** Whether the cursor shall move even if that is all there is to write. */
  readonly movesCursor: boolean
  /** The time of the store, for leases and notes. */
  readonly nowMs: number
  /** The wall clock, for retries: a time that a clock which was ahead has left behind shall not hold them up. */
  readonly wallMs: number
  readonly random: () => number
}

/** What an exchange came to for one consumer. */
export interface MemberOutcome {
  /** Reported events that were in its hand. */
  readonly accepted: ReadonlySet<AnyPlace>
  /** Events that it did not ask to lose, but that are behind one that failed. */
  readonly withdrawn: readonly AnyPlace[]
  readonly given: readonly Item[]
}

/** What an exchange came to. */
export interface ExchangeOutcome {
  readonly control: Control
  /** By consumer; those that are missing have lost their lease. */
  readonly members: ReadonlyMap<number, MemberOutcome>
  readonly cursor: AnyPlace | undefined
  /** A suspect waits to be delivered alone, and nothing is given out until then. */
  readonly suspectIsDue: boolean
  /** When the next retry is due, if one waits. */
  readonly nextDueMs: number | undefined
  /** Volatile groups: there are events that only others may take. */
  readonly waitsForOthers: boolean
  /** Nothing new may be given out here for now. */
  readonly isBlocked: boolean
  /** Pinned: a slot of a consumer here is to move, and waits until nothing of it is in the hand. */
  readonly isWaitedFor: boolean
  /** Volatile groups: events that are lost to those who had no room for them. */
  readonly passedOver: number
  /** Consumers for which more waits than they had room for. */
  readonly hasMoreFor: ReadonlySet<number>
  readonly leases: ReadonlyMap<number, Lease> | undefined
}

/** A member under way: what it gets is collected here. */
export interface MemberUnderWay {
  readonly report: MemberReport
  readonly accepted: Set<AnyPlace>
  readonly withdrawn: AnyPlace[]
  readonly given: Item[]
  readonly since: AnyPlace
  room: number
}
