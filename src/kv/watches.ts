import { ClosedError, LimitExceededError } from '../errors.ts'
import { WATCH_POLL_MS_MAX, WATCH_POLL_MS_MIN, WATCHES_MAX } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { ByteString } from './byte-string.ts'
import type { Watch } from './contract.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { WriteSet } from './write-set.ts'

/** What is watched: a key, or a range of keys. */
export interface WatchTarget {
  readonly begin: ByteString
  /** Exclusive; left out for a single key. */
  readonly end?: ByteString
}

interface Waiter {
  readonly watched: Watched
  fire(): void
  fail(error: unknown): void
  /** Undoes what the watch has registered elsewhere. */
  release?(): void
}

/** A target with those who wait for it. */
interface Watched extends WatchTarget {
  readonly waiters: Set<Waiter>
}

/** How often a process looks at short intervals after it has found commits of others: for a tenth of a second. */
const QUICK_LOOKS = 50

/**
 * The watches of this process. Commits of other processes are looked for while there is any watch.
 *
 * Polling the engine's change counter wakes within 2 to 8 ms and costs an idle process 2 to 3 % of a core, most of it for the
 * timer. A doorbell on a local socket woke within 1 ms for nothing, but it has to be found, rung after every commit, and replaced
 * when its owner was killed; it needs a folder that can be written, a path below 108 bytes and one kernel for all. As it can fail
 * silently at each of these, polling would have to stay anyway.
 */
export class Watches {
  readonly #watched = new Map<string, Watched>()
  readonly #runtime: Runtime
  readonly #poll: (() => void) | undefined
  #count = 0
  #quickLooks = 0
  #cancelPoll: (() => void) | undefined
  #recent: RecentCommits | undefined

  /** `poll` learns of foreign commits; left out where there can be none. */
  constructor(runtime: Runtime, poll: (() => void) | undefined) {
    this.#runtime = runtime
    this.#poll = poll
  }

  /** Gives it the knowledge of commits that a new watch is checked against. */
  connect(recent: RecentCommits): void {
    this.#recent = recent
  }

  /** Watches for changes after `version`. A change that is known already fires at once. */
  add(target: WatchTarget, version: number, signal: AbortSignal | undefined): Watch {
    if (this.#count >= WATCHES_MAX)
      throw new LimitExceededError('The set of watches', WATCHES_MAX, this.#count + 1, 'watches')
    let waiter: Waiter | undefined
    const fired = new Promise<void>((resolve, reject) => {
      waiter = { watched: this.#watchedAt(target), fire: resolve, fail: reject }
    })
    fired.catch(() => {})
    const added = waiter!
    this.#insert(added)
    if (signal !== undefined) this.#cancelOnAbort(added, signal)
    if (signal?.aborted) this.#settle(added, (it) => it.fail(signal.reason))
    else if (this.#recent?.mayHaveTouched((writeSet) => isTouched(target, writeSet), version))
      this.#settle(added, (it) => it.fire())
    return { fired, cancel: () => this.#settle(added, () => {}) }
  }

  /** Fires the watches of what a commit group changed; all of them if that is unknown. */
  notify(writeSet: WriteSet | undefined): void {
    for (const watched of this.#watched.values()) {
      if (writeSet !== undefined && !isTouched(watched, writeSet)) continue
      for (const waiter of watched.waiters) this.#settle(waiter, (it) => it.fire())
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const { waiters } of this.#watched.values()) {
      for (const waiter of waiters) this.#settle(waiter, (it) => it.fail(new ClosedError('key-value store')))
    }
  }

  #watchedAt(target: WatchTarget): Watched {
    const id = idOf(target)
    const watched = this.#watched.get(id) ?? { ...target, waiters: new Set() }
    this.#watched.set(id, watched)
    return watched
  }

  #cancelOnAbort(waiter: Waiter, signal: AbortSignal): void {
    const onAbort = (): void => this.#settle(waiter, (it) => it.fail(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    waiter.release = () => signal.removeEventListener('abort', onAbort)
  }

  #insert(waiter: Waiter): void {
    waiter.watched.waiters.add(waiter)
    this.#count += 1
    this.#schedulePoll()
  }

  #settle(waiter: Waiter, how: (waiter: Waiter) => void): void {
    const { watched } = waiter
    if (!watched.waiters.delete(waiter)) return
    if (watched.waiters.size === 0) this.#watched.delete(idOf(watched))
    this.#count -= 1
    if (this.#count === 0) {
      this.#cancelPoll?.()
      this.#cancelPoll = undefined
    }
    waiter.release?.()
    how(waiter)
  }

  /** If the store cannot be read, nobody knows what has changed. Whoever looks after its watch has fired gets the error. */
  #look(): void {
    const known = this.#recent?.foreignGroups
    try {
      this.#poll?.()
    } catch {
      this.notify(undefined)
    }
    this.#quickLooks = known === this.#recent?.foreignGroups ? Math.max(0, this.#quickLooks - 1) : QUICK_LOOKS
  }

  #schedulePoll(): void {
    if (this.#poll === undefined || this.#count === 0) return
    const pauseMs = this.#quickLooks > 0 ? WATCH_POLL_MS_MIN : WATCH_POLL_MS_MAX
    this.#cancelPoll ??= this.#runtime.schedule(pauseMs, () => {
      this.#cancelPoll = undefined
      this.#look()
      this.#schedulePoll()
    })
  }
}

function isTouched({ begin, end }: WatchTarget, writeSet: WriteSet): boolean {
  return end === undefined ? writeSet.touches(begin) : writeSet.touchesRange(begin, end)
}

/** No byte string holds the character between the two. */
function idOf({ begin, end }: WatchTarget): string {
  return end === undefined ? begin : `${begin}\u0100${end}`
}
