import { CorruptionError, IdempotencyConflictError } from '../errors.ts'
import type { Reader, Transaction } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES, timeOfPosition } from '../kv/stamp.ts'
import type { Appended, AppendKey } from './appended.ts'
import type { StoreHost } from './host.ts'
import type { Keyspace } from './keyspace.ts'
import { decodeSealedJson, encodeSealedJson } from './small-values.ts'

/** What a row says of one part of an append, behind the stamp of its last event. */
export interface KeyResult {
  readonly fingerprint: string
  /** How many parts there are. */
  readonly parts: number
  readonly streamId?: string
  readonly firstVersion?: number
  readonly lastVersion?: number
  /** Where the last event is: at the stamp of this row, at another position, or nowhere as there is none. */
  readonly position?: 'here' | string
}

/** What is known of an idempotency key: what it stands for, and what that came to. */
export interface KnownResult {
  readonly fingerprint: string
  readonly results: readonly Appended[]
}

/**
 * The results of appends that have an idempotency key: a row for each stream of the append. The stamp of each is that of the stream's last
 * event, whose position the caller was told; that of the first row also says when the key was used. An append without streams
 * has one row all the same.
 */
export class KeyResults {
  readonly #host: StoreHost
  readonly #tx: Transaction
  /** Of this very transaction: their rows are there, but not their stamps. */
  readonly #own = new Map<string, KnownResult>()

  /** Keys that were found, but have expired. */
  readonly #expired = new Set<string>()

  constructor(host: StoreHost, tx: Transaction) {
    this.#host = host
    this.#tx = tx
  }

  /** Whether no key was noted. */
  get isEmpty(): boolean {
    return this.#own.size === 0
  }

  /**
   * What the append came to that had this key before. Reads with a conflict, so that no two appends get the same key.
   * @throws IdempotencyConflictError if that was another append
   */
  async find(key: AppendKey): Promise<readonly Appended[] | undefined> {
    const own = this.#own.get(key.text)
    if (own !== undefined) return answer(key, own.fingerprint, own.results)
    const found = await readKeyResult(this.#tx, this.#host, key.text)
    if (found === 'expired') this.#expired.add(key.text)
    return found === undefined || found === 'expired'
      ? undefined
      : answer(key, found.fingerprint, found.results)
  }

  /** Notes what an append with a key came to. `userVersion` is free to be used for a stamp without an event. */
  record(key: AppendKey, results: readonly Appended[], userVersion: number): void {
    const { keys } = this.#host
    // What an earlier use has left may have more parts.
    if (this.#expired.delete(key.text)) this.#tx.clearRange(keys.keyResults.parts(key.text))
    const parts = Math.max(1, results.length)
    for (let part = 0; part < parts; part += 1) this.#recordPart(key, parts, part, results[part], userVersion)
    const expiry = keys.keyResults.newExpiry(key.text, userVersion)
    this.#tx.setStampedKey(expiry.bytes, expiry.offset, NOTHING)
    if (this.#own.size === 0) this.#tx.afterCommit(() => this.#host.keyUse.note(this.#own.size))
    this.#own.set(key.text, { fingerprint: key.fingerprint, results })
  }

  #recordPart(
    { text, fingerprint }: AppendKey,
    parts: number,
    part: number,
    appended: Appended | undefined,
    userVersion: number,
  ): void {
    const { keys } = this.#host
    const rowKey = keys.keyResults.part(text, part)
    const result: KeyResult = { fingerprint, parts, ...(appended && partOf(appended)) }
    const body = encodeSealedJson(keys.relative(rowKey), result)
    const value = new Uint8Array(STAMP_BYTES + body.length)
    value.set(body, STAMP_BYTES)
    const stampVersion = appended?.lastUserVersion ?? userVersion
    value[STAMP_BYTES - 2] = stampVersion >>> 8
    value[STAMP_BYTES - 1] = stampVersion
    this.#tx.setStampedValue(rowKey, value, 0)
  }
}

/** What an append came to that had a key, as its rows say. @throws CorruptionError */
export async function readKeyResult(
  tx: Reader,
  { keys, clock, idempotencyKeyMs }: Pick<StoreHost, 'keys' | 'clock' | 'idempotencyKeyMs'>,
  text: string,
): Promise<KnownResult | 'expired' | undefined> {
  const rows = await tx.getRange(keys.keyResults.parts(text)).toArray()
  const [first] = rows
  if (first === undefined) return undefined
  if (timeOfPosition(positionOf(first.value)) < clock.now() - idempotencyKeyMs) return 'expired'
  const results = rows.map((row) => decodeKeyResult(keys, row.key, row.value))
  const { fingerprint, parts } = results[0]!
  if (parts !== Math.max(1, results.length)) {
    throw new CorruptionError('Rows of an idempotency key are missing', { idempotencyKey: text })
  }
  return {
    fingerprint,
    results: rows.flatMap(({ value }, at) => appendedOf(results[at]!, positionOf(value))),
  }
}

/** Decodes a row. @throws CorruptionError */
export function decodeKeyResult(keys: Keyspace, key: Uint8Array, value: Uint8Array): KeyResult {
  const body = value.subarray(STAMP_BYTES)
  const what = (): string =>
    `The result of idempotency key ${JSON.stringify(keys.keyResults.placeOfPart(key).idempotencyKey)}`
  return decodeSealedJson(keys.relative(key), body, what) as KeyResult
}

/** More positions than a transaction has. */
const TRANSACTION_POSITIONS_MAX = 0x1_0000n

/** Whether a place in the order of expiry belongs to a result with this value: to the same use of the key. */
export function isPlaceOfResult(expiry: Uint8Array, value: Uint8Array): boolean {
  const distance = positionOf(expiry) - positionOf(value)
  return distance >= 0n && distance < TRANSACTION_POSITIONS_MAX
}

const NOTHING = new Uint8Array()

function answer(key: AppendKey, fingerprint: string, results: readonly Appended[]): readonly Appended[] {
  if (fingerprint !== key.fingerprint) throw new IdempotencyConflictError({ idempotencyKey: key.text })
  return results.map((appended) => ({ ...appended, idempotent: true }))
}

function partOf({
  streamId,
  firstVersion,
  lastVersion,
  lastUserVersion,
  recordedPosition,
}: Appended): object {
  const position = lastUserVersion !== undefined ? 'here' : recordedPosition?.toString()
  return { streamId, firstVersion, lastVersion, ...(position !== undefined && { position }) }
}

function appendedOf(result: KeyResult, here: bigint): Appended[] {
  const { streamId, firstVersion, lastVersion, position } = result
  if (streamId === undefined) return []
  const recordedPosition = position === 'here' ? here : position === undefined ? undefined : BigInt(position)
  return [
    {
      streamId,
      firstVersion: firstVersion!,
      lastVersion: lastVersion!,
      lastUserVersion: undefined,
      recordedPosition,
      idempotent: true,
    },
  ]
}
