import { FormatError } from '../errors.ts'
import type { KeyValueStore } from '../kv/contract.ts'
import type { Keyspace } from './keyspace.ts'

/** The format that this version reads and writes. */
export const FORMAT = 1

/** What a store says of itself. Another number, or a feature that is not known here, and the store is left alone. */
interface FormatRecord {
  readonly format: number
  /** Names of everything that changes what writers must do. None so far. */
  readonly features: readonly string[]
}

const CURRENT: FormatRecord = { format: FORMAT, features: [] }

/**
 * Makes sure that the store is one that we know, and marks an empty place as one. A store that we know is only read.
 * @throws FormatError, having changed nothing
 */
export async function claimFormat(kv: KeyValueStore, keys: Keyspace): Promise<void> {
  const state = await kv.readTransact(async (tx) => {
    const record = await tx.get(keys.format)
    const rows = record === undefined ? await tx.getRange(keys.root.everything(), { limit: 1 }).toArray() : []
    return { record, isEmpty: rows.length === 0 }
  })
  if (state.record !== undefined) return checkRecord(state.record)
  if (!state.isEmpty) {
    throw new FormatError(
      'The place of the store holds something that eventdb did not write',
      'no format',
      CURRENT,
    )
  }
  await kv.transact(async (tx) => {
    const record = await tx.get(keys.format)
    if (record === undefined) tx.set(keys.format, new TextEncoder().encode(JSON.stringify(CURRENT)))
    else checkRecord(record)
  })
}

function checkRecord(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes)
  const found = parse(text)
  const isKnown =
    found?.format === CURRENT.format &&
    Array.isArray(found.features) &&
    found.features.every((name) => CURRENT.features.includes(name))
  if (isKnown) return
  throw new FormatError(
    `The store has the format ${text}, and this version of eventdb knows only format ${FORMAT}; nothing was changed`,
    found ?? text,
    CURRENT,
  )
}

function parse(text: string): Partial<FormatRecord> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
