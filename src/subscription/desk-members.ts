import { SUBSCRIPTION_BYTES_MAX } from '../limits.ts'
import type { GroupMember } from './group-member.ts'
import type { SubscriptionLife } from './subscription-life.ts'

/** The consumers that a desk serves: those in the group, and those that are not any more, whose handlers have yet to return. */
export class DeskMembers {
  readonly #all = new Map<number, GroupMember>()
  readonly #lost = new Set<GroupMember>()

  get isEmpty(): boolean {
    return this.#all.size === 0
  }

  add(member: GroupMember): void {
    this.#all.set(member.consumer, member)
  }

  has(consumer: number): boolean {
    return this.#all.has(consumer)
  }

  get(consumer: number): GroupMember | undefined {
    return this.#all.get(consumer)
  }

  /** Everyone. */
  all(): Iterable<GroupMember> {
    return this.#all.values()
  }

  /** Those that are in the group, as far as is known. */
  present(): readonly GroupMember[] {
    return [...this.#all.values()].filter((member) => !this.#lost.has(member))
  }

  /** Notes that one is not in the group any more. */
  lose(member: GroupMember, end: (life: SubscriptionLife) => void): void {
    this.#lost.add(member)
    member.lose()
    end(member.life)
  }

  /** Lets one go. */
  release(member: GroupMember): void {
    this.#all.delete(member.consumer)
    this.#lost.delete(member)
    member.release()
  }

  /** Lets those go that were lost and have returned. */
  dismiss(): void {
    for (const member of this.#lost) if (member.canLeave) this.release(member)
  }

  /** Whether nobody has anything that was handed over, nor a suspect that will be. */
  areDrained(): boolean {
    return this.present().every(({ hasHanded, hasAlone }) => !hasHanded && !hasAlone)
  }

  /** Whether nobody has anything to hand over, or under way. */
  areIdle(): boolean {
    return this.present().every(({ hasHanded, isBuffering }) => !hasHanded && !isBuffering)
  }

  /** Whether so many bytes wait for handlers that more must not come. */
  areHeavy(): boolean {
    let bytes = 0
    for (const member of this.#all.values()) bytes += member.bufferedBytes
    return bytes > SUBSCRIPTION_BYTES_MAX
  }

  /** Events that wait to be reported. */
  reported(): number {
    let reported = 0
    for (const member of this.#all.values()) reported += member.reported
    return reported
  }

  /** How many more events they can take. */
  room(): number {
    let room = 0
    for (const member of this.#all.values()) room += Math.max(0, member.room)
    return room
  }
}
