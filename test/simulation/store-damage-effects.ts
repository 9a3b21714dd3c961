import type { IndexName } from 'eventdb'
import { positionOf } from '../../src/kv/stamp.ts'
import { decodeKeyResult, isPlaceOfResult } from '../../src/store/key-results.ts'
import { decodeNumber } from '../../src/store/small-values.ts'
import { groupRowPlace } from '../../src/subscription/group-check-row.ts'
import { type Damage, spaceOf } from './store-damaging.ts'
import { type StoreRead, TOMBSTONED } from './store-reads.ts'
import { type TrueStream, type Truth, USER } from './store-truth.ts'

/** What of an event, a snapshot, or the lack of both is compared. */
export interface Item {
  readonly streamId: string
  readonly version: number
  readonly position: string
  readonly link?: Item
}

/** What no reader can see of a damage. Everything else must come out as it is, or not at all. */
export interface Effects {
  /** What a read may yield that it should not. */
  mayCome(read: StoreRead, item: Item, text: string): boolean
  /** What a read may lack without complaint. */
  mayLack(read: StoreRead, item: Item): boolean
}

const NONE: Effects = { mayCome: () => false, mayLack: () => false }

/** How many groups there are, and the number of the one with hands that is not pinned: see `writeGroups`. */
const GROUPS = 3
const UNPINNED = 1

const INDEXES: Readonly<Record<number, IndexName>> = { 10: 'category', 11: 'type', 12: 'tag' }

/** What a damage may do to reads. These are all the exceptions that there are. */
export function effectsOf(damage: Damage, truth: Truth): Effects {
  const space = spaceOf(damage.row, truth.prefixLength)
  if (INDEXES[space] !== undefined) return effectsOnIndex(damage, truth)
  if (damage.kind === 'value') return NONE
  switch (space) {
    case 1:
      return effectsOnLog(damage, truth)
    case 3:
      return effectsOnName(damage, truth)
    case 4:
      return effectsOnStream(damage, truth)
    case 9:
      return effectsOnLife(damage, truth)
    case 15:
      return effectsOnSnapshot(damage, truth)
    default:
      return NONE
  }
}

/**
 * The log is what everything leads to, and nothing leads to all of it but its own order. So who reads the log misses an event that was lost, or
 * moved to where the read does not come. Whoever comes from a stream or an index sees it, and whoever comes to a moved row.
 */
function effectsOnLog({ row }: Damage, { keys }: Truth): Effects {
  const position = String(positionOf(keys.stampOfLogKey(row.key)))
  return { ...NONE, mayLack: (read, item) => read.through === 'log' && ownPlace(item).position === position }
}

/** A stream without its name does not exist. */
function effectsOnName({ row }: Damage, { keys }: Truth): Effects {
  const streamId = keys.streamIdOfName(row.key)
  return { ...NONE, mayLack: (read) => read.streamId === streamId }
}

/**
 * The end of a stream is known by its last row only: without that, the stream ends before. Where retention counts from the end, one event more is
 * readable then, and with a row too many behind the end there are fewer.
 */
function effectsOnStream(damage: Damage, truth: Truth): Effects {
  const rows = damage.now === undefined ? [damage.row] : [damage.row, damage.now]
  const places = rows.flatMap((row) => placeOf(row.key, truth) ?? [])
  const [lost] = places
  const counted = places.map(({ stream }) => stream).filter(({ life }) => life.maxCount !== undefined)
  const isOfCounted = ({ streamId }: Item): boolean => counted.some((stream) => stream.streamId === streamId)
  return {
    mayLack: (read, item) => {
      const { streamId, version } = ownPlace(item)
      const isEnd = lost !== undefined && streamId === lost.stream.streamId && version === lost.stream.head
      return (read.through === 'stream' && isEnd && lost.version === version) || isOfCounted(item)
    },
    mayCome: (_, item, text) => isOfCounted(item) && truth.events.has(text),
  }
}

/** What a stream hides is known by its life only: without that, it comes out, and can be built upon. */
function effectsOnLife({ row }: Damage, { keys, streams, events, snapshots }: Truth): Effects {
  const stream = streams.get(keys.numberOfLifeKey(row.key))!
  return {
    mayLack: (read, item) => read.streamId === stream.streamId && JSON.stringify(item) === TOMBSTONED,
    mayCome: (read, item, text) =>
      (read.through === 'snapshots' && read.streamId === stream.streamId && snapshots.has(text)) ||
      (item.streamId === stream.streamId && events.has(withoutLink(text))),
  }
}

/** Who comes by an index misses what its rows do not lead to; or what they say is in a stream that hides it, as that is not looked at. */
function effectsOnIndex({ row }: Damage, { keys }: Truth): Effects {
  const position = String(positionOf(keys.stampAtEnd(row.key)))
  return {
    ...NONE,
    mayLack: (read, item) => read.through === 'index' && ownPlace(item).position === position,
  }
}

/** Nobody knows of a snapshot but its rows; the one before it is as good. */
function effectsOnSnapshot({ row }: Damage, { keys, streams, snapshots }: Truth): Effects {
  const { number, version } = keys.snapshots.placeOf(row.key)
  const { streamId } = streams.get(number)!
  const isOf = (read: StoreRead): boolean => read.through === 'snapshots' && read.streamId === streamId
  return {
    mayLack: (read, item) => isOf(read) && item.version === version,
    mayCome: (read, item, text) => isOf(read) && item.version < version && snapshots.has(text),
  }
}

/** Whether a damage is one that `check` cannot find. */
export function isUnseen(damage: Damage, truth: Truth): boolean {
  const { kind, row, now } = damage
  const { keys, streams } = truth
  // A row that was moved among the caller's own keys is lost to the store.
  const isGone = kind === 'key' && spaceOf(now!, truth.prefixLength) === USER
  switch (`${isGone ? 'drop' : kind} ${spaceOf(row, truth.prefixLength)}`) {
    case 'value 4': {
      // The end of a stream whose event is gone: what it led to is gone, too.
      const { stream, version } = placeOf(row.key, truth)!
      return version <= (stream.life.scavengedTo ?? 0)
    }
    case 'value 7':
      // Numbers that are left out, or were set aside for a process that has ended.
      return numberIn(now!.value) > Math.max(...streams.keys())
    case 'drop 9':
      // A life that says nothing, as of a stream that was restored, is the same as none.
      return Object.keys(streams.get(keys.numberOfLifeKey(row.key))!.life).length === 0
    case 'value 13':
      return isUnseenInResult(damage, truth)
    case 'key 14':
      // Only the time counts by which a key expires; the rest of the stamp tells two uses of it from each other.
      return isSamePlace(damage, truth)
    case 'drop 15':
      // A snapshot of one piece. It is made again when it is missed.
      return piecesOf(damage, truth) === 1
    case 'drop 18':
      return isUnseenInGroup(damage, truth)
    case 'key 18':
      // A bell that was moved to another group, or to where it is none.
      return groupRowPlace(keys, now!.key)?.kind === 'bell' && isUnseenInGroup(damage, truth)
    case 'value 19':
      // Numbers of groups that are left out.
      return numberIn(now!.value) >= GROUPS
    default:
      return false
  }
}

/** A bell says nothing, and what is in the hands of a group that is not pinned is not counted. */
function isUnseenInGroup({ row }: Damage, { keys }: Truth): boolean {
  const { kind, group } = groupRowPlace(keys, row.key)!
  return kind === 'bell' || (kind === 'hand' && group === UNPINNED)
}

/** The stamp of a result is checked by the event that it leads to, and for the time by its place in the order of expiry. */
function isUnseenInResult({ row, now }: Damage, { keys, rows, streams }: Truth): boolean {
  const sealedFrom = 12
  if (now!.value.subarray(sealedFrom).some((byte, at) => byte !== row.value[sealedFrom + at])) return false
  const { streamId, lastVersion = 0, position } = decodeKeyResult(keys, row.key, row.value)
  const stream = [...streams.values()].find((other) => other.streamId === streamId)
  const isThere = position === 'here' && lastVersion > (stream?.life.scavengedTo ?? 0)
  if (isThere) return false
  const { idempotencyKey, part } = keys.keyResults.placeOfPart(row.key)
  const expiry = rows.find(({ key }) => {
    if (spaceOf({ key, value: key }, keys.root.prefix.length) !== 14) return false
    return keys.keyResults.placeOfExpiry(key).idempotencyKey === idempotencyKey
  })
  const { stamp } = keys.keyResults.placeOfExpiry(expiry!.key)
  return part > 0 || isPlaceOfResult(stamp, now!.value)
}

function isSamePlace({ row, now }: Damage, { keys, rows }: Truth): boolean {
  const { idempotencyKey } = keys.keyResults.placeOfExpiry(row.key)
  const first = Buffer.from(keys.keyResults.part(idempotencyKey, 0))
  const { value } = rows.find(({ key }) => first.equals(key))!
  try {
    const moved = keys.keyResults.placeOfExpiry(now!.key)
    return moved.idempotencyKey === idempotencyKey && isPlaceOfResult(moved.stamp, value)
  } catch {
    return false
  }
}

function piecesOf({ row }: Damage, { keys, rows }: Truth): number {
  const place = keys.snapshots.placeOf(row.key)
  const { begin, end } = keys.snapshots.range(place, place.version, place.version)
  return rows.filter(({ key }) => Buffer.compare(key, begin) >= 0 && Buffer.compare(key, end) < 0).length
}

/** The stream and the version in a key, if it is one. */
function placeOf(
  key: Uint8Array,
  { keys, streams }: Truth,
): { readonly stream: TrueStream; readonly version: number } | undefined {
  try {
    const { number, version } = keys.placeOfStreamKey(key)
    const stream = streams.get(number)
    return stream && { stream, version }
  } catch {
    return undefined
  }
}

/** Where an item was found: by a link, the place of that. */
function ownPlace(item: Item): Item {
  return item.link ?? item
}

function withoutLink(text: string): string {
  const { link: _, ...event } = JSON.parse(text)
  return JSON.stringify(event)
}

function numberIn(value: Uint8Array): number {
  try {
    return decodeNumber(value, 'A number')
  } catch {
    return Number.NaN
  }
}
