import type { Runtime } from '../runtime.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'
import type { CopyKeys } from './copy-keys.ts'
import { triedAtOnce } from './faults.ts'
import type { NameRows } from './name-rows.ts'
import type { ControlRow, LeaseRow, NameRow } from './projection-rows.ts'
import { lookAndWatch } from './row-watch.ts'

/** How often somebody who carries an inline projection looks whether it still is one, in milliseconds. */
const INLINE_LOOK_MS = 60_000

/** What leasing takes. */
export interface LeaseScene {
  readonly host: StoreHost
  readonly reading: Reading
  readonly rows: NameRows
  readonly name: string
  readonly generation: number
  readonly keys: CopyKeys
  /** Who wants to lead. */
  readonly self: string
  readonly leaseMs: number
}

/** What was found when somebody has begun to lead. */
export interface Lead {
  readonly control: ControlRow
  readonly row: NameRow
}

/** Whether a copy is one of those that serve or are being built. */
export function hasRole(row: NameRow | undefined, generation: number, { copy }: CopyKeys): row is NameRow {
  return row?.generation === generation && (row.serving === copy || row.building === copy)
}

/** Waits until this one leads a copy. `undefined` if the copy is gone. @throws ClosedError, the signal's reason */
export async function untilLeading(scene: LeaseScene, signal: AbortSignal): Promise<Lead | undefined> {
  const { host, reading, rows, keys, name, generation } = scene
  const patience = new Patience(host.runtime)
  for (;;) {
    signal.throwIfAborted()
    const { seen, changed, cancel } = await lookAndWatch(
      reading,
      [keys.lease, rows.keyOf(name)],
      async ({ tx }) => ({ row: await rows.read(tx, name), lease: await rows.lease(tx, keys) }),
    )
    try {
      if (!hasRole(seen.row, generation, keys)) return undefined
      // One that has its own lease has lost its way, and nobody else leads.
      if (seen.lease?.leader === scene.self || patience.isOver(seen.lease)) {
        const lead = await takeOver(scene, seen.lease)
        if (lead === 'gone') return undefined
        if (lead === 'inline') await untilNotInline(scene, signal)
        else if (lead !== undefined) return lead
        continue
      }
      await waitFor(host.runtime, changed, scene.leaseMs / 3, signal)
    } finally {
      cancel()
    }
  }
}

/** Whether rows of other copies are to be cleared away by whoever is in charge of this one. */
export function hasLeftovers({ serving, gone }: NameRow, { copy }: CopyKeys): boolean {
  return serving === copy && gone.length > 0
}

/**
 * Waits while a copy is in force as an inline projection: then there is nothing to lead, but leftovers may have to be cleared away.
 * @throws ClosedError, the signal's reason
 */
export async function untilNotInline(
  scene: LeaseScene,
  signal: AbortSignal,
  clear: () => void = () => {},
): Promise<void> {
  const { host, reading, rows, keys, name, generation } = scene
  for (;;) {
    signal.throwIfAborted()
    const { seen, changed, cancel } = await lookAndWatch(
      reading,
      [keys.control, rows.keyOf(name)],
      async ({ tx }) => ({ row: await rows.read(tx, name), control: await rows.control(tx, keys) }),
    )
    try {
      if (!hasRole(seen.row, generation, keys) || !seen.control?.isInline) return
      if (hasLeftovers(seen.row, keys)) clear()
      await waitFor(host.runtime, changed, INLINE_LOOK_MS, signal)
    } finally {
      cancel()
    }
  }
}

/** Begins a term, unless somebody else was faster (`undefined`), or the copy is gone. */
async function takeOver(
  scene: LeaseScene,
  expected: LeaseRow | undefined,
): Promise<Lead | 'gone' | 'inline' | undefined> {
  const { host, rows, keys, name, generation, self, leaseMs } = scene
  return host.kv.transact(async (tx) => {
    const row = await rows.read(tx, name)
    const known = await rows.control(tx, keys)
    if (!hasRole(row, generation, keys) || known === undefined) return 'gone'
    if (known.isInline) return 'inline'
    const lease = await rows.lease(tx, keys)
    const isSame = lease?.term === expected?.term && lease?.renewedMs === expected?.renewedMs
    if (!isSame && lease?.leader !== undefined && lease.leader !== self) return undefined
    const control = { ...triedAtOnce(known), term: known.term + 1, revision: known.revision + 1 }
    rows.writeControl(tx, keys, control)
    rows.writeLease(tx, keys, { leader: self, term: control.term, leaseMs, renewedMs: host.runtime.now() })
    return { control, row }
  })
}

/** Says that the leader of a term is there. Returns whether it still leads. */
export async function renewLease(scene: LeaseScene, term: number): Promise<boolean> {
  const { host, rows, keys, self, leaseMs } = scene
  return host.kv.transact(async (tx) => {
    // A batch may be committed at any time, so the control row is read without a conflict. Whoever ends a term writes the lease row.
    const control = await rows.control(tx.snapshot, keys)
    await rows.lease(tx, keys)
    if (control?.term !== term) return false
    rows.writeLease(tx, keys, { leader: self, term, leaseMs, renewedMs: host.runtime.now() })
    return true
  })
}

/** Lets others lead at once. */
export async function giveBack({ host, rows, keys, leaseMs }: LeaseScene, term: number): Promise<void> {
  await host.kv.transact(async (tx) => {
    const control = await rows.control(tx, keys)
    if (control?.term !== term) return
    rows.writeLease(tx, keys, { leader: undefined, term, leaseMs, renewedMs: host.runtime.now() })
  })
}

/** Whether a lease is over by the wall clock: long enough that clocks which differ a little do no harm. */
export function isLongOver({ renewedMs, leaseMs }: LeaseRow, nowMs: number): boolean {
  return nowMs - renewedMs > 2 * leaseMs
}

/** Judges a lease by how long it has not been renewed, on a clock of one's own. */
class Patience {
  readonly #runtime: Runtime
  #lease: LeaseRow | undefined
  #sinceMs = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  isOver(lease: LeaseRow | undefined): boolean {
    if (lease?.leader === undefined) return true
    const nowMs = this.#runtime.monotonic()
    if (this.#lease?.term !== lease.term || this.#lease.renewedMs !== lease.renewedMs) {
      this.#lease = lease
      this.#sinceMs = nowMs
    }
    return nowMs - this.#sinceMs >= lease.leaseMs || isLongOver(lease, this.#runtime.now())
  }
}

/** Waits until something happens, if it is to, but not for longer than this. @throws the signal's reason */
export async function waitFor(
  runtime: Runtime,
  happened: Promise<unknown> | undefined,
  delayMs: number,
  signal: AbortSignal,
  keepsAlive = false,
): Promise<void> {
  signal.throwIfAborted()
  let cancel = (): void => {}
  let onAbort = (): void => {}
  const over = new Promise<void>((resolve) => {
    cancel = keepsAlive ? runtime.schedule(delayMs, resolve) : runtime.scheduleBackground(delayMs, resolve)
    onAbort = resolve
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await (happened === undefined ? over : Promise.race([happened, over]))
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
  signal.throwIfAborted()
}
