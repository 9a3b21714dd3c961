import type { Transaction } from '../kv/contract.ts'
import type { StreamState } from './contract-streams.ts'
import type { StoreHost } from './host.ts'
import { LIVE, type Life, stateOf } from './life.ts'
import { encodeLife, readLife } from './life-rows.ts'
import { encodeName, headOf, numberOf } from './stream-rows.ts'

/** A stream as a transaction sees it, its own changes included. */
export class SessionStream {
  readonly id: string
  number: number | undefined
  version: number
  /** Whether its name has a row, or will have. */
  exists: boolean
  life: Life

  constructor(id: string, number: number | undefined, version: number, life: Life) {
    this.id = id
    this.number = number
    this.version = version
    this.exists = number !== undefined
    this.life = life
  }

  get state(): StreamState {
    return stateOf(this.exists, this.version, this.life)
  }
}

/** A stream that has a number. */
export type NumberedStream = SessionStream & { readonly number: number }

/** How a session may use what the store remembers. */
export type Memory = 'use-memory' | 'read-snapshot'

/** The streams that a transaction has looked at, and what it makes of them. */
export class SessionStreams {
  readonly #host: StoreHost
  readonly #tx: Transaction
  readonly #memory: Memory
  readonly #known = new Map<string, SessionStream>()
  readonly #changed = new Set<NumberedStream>()

  constructor(host: StoreHost, tx: Transaction, memory: Memory) {
    this.#host = host
    this.#tx = tx
    this.#memory = memory
    tx.afterCommit(() => this.#remember())
  }

  /** Looks a stream up. */
  async get(id: string): Promise<SessionStream> {
    return this.atHand(id) ?? (await this.#load(id))
  }

  /** A stream that was looked up already. */
  known(id: string): SessionStream | undefined {
    return this.#known.get(id)
  }

  /** What needs no reading: a stream that was looked up already, or that memory knows. */
  atHand(id: string): SessionStream | undefined {
    return this.#known.get(id) ?? this.#recall(id)
  }

  /** Gives a stream that does not exist a number. */
  async reserveNumber(id: string): Promise<void> {
    const stream = await this.get(id)
    stream.number ??= await this.#host.numbers.take()
  }

  /** Makes a stream exist that has a number. */
  establish(stream: SessionStream): NumberedStream {
    const numbered = stream as NumberedStream
    const { keys } = this.#host
    this.#changed.add(numbered)
    if (!stream.exists) {
      const key = keys.nameKey(stream.id)
      this.#tx.set(key, encodeName(keys, key, numbered.number))
    }
    stream.exists = true
    return numbered
  }

  /**
   * Gives a stream another life. Where its next event will be, nothing is now either: clearing that makes all appends conflict that rely on
   * where the stream ends.
   */
  changeLife(stream: SessionStream, life: Life): void {
    const { keys } = this.#host
    const { number, version } = this.establish(stream)
    const key = keys.lifeKey(number)
    this.#tx.set(key, encodeLife(keys, key, life))
    this.#tx.clear(keys.streamKey(number, version + 1))
    stream.life = life
  }

  /** What memory knows, with a conflict that makes the commit check it: the row that the next append to the stream would write. */
  #recall(id: string): SessionStream | undefined {
    if (this.#memory !== 'use-memory') return undefined
    const { heads, kv, keys } = this.#host
    const head = heads.get(id)
    if (head === undefined) return undefined
    const since = kv.coherence.version
    this.#tx.addReadConflictKey(keys.streamKey(head.number, head.version + 1), { since })
    return this.#note(new SessionStream(id, head.number, head.version, head.life))
  }

  async #load(id: string): Promise<SessionStream> {
    const { keys } = this.#host
    const number = await numberOf(this.#tx, keys, id)
    const head = number === undefined ? undefined : await headOf(this.#tx, keys, number)
    const life = number === undefined ? LIVE : await readLife(this.#tx, keys, number)
    // Two loads of one stream may run side by side: the first one counts.
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const version = head?.version ?? 0
    const stream = this.#note(new SessionStream(id, number, version, life))
    if (number !== undefined) await this.#learn(id, number, version, life)
    return stream
  }

  /** Remembers what the snapshot shows, if the snapshot still is the newest. */
  async #learn(id: string, number: number, version: number, life: Life): Promise<void> {
    const readVersion = await this.#tx.readVersion()
    const { heads, kv } = this.#host
    if (readVersion === kv.coherence.version) heads.set(id, { number, version, life })
  }

  #note(stream: SessionStream): SessionStream {
    this.#known.set(stream.id, stream)
    return stream
  }

  #remember(): void {
    for (const { id, number, version, life } of this.#changed)
      this.#host.heads.set(id, { number, version, life })
  }
}
