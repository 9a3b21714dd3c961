import type { ReadTransaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeNumber } from '../store/small-values.ts'
import { headOf, numberOf } from '../store/stream-rows.ts'
import type { Complain, GroupTally, SlotCounts } from './group-check-tally.ts'
import { decodeGroupNumber, nameKey } from './group-names.ts'
import type { Control, KeyRow, Ledger } from './group-rows.ts'

/** What is judged: the rows of a group, all read from one snapshot. */
interface Case {
  readonly tally: GroupTally
  readonly ledger: Ledger
  readonly complain: Complain
}

/**
 * Judges whether the rows of a group fit each other, as far as they are known: see "Invariants" in `docs/subscriptions.md`. They must all have
 * been read from `tx`.
 */
export async function judgeGroup(
  tx: ReadTransaction,
  keys: Keyspace,
  number: number,
  tally: GroupTally,
  complain: Complain,
): Promise<void> {
  const { control, ledger } = tally
  if (!tally.knows('control', 'ledger')) return
  if (control === undefined || ledger === undefined) {
    const missing = control === undefined ? 'does not say what it is' : 'has no ledger'
    return complain('group-wrong', missing)
  }
  const judged = { tally, ledger, complain }
  await judgeName(tx, keys, number, control, complain)
  await judgePlaces(tx, keys, control, ledger, complain)
  judgeKind(judged, control)
  judgeConsumers(judged)
  judgeCounts(judged)
  judgeSlots(judged)
  for (const [key, row] of tally.keyRows) judgeKey(judged, key, row)
  judgeBehind(judged)
}

async function judgeName(
  tx: ReadTransaction,
  keys: Keyspace,
  number: number,
  { kind, source, name }: Control,
  complain: Complain,
): Promise<void> {
  const key = await nameKey(keys, kind, source, name)
  const row = await tx.get(key)
  // One that is damaged is noticed where names are looked at.
  const isSealed = row === undefined || isWhole(() => decodeGroupNumber(keys, key, row))
  if (isSealed && (row === undefined || decodeGroupNumber(keys, key, row) !== number)) {
    complain('group-nameless', 'cannot be found by its name')
  }
  const last = await tx.get(keys.groupNumber)
  if (last !== undefined && !isWhole(() => decodeNumber(last, ''))) return
  if (last === undefined || number > decodeNumber(last, '')) {
    complain('group-number-wrong', `has the number ${number}, which was never given out`)
  }
}

function isWhole(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch {
    return false
  }
}

async function judgePlaces(
  tx: ReadTransaction,
  keys: Keyspace,
  { source }: Control,
  { cursor, reach }: Ledger,
  complain: Complain,
): Promise<void> {
  const end = await endOfSource(tx, keys, source)
  if (cursor <= reach && reach <= end) return
  const message = `has its cursor at ${cursor} and was at ${reach}, but its source ends at ${end}`
  complain('group-place-wrong', message, BigInt(cursor))
}

async function endOfSource(tx: ReadTransaction, keys: Keyspace, source: SourceName): Promise<bigint> {
  if (source.kind !== 'stream') return positionOf(await tx.readHorizon())
  const number = await numberOf(tx, keys, source.streamId)
  const head = number === undefined ? undefined : await headOf(tx, keys, number)
  return BigInt(head?.version ?? 0)
}

/** What is done with when it is given out never waits, and only pinned groups know keys. */
function judgeKind({ tally, complain }: Case, { kind }: Control): void {
  const { counts, hands, keyRows, behind, drains } = tally
  if (kind === 'volatile' && hands.size + counts.suspect + counts.retry + counts.parked > 0) {
    complain('group-row-wrong', 'is volatile, but has events that are not done')
  }
  if (!tally.isPinned && counts.held + keyRows.size + behind.size + drains.size > 0) {
    complain('group-row-wrong', 'is not pinned, but has rows about keys')
  }
}

function judgeConsumers({ tally, ledger, complain }: Case): void {
  const { consumers, hands } = tally
  if (!tally.knows('consumer', 'hand')) return
  for (const consumer of hands) {
    if (consumers.has(consumer)) continue
    complain('group-hand-orphaned', `has events in the hand of consumer ${consumer}, which has no lease`)
  }
  const last = Math.max(0, ...consumers)
  if (last > ledger.lastConsumer) {
    complain('group-count-wrong', `has a consumer ${last}, but the last was ${ledger.lastConsumer}`)
  }
  const owners = [ledger.single, ...[...ledger.slots.values()].map(({ owner }) => owner)]
  const stranger = owners.find((owner) => owner !== 0 && !consumers.has(owner))
  if (stranger === undefined) return
  complain('group-row-wrong', `has something that belongs to consumer ${stranger}, which has no lease`)
}

function judgeCounts({ tally, ledger, complain }: Case): void {
  const { counts, keyRows, behind } = tally
  const compare = (what: string, counted: number, found: number): void => {
    if (counted === found) return
    complain('group-count-wrong', `counts ${counted} ${what}, but has rows of ${found}`)
  }
  const parkedKeys = [...keyRows].filter(([, { state }]) => state === 'parked').map(([key]) => key)
  const behindParked = sum(parkedKeys.map((key) => behind.get(key) ?? 0))
  const behindOthers = sum([...behind.values()]) - behindParked
  const { suspect, retry, held, parked } = counts
  if (tally.knows('suspect')) compare('suspects', ledger.suspects, suspect)
  if (tally.knows('key')) compare('keys in trouble', ledger.keys, keyRows.size)
  if (tally.knows('suspect', 'retry', 'held', 'key', 'behind')) {
    compare('waiting events', ledger.waiting, suspect + retry + held + behindOthers)
  }
  if (tally.knows('key', 'behind', 'parked')) compare('parked events', ledger.parked, parked + behindParked)
}

function judgeSlots({ tally, ledger, complain }: Case): void {
  const known: readonly (keyof SlotCounts)[] = [
    ...(tally.knows('hand') ? (['inHand'] as const) : []),
    ...(tally.knows('suspect', 'retry') ? (['retrying'] as const) : []),
    ...(tally.knows('held') ? (['held'] as const) : []),
    ...(tally.knows('drain') ? (['draining'] as const) : []),
  ]
  for (const number of new Set([...ledger.slots.keys(), ...tally.slots.keys()])) {
    const [counted, found] = [ledger.slots.get(number), tally.slots.get(number)]
    const wrong = known.find((what) => (counted?.[what] ?? 0) !== (found?.[what] ?? 0))
    if (wrong === undefined) continue
    const message = `counts ${counted?.[wrong] ?? 0} as "${wrong}" in slot ${number}, but has rows of ${found?.[wrong] ?? 0}`
    complain('group-count-wrong', message)
  }
}

/** A key in trouble: its head is where its state says, and as many events are behind it. */
function judgeKey({ tally, complain }: Case, key: bigint, { head, state, behind }: KeyRow): void {
  const found = tally.behind.get(key) ?? 0
  if (tally.knows('behind') && found !== behind) {
    const message = `has ${found} events behind the one at ${head}, but counts ${behind}`
    complain('group-key-wrong', message, BigInt(head))
  }
  if (tally.knows('drain') && (state === 'done') !== tally.drains.has(key)) {
    const message = `has a key with its head at ${head} that is ${state}, but ${state === 'done' ? 'not ' : ''}marked as done`
    complain('group-key-wrong', message, BigInt(head))
  }
  if (isHeadThere(tally, key, { head, state, behind })) return
  complain('group-key-wrong', `has a key whose head at ${head} should be ${state}, but is not`, BigInt(head))
}

/** Whether the head of a key is where its state says, as far as is known. */
function isHeadThere(tally: GroupTally, key: bigint, { head, state, behind }: KeyRow): boolean {
  const found = tally.places.get(BigInt(head))
  const isOfKey = found?.key === key
  switch (state) {
    case 'retrying':
      return (
        !tally.knows('hand', 'suspect', 'retry') ||
        (isOfKey && (found.kind === 'hand' || found.kind === 'suspect' || found.kind === 'retry'))
      )
    case 'parked':
      return !tally.knows('parked') || (isOfKey && found.kind === 'parked')
    case 'done':
      return behind > 0
    default:
      return state satisfies never
  }
}

/** What is behind a head, and marked as such, has a key row. */
function judgeBehind({ tally, complain }: Case): void {
  if (!tally.knows('key', 'behind')) return
  for (const key of new Set([...tally.behind.keys(), ...tally.drains])) {
    if (tally.keyRows.has(key)) continue
    const count = tally.behind.get(key) ?? 0
    complain('group-key-wrong', `has ${count} events behind the head of a key of which nothing else is known`)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0)
}
