import assert from 'node:assert/strict'
import { ConflictError } from '../../errors.ts'
import type { Capabilities, KeyValueStore, Transaction, Watch } from '../../kv/contract.ts'
import type { KeyRange, Row } from '../../kv/rows.ts'
import { systemRuntime } from '../../runtime.ts'
import type { SimulatedRuntime } from '../simulated-runtime.ts'

/** What a law is tried on: a fresh, empty store. */
export interface Scene {
  readonly kv: KeyValueStore
  /** Closes the store and opens it again. For laws that need `durable`. */
  reopen(): Promise<KeyValueStore>
  /** Opens the store once more, as another process would. For laws that need `multiProcess`. */
  second(): Promise<KeyValueStore>
  /** A number in [0, 1), the same in each run. */
  random(): number
}

/** A scene on virtual time, which passes while the law waits. */
export interface SimulatedScene extends Scene {
  readonly runtime: SimulatedRuntime
}

/** How the files of this folder state their laws. */
export interface Laws {
  /** States a law for all stores, or for those with a capability. */
  law(name: string, check: (scene: Scene) => Promise<void>, needs?: keyof Capabilities): void
  /** States a law about time. */
  simulatedLaw(
    name: string,
    check: (scene: SimulatedScene) => Promise<void>,
    needs?: keyof Capabilities,
  ): void
}

/** A transaction's body in a law. */
export type Body = (tx: Transaction) => unknown

/** One byte a character, U+0000 to U+00FF. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** The reverse of `bytes`. */
export function text(value: Uint8Array): string
export function text(value: Uint8Array | undefined): string | undefined
export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString('latin1')
}

/** The range of keys from `begin` up to, but without, `end`. */
export function range(begin: string, end: string): KeyRange {
  return { begin: bytes(begin), end: bytes(end) }
}

/** All keys that callers may use. */
export const everything: KeyRange = range('', '\xff')

/** Rows as one line: `a=1 b=2`. */
export function listing(rows: readonly Row[]): string {
  return rows.map(({ key, value }) => `${text(key)}=${text(value)}`).join(' ')
}

/** Reads one key of the newest state. */
export async function valueAt(kv: KeyValueStore, key: string): Promise<string | undefined> {
  return kv.readTransact(async (tx) => text(await tx.get(bytes(key))))
}

/** Lists all rows of the newest state, or those of a part of it. */
export async function contents(
  kv: Pick<KeyValueStore, 'readTransact'>,
  of: KeyRange = everything,
): Promise<string> {
  return kv.readTransact(async (tx) => listing(await tx.getRange(of).toArray()))
}

/** Sets keys, given as `a=1 b=2`, in one transaction. */
export async function put(kv: KeyValueStore, rows: string): Promise<void> {
  await kv.transact((tx) => setAll(tx, rows))
}

/** Sets keys, given as `a=1 b=2`. */
export function setAll(tx: Transaction, rows: string): void {
  for (const row of rows.split(' ')) {
    const [key, value] = row.split('=')
    tx.set(bytes(key!), bytes(value ?? ''))
  }
}

/** Sets `count` keys `prefix` + 4 digits, numbered from 0, to the digits. */
export async function putMany(kv: KeyValueStore, prefix: string, count: number): Promise<void> {
  await kv.transact((tx) => {
    for (let number = 0; number < count; number += 1)
      tx.set(bytes(prefix + digits(number)), bytes(digits(number)))
  })
}

/** A number as 4 digits. */
export function digits(number: number): string {
  return String(number).padStart(4, '0')
}

/**
 * Whether a transaction conflicts that does `reads`, while another one commits `meanwhile`. It writes a key of its own,
 * which no law reads, as only transactions that write can conflict.
 */
export async function conflicts(
  kv: KeyValueStore,
  reads: Body,
  meanwhile: Body,
  other: KeyValueStore = kv,
): Promise<boolean> {
  const outcome = kv.transact(
    async (tx) => {
      await reads(tx)
      await other.transact(async (theirs) => void (await meanwhile(theirs)))
      tx.set(bytes('\xfe\xfe'), new Uint8Array(0))
    },
    { attemptsMax: 1 },
  )
  return outcome.then(
    () => false,
    (error: unknown) => {
      assert.ok(error instanceof ConflictError, String(error))
      return true
    },
  )
}

/** 12 bytes to be replaced by a stamp with this user version. */
export function hole(userVersion = 0): Uint8Array {
  const stamp = new Uint8Array(12)
  new DataView(stamp.buffer).setUint16(10, userVersion)
  return stamp
}

/** Commits one stamped value, and returns its stamp in hexadecimal digits, which order as stamps do. */
export async function takeStamp(kv: KeyValueStore, userVersion = 0): Promise<string> {
  let stamp = ''
  await kv.transact((tx) => {
    tx.setStampedValue(bytes('stamped'), hole(userVersion), 0)
    tx.afterCommit((commit) => {
      stamp = hex(commit.stamp(userVersion))
    })
  })
  return stamp
}

/** Bytes in hexadecimal digits. */
export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

/** Whether a watch has fired by now. */
export async function hasFired(watch: Watch): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => {
    systemRuntime.defer(() => resolve(false))
  })
  return Promise.race([watch.fired.then(() => true), later])
}

/** A promise that is resolved from outside. */
export interface Gate {
  readonly passed: Promise<void>
  open(): void
}

/** Makes a gate, to hold a transaction's body where a law wants it. */
export function gate(): Gate {
  let open = (): void => {}
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open: () => open() }
}
