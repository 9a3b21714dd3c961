import {
  ClosedError,
  ProjectionFaultedError,
  ProjectionNotFoundError,
  ProjectionSupersededError,
} from '../errors.ts'
import type { Projection, ProjectionEnd } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'
import { isAskedFor, seenFault } from './faults.ts'
import { waitFor } from './leasing.ts'
import type { Copy, NameRows } from './name-rows.ts'
import { lookAndWatch } from './row-watch.ts'

/** How often whoever waits looks all the same, in milliseconds. */
const LOOK_MS = 60_000

/** What waiting until a projection is in force takes. */
export interface ForceWaitScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly rows: NameRows
}

/**
 * Waits until an inline projection is in force, or is paused.
 * @throws ProjectionFaultedError; ProjectionNotFoundError, ProjectionSupersededError if it ends; ClosedError; the signal's reason
 */
export async function untilInForce<S>(
  { host, reading, rows }: ForceWaitScene,
  { name, version }: Projection<EventShape, S>,
  ended: Promise<ProjectionEnd>,
): Promise<void> {
  let end: ProjectionEnd | undefined
  const ending = new AbortController()
  void ended.then((how) => {
    end = how
    ending.abort()
  })
  for (;;) {
    const { seen, changed, cancel } = await lookAndWatch(reading, [rows.keyOf(name)], async ({ tx }) => {
      const row = await rows.read(tx, name)
      const copies = [await rows.copyAt(tx, row?.serving), await rows.copyAt(tx, row?.building)]
      const moved = copies.flatMap((copy) => (copy === undefined ? [] : [tx.watch(copy.keys.control)]))
      return { row, copies, moved }
    })
    const [serving] = seen.copies
    try {
      if (end !== undefined) refuseEnded(name, version, end, serving?.control.version)
      if (seen.row?.isPaused || (serving?.control.version === version && serving.control.isInline)) return
      refuseFaulted(seen.copies, version)
      const moved = seen.moved.map(({ fired }) => fired.catch(() => {}))
      await waitFor(host.runtime, Promise.race([changed, ...moved]), LOOK_MS, ending.signal, true).catch(
        () => {},
      )
    } finally {
      cancel()
      for (const watch of seen.moved) watch.cancel()
    }
  }
}

function refuseEnded(
  name: string,
  version: number,
  { reason, error }: ProjectionEnd,
  serving: number | undefined,
): never {
  if (reason === 'aborted') throw error
  if (reason === 'superseded') throw new ProjectionSupersededError(name, version, serving ?? version + 1)
  if (reason === 'deleted') throw new ProjectionNotFoundError(name)
  throw new ClosedError('event store')
}

function refuseFaulted(copies: readonly (Copy | undefined)[], version: number): void {
  for (const copy of copies) {
    const { fault } = copy?.control ?? {}
    if (copy?.control.version !== version || fault === undefined || isAskedFor(fault)) continue
    const { event, error } = seenFault(fault)
    throw new ProjectionFaultedError(copy.control.name, version, { ...(event && { event }), error })
  }
}
