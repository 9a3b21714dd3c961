import { CorruptionError } from '../errors.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { GroupState, ResolvedGroupSettings } from '../store/contract-subscribing.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeSealedJson, encodeSealedJson, sealed, unsealed } from '../store/small-values.ts'
import { pack } from '../tuple/pack.ts'
import { unpack } from '../tuple/unpack.ts'
import { placeFrom, placeText } from './place-text.ts'

/** What a group is, and whether it delivers. */
export interface Control {
  readonly kind: 'persistent' | 'volatile'
  readonly name: string
  readonly source: SourceName
  readonly settings: ResolvedGroupSettings
  readonly state: GroupState
  readonly stopped?: { readonly reason: string; readonly place: AnyPlace; readonly atMs: number }
  /** How often it was reset: what was given out before is void. */
  readonly resets: number
  /** Raised by each change of all this. */
  readonly revision: number
}

/** What happens to all events of a slot of a pinned group. */
export interface Slot {
  /** The consumer that it belongs to; 0: none. */
  owner: number
  inHand: number
  held: number
  /** Events that wait for a retry, suspects among them. */
  retrying: number
  /** Keys whose head is done, and that have events behind it. */
  draining: number
}

/** What a group has to keep count of. */
export interface Ledger {
  cursor: AnyPlace
  /** The furthest that the cursor ever was. */
  reach: AnyPlace
  /** Events that wait: for a retry, held, behind a head that is not parked. */
  waiting: number
  /** Events that are parked, and those behind them. */
  parked: number
  /** Events among those that wait that are suspects. */
  suspects: number
  /** Keys in trouble. */
  keys: number
  /** Number of the consumer that joined last. */
  lastConsumer: number
  /** The one that gets everything, if the strategy is `dispatch-to-single`; 0: none. */
  single: number
  /** Pinned: slots in use. */
  readonly slots: Map<number, Slot>
}

/** The sign of life of a consumer. */
export interface Lease {
  readonly leaseMs: number
  readonly renewals: number
  readonly renewedAtMs: number
  /** Where the source ended when it joined: for volatile groups. */
  readonly since: AnyPlace
  readonly bufferSize: number
  /** Events finished per second, when it was renewed last. */
  readonly finishedPerSecond: number
}

/** An event of a group that is given out and not finished. */
export interface Item {
  readonly place: AnyPlace
  /** How often it was delivered again and that counted. */
  readonly retries: number
  /** A hash of what it is pinned by; 0 if it is not. */
  readonly key: bigint
  /** Whether it is in a hand alone. */
  readonly isAlone: boolean
  /** Whether this very delivery has counted as a retry. */
  readonly isCounted: boolean
  /** Whether it is the head of a key in trouble. */
  readonly isHead: boolean
}

/** What waits to be delivered again. */
export interface Retry {
  readonly retries: number
  readonly key: bigint
  /** Whether the next delivery counts as a retry. */
  readonly counts: boolean
  readonly reason: string
}

/** A key in trouble. */
export interface KeyRow {
  readonly head: AnyPlace
  readonly state: 'retrying' | 'parked' | 'done'
  readonly behind: number
}

/** An event that was set aside. */
export interface Parked {
  readonly reason: string
  readonly atMs: number
  readonly retries: number
  readonly key: bigint
  /** What the key is a hash of. */
  readonly keyText: string | undefined
}

/** An event that is held, or behind the head of its key. */
export interface Waiting extends Pick<Item, 'retries' | 'key'> {
  /** Whether its consumer was lost with it, so that it has to be delivered alone. @default false */
  readonly isSuspect?: boolean
}

/** Encodes and decodes the values of groups' rows. */
export class GroupValues {
  readonly #keys: Keyspace

  constructor(keys: Keyspace) {
    this.#keys = keys
  }

  encodeControl(key: Uint8Array, control: Control): Uint8Array {
    const { stopped, ...rest } = control
    const record =
      stopped === undefined ? rest : { ...rest, stopped: { ...stopped, place: placeText(stopped.place) } }
    return encodeSealedJson(this.#keys.relative(key), record)
  }

  /** @throws CorruptionError */
  decodeControl(key: Uint8Array, value: Uint8Array): Control {
    const found = decodeSealedJson(this.#keys.relative(key), value, 'What a subscription is') as Control & {
      readonly stopped?: { readonly place: string }
    }
    if (found.stopped === undefined) return found
    const place = placeFrom(found.stopped.place, found.source.kind === 'stream')
    return { ...found, stopped: { ...found.stopped, place } }
  }

  encodeLedger(key: Uint8Array, ledger: Ledger): Uint8Array {
    const { cursor, reach, waiting, parked, suspects, keys, lastConsumer, single, slots } = ledger
    const flat: (number | bigint)[] = [cursor, reach, waiting, parked, suspects, keys, lastConsumer, single]
    for (const [number, { owner, inHand, held, retrying, draining }] of slots) {
      flat.push(number, owner, inHand, held, retrying, draining)
    }
    return sealed(this.#keys.relative(key), pack(flat))
  }

  /** @throws CorruptionError */
  decodeLedger(key: Uint8Array, value: Uint8Array, isStream: boolean): Ledger {
    const flat = this.#integers(key, value, 'The ledger of a subscription')
    const [cursor, reach, waiting, parked, suspects, keys, lastConsumer, single] = flat
    const place = (it: number | bigint | undefined): AnyPlace => (isStream ? Number(it) : BigInt(it ?? 0))
    const slots = new Map<number, Slot>()
    for (let at = 8; at + 5 < flat.length; at += 6) {
      const [owner, inHand, held, retrying, draining] = flat.slice(at + 1, at + 6).map(Number)
      slots.set(Number(flat[at]), {
        owner: owner!,
        inHand: inHand!,
        held: held!,
        retrying: retrying!,
        draining: draining!,
      })
    }
    return {
      cursor: place(cursor),
      reach: place(reach),
      waiting: Number(waiting),
      parked: Number(parked),
      suspects: Number(suspects),
      keys: Number(keys),
      lastConsumer: Number(lastConsumer),
      single: Number(single),
      slots,
    }
  }

  encodeLease(key: Uint8Array, lease: Lease): Uint8Array {
    const { leaseMs, renewals, renewedAtMs, since, bufferSize, finishedPerSecond } = lease
    return sealed(
      this.#keys.relative(key),
      pack([leaseMs, renewals, Math.floor(renewedAtMs), since, bufferSize, Math.round(finishedPerSecond)]),
    )
  }

  /** @throws CorruptionError */
  decodeLease(key: Uint8Array, value: Uint8Array, isStream: boolean): Lease {
    const flat = this.#integers(key, value, 'The lease of a consumer')
    const [leaseMs, renewals, renewedAtMs, since, bufferSize, finishedPerSecond] = flat
    return {
      leaseMs: Number(leaseMs),
      renewals: Number(renewals),
      renewedAtMs: Number(renewedAtMs),
      since: isStream ? Number(since) : BigInt(since ?? 0),
      bufferSize: Number(bufferSize),
      finishedPerSecond: Number(finishedPerSecond),
    }
  }

  encodeHand(key: Uint8Array, items: readonly Item[]): Uint8Array {
    const body = new Uint8Array(items.length * ITEM_BYTES)
    const view = new DataView(body.buffer)
    for (const [at, item] of items.entries()) writeItem(view, at * ITEM_BYTES, item)
    return sealed(this.#keys.relative(key), body)
  }

  /** @throws CorruptionError */
  decodeHand(key: Uint8Array, value: Uint8Array, isStream: boolean): Item[] {
    const body = unsealed(this.#keys.relative(key), value, 'The hand of a consumer')
    const view = new DataView(body.buffer, body.byteOffset, body.length)
    const items: Item[] = []
    for (let at = 0; at + ITEM_BYTES <= body.length; at += ITEM_BYTES)
      items.push(readItem(view, at, isStream))
    return items
  }

  encodeRetry(key: Uint8Array, retry: Retry): Uint8Array {
    const { retries, key: pinnedBy, counts, reason } = retry
    return sealed(this.#keys.relative(key), pack([retries, pinnedBy, counts, reason]))
  }

  /** @throws CorruptionError */
  decodeRetry(key: Uint8Array, value: Uint8Array): Retry {
    const [retries, pinnedBy, counts, reason] = unpack(
      unsealed(this.#keys.relative(key), value, 'A retry of a subscription'),
    )
    return {
      retries: Number(retries),
      key: BigInt(pinnedBy as number),
      counts: counts === true,
      reason: String(reason),
    }
  }

  encodeWaiting(key: Uint8Array, { retries, key: pinnedBy, isSuspect = false }: Waiting): Uint8Array {
    return sealed(this.#keys.relative(key), pack([retries, pinnedBy, isSuspect ? 1 : 0]))
  }

  /** @throws CorruptionError */
  decodeWaiting(key: Uint8Array, value: Uint8Array): Required<Waiting> {
    const [retries, pinnedBy, isSuspect] = this.#integers(key, value, 'An event that a subscription holds')
    return { retries: Number(retries), key: BigInt(pinnedBy ?? 0), isSuspect: isSuspect === 1 }
  }

  encodeKey(key: Uint8Array, { head, state, behind }: KeyRow): Uint8Array {
    return sealed(this.#keys.relative(key), pack([head, KEY_STATES.indexOf(state), behind]))
  }

  /** @throws CorruptionError */
  decodeKey(key: Uint8Array, value: Uint8Array, isStream: boolean): KeyRow {
    const [head, state, behind] = this.#integers(key, value, 'A key of a subscription')
    return {
      head: isStream ? Number(head) : BigInt(head ?? 0),
      state: KEY_STATES[Number(state)]!,
      behind: Number(behind),
    }
  }

  encodeParked(key: Uint8Array, parked: Parked): Uint8Array {
    const { reason, atMs, retries, key: pinnedBy, keyText } = parked
    return sealed(
      this.#keys.relative(key),
      pack([reason, Math.floor(atMs), retries, pinnedBy, keyText ?? null]),
    )
  }

  /** @throws CorruptionError */
  decodeParked(key: Uint8Array, value: Uint8Array): Parked {
    const [reason, atMs, retries, pinnedBy, keyText] = unpack(
      unsealed(this.#keys.relative(key), value, 'A parked event'),
    )
    return {
      reason: String(reason),
      atMs: Number(atMs),
      retries: Number(retries),
      key: BigInt(pinnedBy as number),
      keyText: typeof keyText === 'string' ? keyText : undefined,
    }
  }

  #integers(key: Uint8Array, value: Uint8Array, what: string): readonly (number | bigint)[] {
    const tuple = unpack(unsealed(this.#keys.relative(key), value, what))
    if (tuple.every((element) => typeof element === 'number' || typeof element === 'bigint')) {
      return tuple as readonly (number | bigint)[]
    }
    throw new CorruptionError(`${what} is damaged`, { key })
  }
}

const KEY_STATES: readonly KeyRow['state'][] = ['retrying', 'parked', 'done']

/** Place, key, retries, marks. */
const ITEM_BYTES = 8 + 8 + 4 + 1
const ALONE = 1
const COUNTED = 2
const HEAD = 4

function writeItem(view: DataView, at: number, item: Item): void {
  view.setBigUint64(at, BigInt(item.place))
  view.setBigUint64(at + 8, item.key)
  view.setUint32(at + 16, item.retries)
  view.setUint8(
    at + 20,
    (item.isAlone ? ALONE : 0) | (item.isCounted ? COUNTED : 0) | (item.isHead ? HEAD : 0),
  )
}

function readItem(view: DataView, at: number, isStream: boolean): Item {
  const place = view.getBigUint64(at)
  const marks = view.getUint8(at + 20)
  return {
    place: isStream ? Number(place) : place,
    key: view.getBigUint64(at + 8),
    retries: view.getUint32(at + 16),
    isAlone: (marks & ALONE) !== 0,
    isCounted: (marks & COUNTED) !== 0,
    isHead: (marks & HEAD) !== 0,
  }
}
