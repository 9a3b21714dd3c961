import {
  ClosedError,
  InvalidArgumentError,
  ProjectionFaultedError,
  ProjectionNotFoundError,
  ProjectionTimeoutError,
} from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import { WAIT_FOR_MS } from '../limits.ts'
import type { WaitForOptions } from '../store/contract-projections.ts'
import type { StoreHost } from '../store/host.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkSignal } from '../store/read-options.ts'
import type { Reading } from '../store/reading.ts'
import { describe } from '../store/text.ts'
import { seenFault } from './faults.ts'
import { waitFor } from './leasing.ts'
import type { NameRows } from './name-rows.ts'
import type { ControlRow, NameRow } from './projection-rows.ts'
import { lookAndWatch } from './row-watch.ts'

/** How often whoever waits looks all the same, in milliseconds. */
const LOOK_MS = 60_000

const checkOptions = onlyNames('The options of waitFor', 'timeoutMs', 'signal')

/** Who waits for which positions of projections in this process, and who wants to know. */
export class PositionWaiters {
  readonly #wanted = new Map<string, Map<object, bigint>>()
  readonly #onWanted: (name: string) => void

  constructor(onWanted: (name: string) => void) {
    this.#onWanted = onWanted
  }

  /** The highest position that somebody waits for. */
  wanted(name: string): bigint | undefined {
    let highest: bigint | undefined
    for (const position of this.#wanted.get(name)?.values() ?? []) {
      if (highest === undefined || position > highest) highest = position
    }
    return highest
  }

  /** Wants a position until the returned function is called. */
  want(name: string, position: bigint): () => void {
    const waiting = this.#wanted.get(name) ?? new Map<object, bigint>()
    this.#wanted.set(name, waiting)
    const self = {}
    waiting.set(self, position)
    this.#onWanted(name)
    return () => {
      waiting.delete(self)
      if (waiting.size === 0 && this.#wanted.get(name) === waiting) this.#wanted.delete(name)
    }
  }
}

/** What waiting takes. */
export interface WaitScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly rows: NameRows
  readonly waiters: PositionWaiters
  /** Aborted when the store is closed. */
  readonly closed: AbortSignal
}

/**
 * Waits until the copy that serves has handled everything up to a position.
 * @throws ProjectionTimeoutError, ProjectionFaultedError, ProjectionNotFoundError, InvalidArgumentError, ClosedError, the signal's reason
 */
export async function waitForPosition(
  { host, reading, rows, waiters, closed }: WaitScene,
  name: string,
  position: bigint,
  options: WaitForOptions = {},
): Promise<void> {
  checkWaitFor(position, options)
  const { timeoutMs = WAIT_FOR_MS, signal } = options
  const { runtime } = host
  const untilMs = runtime.monotonic() + timeoutMs
  const ending = eitherOf(closed, signal)
  const forget = waiters.want(name, position)
  try {
    for (let isFirst = true; ; isFirst = false) {
      if (closed.aborted) throw new ClosedError('event store')
      signal?.throwIfAborted()
      const { seen, changed, cancel } = await lookAndWatch(reading, [rows.keyOf(name)], async ({ tx }) => {
        const row = await rows.read(tx, name)
        const serving = await rows.copyAt(tx, row?.serving)
        if (row === undefined || serving === undefined) throw new ProjectionNotFoundError(name)
        const horizon = positionOf(await tx.readHorizon())
        return { row, control: serving.control, horizon, watch: tx.watch(serving.keys.control) }
      })
      try {
        const { row, control, horizon, watch } = seen
        if (control.position >= position || (control.isInline && horizon >= position)) return
        if (isFirst && position > horizon) refuseBeyond(position, horizon)
        refuseFaulted(control, position)
        const leftMs = untilMs - runtime.monotonic()
        if (leftMs <= 0)
          throw new ProjectionTimeoutError(name, position, control.position, stateIn(row, control))
        const moved = watch.fired.catch(() => {})
        await waitFor(
          runtime,
          Promise.race([changed, moved]),
          Math.min(leftMs, LOOK_MS),
          ending.signal,
          true,
        ).catch(() => {})
      } finally {
        cancel()
        seen.watch.cancel()
      }
    }
  } finally {
    forget()
    ending.release()
  }
}

/** Checks what `waitFor` was given. @throws InvalidArgumentError */
export function checkWaitFor(position: bigint, options: WaitForOptions): void {
  checkOptions(options)
  checkWaiting(position, options.timeoutMs ?? WAIT_FOR_MS)
  checkSignal(options.signal)
}

/** Aborted when one of two signals is. Like `AbortSignal.any`, which lets nobody go as long as one of the signals lives. */
export function eitherOf(
  one: AbortSignal,
  other: AbortSignal | undefined,
): { readonly signal: AbortSignal; release(): void } {
  const either = new AbortController()
  const abort = (): void => either.abort()
  const signals = other === undefined ? [one] : [one, other]
  for (const signal of signals) {
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  }
  const release = (): void => {
    for (const signal of signals) signal.removeEventListener('abort', abort)
  }
  return { signal: either.signal, release }
}

function checkWaiting(position: unknown, timeoutMs: unknown): void {
  if (typeof position !== 'bigint') {
    throw new InvalidArgumentError(`A position is a bigint, not ${describe(position)}`, { position })
  }
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return
  throw new InvalidArgumentError(`"timeoutMs" must be a number from 0 on, not ${describe(timeoutMs)}`, {
    timeoutMs,
  })
}

/** @throws InvalidArgumentError */
export function refuseBeyond(position: bigint, horizon: bigint): never {
  throw new InvalidArgumentError(`There is no position ${position}: the log ends at ${horizon}`, {
    position,
    horizon,
  })
}

function refuseFaulted({ name, version, fault, position: at }: ControlRow, position: bigint): void {
  if (fault === undefined) return
  if (fault.event !== undefined && fault.event.position > position) return
  if (fault.event === undefined && at >= position) return
  const { event, error } = seenFault(fault)
  throw new ProjectionFaultedError(name, version, { ...(event && { event }), error })
}

function stateIn({ isPaused }: NameRow, { fault }: ControlRow): string {
  if (isPaused) return 'paused'
  return fault === undefined ? 'behind' : 'faulted'
}
