import type { Lease } from './group-rows.ts'

interface Seen {
  readonly lease: Lease
  readonly atMs: number
}

/** A consumer whose lease has run out, as it was seen. */
export interface RunOut {
  readonly consumer: number
  readonly renewals: number
}

/**
 * What a desk has seen of others' leases. One has run out if nobody has renewed it while this process was looking, by its own monotonic
 * clock; or if that was long ago by the wall clock.
 */
export class SeenLeases {
  #seen = new Map<number, Seen>()

  /** Notes the leases that there are. */
  look(leases: ReadonlyMap<number, Lease>, monotonicMs: number): void {
    const seen = new Map<number, Seen>()
    for (const [consumer, lease] of leases) {
      const before = this.#seen.get(consumer)
      const isSame = before?.lease.renewals === lease.renewals
      seen.set(consumer, isSame ? before! : { lease, atMs: monotonicMs })
    }
    this.#seen = seen
  }

  /** One that has run out, but for the desk's own. */
  runOut(isOwn: (consumer: number) => boolean, monotonicMs: number, nowMs: number): RunOut | undefined {
    for (const [consumer, { lease, atMs }] of this.#seen) {
      if (isOwn(consumer)) continue
      const isUnrenewed = monotonicMs >= atMs + lease.leaseMs
      if (isUnrenewed || hasRunOutLongAgo(lease, nowMs)) return { consumer, renewals: lease.renewals }
    }
    return undefined
  }

  /** When the next one runs out if it is not renewed, on the monotonic clock. */
  nextMs(isOwn: (consumer: number) => boolean): number {
    let next = Number.POSITIVE_INFINITY
    for (const [consumer, { lease, atMs }] of this.#seen) {
      if (!isOwn(consumer)) next = Math.min(next, atMs + lease.leaseMs)
    }
    return next
  }
}

/** Whether a lease has run out so long ago that clocks that differ a little cannot be the reason. */
export function hasRunOutLongAgo({ renewedAtMs, leaseMs }: Lease, nowMs: number): boolean {
  return nowMs - renewedAtMs >= 2 * leaseMs
}
