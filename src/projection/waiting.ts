import {
  ClosedError,
  InvalidArgumentError,
  ProjectionFaultedError,
  ProjectionNotFoundError,
  ProjectionSupersededError,
  ProjectionTimeoutError,
} from '../errors.ts'
import type { Watch } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import { WAIT_FOR_MS } from '../limits.ts'
import type { Projection, WaitForOptions } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkSignal } from '../store/read-options.ts'
import type { Reading, View } from '../store/reading.ts'
import { describe } from '../store/text.ts'
import { isAskedFor, seenFault } from './faults.ts'
import { waitFor } from './leasing.ts'
import type { Copy, NameRows } from './name-rows.ts'
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

/** What is waited for: a name, or one version of it. */
export interface AwaitedProjection {
  readonly name: string
  /** Whoever waits by a definition waits until its version answers. */
  readonly projection: Version | undefined
}

type Version = Pick<Projection<EventShape, unknown>, 'version'> & {
  readonly definition: { readonly fromOlder?: unknown }
}

/**
 * Waits until the copy that answers has handled everything up to a position.
 * @throws ProjectionTimeoutError, ProjectionFaultedError, ProjectionNotFoundError, ProjectionSupersededError, InvalidArgumentError, ClosedError,
 * the signal's reason
 */
export async function waitForPosition(
  { host, reading, rows, waiters, closed }: WaitScene,
  awaited: AwaitedProjection,
  position: bigint,
  options: WaitForOptions = {},
): Promise<void> {
  const { name } = awaited
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
      const { seen, changed, cancel } = await lookAndWatch(reading, [rows.keyOf(name)], (view) =>
        look(rows, view, awaited),
      )
      try {
        const { horizon, control, watch } = seen
        if (isThere(seen, position)) return
        if (isFirst && position > horizon) refuseBeyond(position, horizon)
        refuseFaulted(seen, position)
        const leftMs = untilMs - runtime.monotonic()
        if (leftMs <= 0) throw new ProjectionTimeoutError(name, position, control.position, stateOf(seen))
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

/** The copy that is waited for, as it is. */
interface Seen {
  readonly row: NameRow
  readonly control: ControlRow
  /** Whether it answers, or will when it is built; `older` if nobody builds what is waited for. */
  readonly role: 'answering' | 'building' | 'older'
  readonly horizon: bigint
  /** Fires when the copy moves on. */
  readonly watch: Watch
}

/** @throws ProjectionNotFoundError, ProjectionSupersededError */
async function look(rows: NameRows, { tx }: View, { name, projection }: AwaitedProjection): Promise<Seen> {
  const row = await rows.read(tx, name)
  const serving = await rows.copyAt(tx, row?.serving)
  if (row === undefined || serving === undefined) throw new ProjectionNotFoundError(name)
  const building = await rows.copyAt(tx, row.building)
  const { copy, role } = copyFor(name, projection, serving, building)
  const horizon = positionOf(await tx.readHorizon())
  return { row, control: copy.control, role, horizon, watch: tx.watch(copy.keys.control) }
}

/** Which copy has to come to a position, so that reads by a definition, or by name, have it. @throws ProjectionSupersededError */
function copyFor(
  name: string,
  projection: Version | undefined,
  serving: Copy,
  building: Copy | undefined,
): { readonly copy: Copy; readonly role: Seen['role'] } {
  const { version } = serving.control
  const wanted = projection?.version ?? version
  if (version > wanted) throw new ProjectionSupersededError(name, wanted, version)
  if (version === wanted || projection?.definition.fromOlder !== undefined)
    return { copy: serving, role: 'answering' }
  const next = building?.control.version ?? version
  if (next > wanted) throw new ProjectionSupersededError(name, wanted, next)
  return next === wanted ? { copy: building!, role: 'building' } : { copy: serving, role: 'older' }
}

function isThere({ control, role, horizon }: Seen, position: bigint): boolean {
  if (role !== 'answering') return false
  return control.position >= position || (control.isInline === true && horizon >= position)
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

/** One that is being built must not stand anywhere: it answers only when it has handled everything. */
function refuseFaulted({ control, role }: Seen, position: bigint): void {
  const { name, version, fault, position: at } = control
  if (fault === undefined || isAskedFor(fault) || role === 'older') return
  const isBehind = fault.event === undefined ? at >= position : fault.event.position > position
  if (isBehind && role === 'answering') return
  const { event, error } = seenFault(fault)
  throw new ProjectionFaultedError(name, version, { ...(event && { event }), error })
}

function stateOf({ row: { isPaused }, control: { fault }, role }: Seen): string {
  if (isPaused) return 'paused'
  if (role === 'older') return 'of an older version'
  if (fault !== undefined) return 'faulted'
  return role === 'building' ? 'being built' : 'behind'
}
