import { ClosedError, LimitExceededError } from '../errors.ts'
import { WATCH_POLL_MS, WATCHES_MAX } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import type { ByteString } from './byte-string.ts'
import type { Watch } from './contract.ts'
import type { RecentCommits } from './recent-commits.ts'
import type { WriteSet } from './write-set.ts'

interface Waiter {
  readonly key: ByteString
  fire(): void
  fail(error: unknown): void
  /** Undoes what the watch has registered elsewhere. */
  release?(): void
}

/** The watches of this process. Commits of other processes are looked for while there is any watch. */
export class Watches {
  readonly #waiters = new Map<ByteString, Set<Waiter>>()
  readonly #runtime: Runtime
  readonly #poll: (() => void) | undefined
  #count = 0
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

  /** Watches a key for changes after `version`. A change that is known already fires at once. */
  add(key: ByteString, version: number, signal: AbortSignal | undefined): Watch {
    if (this.#count >= WATCHES_MAX)
      throw new LimitExceededError('The set of watches', WATCHES_MAX, this.#count + 1, 'watches')
    let waiter: Waiter | undefined
    const fired = new Promise<void>((resolve, reject) => {
      waiter = { key, fire: resolve, fail: reject }
    })
    fired.catch(() => {})
    const added = waiter!
    this.#insert(added)
    if (signal !== undefined) this.#cancelOnAbort(added, signal)
    if (signal?.aborted) this.#settle(added, (it) => it.fail(signal.reason))
    else if (this.#recent?.mayHaveTouched(key, version)) this.#settle(added, (it) => it.fire())
    return { fired, cancel: () => this.#settle(added, () => {}) }
  }

  /** Fires the watches of what a commit group changed; all of them if that is unknown. */
  notify(writeSet: WriteSet | undefined): void {
    for (const [key, waiters] of this.#waiters) {
      if (writeSet !== undefined && !writeSet.touches(key)) continue
      for (const waiter of waiters) this.#settle(waiter, (it) => it.fire())
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const waiters of this.#waiters.values()) {
      for (const waiter of waiters) this.#settle(waiter, (it) => it.fail(new ClosedError('key-value store')))
    }
  }

  #cancelOnAbort(waiter: Waiter, signal: AbortSignal): void {
    const onAbort = (): void => this.#settle(waiter, (it) => it.fail(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    waiter.release = () => signal.removeEventListener('abort', onAbort)
  }

  #insert(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.key)
    if (waiters === undefined) this.#waiters.set(waiter.key, new Set([waiter]))
    else waiters.add(waiter)
    this.#count += 1
    this.#schedulePoll()
  }

  #settle(waiter: Waiter, how: (waiter: Waiter) => void): void {
    const waiters = this.#waiters.get(waiter.key)
    if (!waiters?.delete(waiter)) return
    if (waiters.size === 0) this.#waiters.delete(waiter.key)
    this.#count -= 1
    if (this.#count === 0) {
      this.#cancelPoll?.()
      this.#cancelPoll = undefined
    }
    waiter.release?.()
    how(waiter)
  }

  #schedulePoll(): void {
    if (this.#poll === undefined || this.#count === 0) return
    this.#cancelPoll ??= this.#runtime.schedule(WATCH_POLL_MS, () => {
      this.#cancelPoll = undefined
      this.#poll?.()
      this.#schedulePoll()
    })
  }
}
