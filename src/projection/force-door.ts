import type { Transaction } from '../kv/contract.ts'
import { INLINE_HOLD_MS_MAX, INLINE_HOLD_MS_MIN, INLINE_PATIENCE_MS } from '../limits.ts'
import { readSettings, writeSettings } from '../store/settings.ts'
import { type CommitScene, type Led, standingIn } from './committing.ts'

/** After asking others to wait, this many times as long is left to them. */
const REST_TIMES = 4

/**
 * Lets a copy through that keeps up with the log, and still cannot come into force, as something is appended whenever it tries: those who append
 * are asked to wait for a moment. See "The door" in `docs/projections.md`.
 */
export class ForceDoor {
  readonly #scene: CommitScene
  #nextMs: number | undefined
  #holdMs = INLINE_HOLD_MS_MIN

  constructor(scene: CommitScene) {
    this.#scene = scene
  }

  /** It has failed to come into force. Asks the others to wait, if it is time for that. */
  async knock(led: Led): Promise<void> {
    const { runtime, kv } = this.#scene.host
    const nowMs = runtime.monotonic()
    this.#nextMs ??= nowMs + INLINE_PATIENCE_MS
    if (nowMs < this.#nextMs) return
    const holdMs = this.#holdMs
    this.#holdMs = Math.min(2 * holdMs, INLINE_HOLD_MS_MAX)
    this.#nextMs = nowMs + holdMs * (1 + REST_TIMES)
    await kv.transact((tx) => this.#hold(tx, led, runtime.now() + holdMs))
  }

  async #hold(tx: Transaction, led: Led, untilMs: number): Promise<void> {
    const { host, rows } = this.#scene
    if ('kind' in (await standingIn(rows, tx, led))) return
    const settings = await readSettings(tx, host.keys)
    writeSettings(tx, host.keys, { ...settings, hold: { copy: led.keys.copy, untilMs: Math.ceil(untilMs) } })
    tx.afterCommit(() => host.settings.forget())
  }
}
