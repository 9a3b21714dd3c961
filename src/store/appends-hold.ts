import { INLINE_HOLD_MS_MAX } from '../limits.ts'
import { type Runtime, sleep } from '../runtime.ts'
import type { StoreHost } from './host.ts'
import { readSettings, type Settings } from './settings.ts'

/** How often those who wait look whether they still have to, in milliseconds. */
const LOOK_MS = 10

/** How long appends are still asked to wait, in milliseconds: 0 if they are not, or if the clock has jumped since. */
export function heldForMs({ hold }: Settings, runtime: Runtime): number {
  const leftMs = hold === undefined ? 0 : hold.untilMs - runtime.now()
  return leftMs > 0 && leftMs <= INLINE_HOLD_MS_MAX ? leftMs : 0
}

/** Waits while appends are asked to, so that a projection can come into force: see "The door" in `docs/projections.md`. @throws ClosedError */
export async function waitWhileHeld({ kv, keys, runtime }: StoreHost, settings: Settings): Promise<void> {
  const endMs = runtime.monotonic() + heldForMs(settings, runtime)
  while (runtime.monotonic() < endMs) {
    await sleep(runtime, LOOK_MS)
    const { hold } = await kv.readTransact((tx) => readSettings(tx, keys))
    if (hold?.untilMs !== settings.hold?.untilMs) return
  }
}
