import assert from 'node:assert/strict'
import type { Commit, ReadTransaction, Transaction, TransactionalStore } from '../../src/kv/index.ts'
import { bytes, contents, everything, hex, hole, listing, range, text } from '../../src/testing/kv/laws.ts'

/**
 * Transactions that note what they read and wrote, and the check that their history is serialisable: replayed
 * in the order of their commits against a plain map, each must read exactly what it really read.
 */

type State = Map<string, string>

/** One thing that a transaction did. `run` does it to a map and returns what a read of it would have returned. */
interface Step {
  readonly describe: string
  /** What the real read returned; `undefined` for writes. */
  readonly saw?: string
  /** Whether the read counts for conflicts; others need only be right at the read version. */
  readonly isSnapshotRead?: boolean
  run(state: State): string | undefined
}

/** A transaction that committed. */
export interface CommittedTrace extends ReadTrace {
  readonly commit: Commit
  /** Its stamp, if it wrote one, in hexadecimal digits. */
  readonly stamp: string | undefined
}

/** What a transaction did, on the snapshot of which commit. */
export interface ReadTrace {
  readonly readVersion: number | undefined
  readonly steps: readonly Step[]
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']
/** Prefixes of listed stamped keys. Nothing clears them, as a join promises nothing about that. */
const INDEXES = ['x', 'xy', 'z']
const STEPS_MAX = 6
let values = 0

/** Runs one random transaction, with a pause before each step, and notes it in the history once it commits. */
export async function tracedTransaction(
  kv: TransactionalStore,
  random: () => number,
  pause: () => Promise<void>,
  history: { readonly commits: CommittedTrace[]; readonly reads: ReadTrace[] },
): Promise<void> {
  if (random() < 0.2) {
    const trace = await kv.readTransact((tx) => traceReads(tx, random, pause))
    history.reads.push(trace)
    return
  }
  const plan = Array.from({ length: 1 + Math.floor(random() * STEPS_MAX) }, () => random())
  await kv.transact(async (tx) => {
    const steps: Step[] = []
    let readVersion: number | undefined
    for (const choice of plan) {
      await pause()
      const step = await takeStep(tx, choice, random)
      if (step.saw !== undefined) readVersion ??= await tx.readVersion()
      steps.push(step)
    }
    const stamped = random() < 0.4 ? stampSomething(tx, random) : undefined
    const isWriting = stamped !== undefined || steps.some((step) => step.saw === undefined)
    await pause()
    tx.afterCommit((commit) => {
      if (!isWriting) return void history.reads.push({ readVersion, steps })
      if (stamped !== undefined) steps.push(stamped(commit))
      const stamp = stamped === undefined ? undefined : hex(commit.stamp(1))
      history.commits.push({ readVersion, steps, commit, stamp })
    })
  })
}

/** Checks all that a schedule did, and that both stores now hold what the replay comes to. */
export async function assertSerialisable(
  commits: readonly CommittedTrace[],
  reads: readonly ReadTrace[],
  stores: readonly TransactionalStore[],
): Promise<void> {
  const stamps = commits.map(({ stamp }) => stamp).filter((stamp) => stamp !== undefined)
  assert.deepEqual(stamps, [...new Set(stamps)].sort(), 'stamps increase in the order of commits')
  const states = new Map<number, State>([[0, new Map()]])
  let state: State = new Map()
  let version = 0
  for (const trace of commits) {
    assert.ok(trace.commit.version >= version, 'versions increase in the order of callbacks')
    version = trace.commit.version
    state = replay(trace.steps, state, `at its commit ${version}`, (step) => step.isSnapshotRead !== true)
    states.set(version, state)
  }
  for (const trace of [...commits, ...reads]) {
    if (trace.readVersion === undefined) continue
    const seen = states.get(trace.readVersion)
    assert.ok(seen !== undefined, `version ${trace.readVersion} was committed`)
    replay(trace.steps, seen, `in its snapshot ${trace.readVersion}`, () => true)
  }
  for (const kv of stores) assert.equal(await contents(kv), show(state))
}

function replay(steps: readonly Step[], before: State, when: string, counts: (step: Step) => boolean): State {
  const state = new Map(before)
  for (const step of steps) {
    const expected = step.run(state)
    if (step.saw !== undefined && counts(step)) assert.equal(step.saw, expected, `${step.describe} ${when}`)
  }
  return state
}

async function traceReads(
  tx: ReadTransaction,
  random: () => number,
  pause: () => Promise<void>,
): Promise<ReadTrace> {
  const steps: Step[] = []
  for (let count = 0; count < 3; count += 1) {
    steps.push(await (random() < 0.5 ? getStep(tx, random) : rangeStep(tx, random)))
    await pause()
  }
  return { readVersion: await tx.readVersion(), steps }
}

async function takeStep(tx: Transaction, choice: number, random: () => number): Promise<Step> {
  if (choice < 0.25) return getStep(tx, random)
  if (choice < 0.5) return rangeStep(tx, random)
  if (choice < 0.6) return joinStep(tx, random)
  if (choice < 0.66) return { ...(await rangeStep(tx.snapshot, random)), isSnapshotRead: true }
  if (choice < 0.84) return setStep(tx, random)
  if (choice < 0.93) return clearStep(tx, random)
  return clearRangeStep(tx, random)
}

async function getStep(tx: Pick<ReadTransaction, 'get'>, random: () => number): Promise<Step> {
  const key = pick(random)
  const saw = text(await tx.get(bytes(key))) ?? 'nothing'
  return { describe: `get ${key}`, saw, run: (state) => state.get(key) ?? 'nothing' }
}

async function rangeStep(tx: Pick<ReadTransaction, 'getRange'>, random: () => number): Promise<Step> {
  const [begin, end] = random() < 0.3 ? ['', '\xff'] : [pick(random), pick(random)]
  const options = { limit: 1 + Math.floor(random() * 4), reverse: random() < 0.5 }
  const saw = listing(await tx.getRange(range(begin, end), options).toArray())
  const run = (state: State): string => {
    const rows = within(state, begin, end).map((key) => `${key}=${state.get(key)}`)
    if (options.reverse) rows.reverse()
    return rows.slice(0, options.limit).join(' ')
  }
  return { describe: `range ${begin}..${end} ${JSON.stringify(options)}`, saw, run }
}

/** Reads which stamps stand in all of some sets of indexes: by snapshot reads, and with the join as its only conflict. */
async function joinStep(tx: Transaction, random: () => number): Promise<Step> {
  const sets = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const prefix = pick(random, INDEXES)
    return random() < 0.3 ? [prefix, pick(random, INDEXES)] : [prefix]
  })
  const rows = await tx.snapshot.getRange(range('x', '{')).toArray()
  const saw = joined(
    sets,
    rows.map(({ key }) => text(key)),
  )
  tx.addReadConflictJoin(sets.map((prefixes) => prefixes.map(bytes)))
  return { describe: `join ${JSON.stringify(sets)}`, saw, run: (state) => joined(sets, [...state.keys()]) }
}

function setStep(tx: Transaction, random: () => number): Step {
  values += 1
  const [key, value] = [pick(random), String(values)]
  tx.set(bytes(key), bytes(value))
  return { describe: `set ${key}`, run: (state) => void state.set(key, value) }
}

function clearStep(tx: Transaction, random: () => number): Step {
  const key = pick(random)
  tx.clear(bytes(key))
  return { describe: `clear ${key}`, run: (state) => void state.delete(key) }
}

function clearRangeStep(tx: Transaction, random: () => number): Step {
  const [begin, end] = [pick(random), pick(random)]
  tx.clearRange(range(begin, end))
  const run = (state: State): undefined => {
    for (const key of within(state, begin, end)) state.delete(key)
  }
  return { describe: `clear ${begin}..${end}`, run }
}

/** Adds keys that hold its stamps, some of them listed in indexes; what they are shows only at the commit. */
function stampSomething(tx: Transaction, random: () => number): (commit: Commit) => Step {
  tx.setStampedKey(bytes(`c${text(hole(1))}`), 1, bytes('s'))
  const listed = INDEXES.filter(() => random() < 0.5).map(
    (prefix) => [prefix, random() < 0.3 ? 0 : 1] as const,
  )
  for (const [prefix, userVersion] of listed)
    tx.setStampedKey(bytes(prefix + text(hole(userVersion))), prefix.length, bytes('s'), { listed: true })
  return (commit) => {
    const keys = [['c', 1] as const, ...listed].map(([prefix, at]) => prefix + text(commit.stamp(at)))
    const run = (state: State): undefined => {
      for (const key of keys) state.set(key, 's')
    }
    return { describe: 'stamped keys', run }
  }
}

/** The stamps with a key below a prefix of each set. */
function joined(sets: readonly (readonly string[])[], keys: readonly string[]): string {
  const isThere = new Set(keys)
  const stamps = [...new Set(keys.map((key) => key.slice(-12)))].sort()
  return stamps
    .filter((stamp) => sets.every((prefixes) => prefixes.some((prefix) => isThere.has(prefix + stamp))))
    .join(' ')
}

function pick(random: () => number, from: readonly string[] = KEYS): string {
  return from[Math.floor(random() * from.length)]!
}

function within(state: State, begin: string, end: string): string[] {
  return [...state.keys()].filter((key) => key >= begin && key < end).sort()
}

function show(state: State): string {
  return within(state, text(everything.begin), text(everything.end))
    .map((key) => `${key}=${state.get(key)}`)
    .join(' ')
}
