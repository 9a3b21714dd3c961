import { FormatError, InvalidArgumentError } from '../errors.ts'
import type { Reader, Transaction } from '../kv/contract.ts'
import type { SourceName } from './contract-query.ts'
import type { IndexName } from './contract-reading.ts'
import type { Keyspace } from './keyspace.ts'
import { compareCodePoints, describe } from './text.ts'

/** The format that this version reads and writes. */
export const FORMAT = 1

/** Whether an index can be read, is written but not complete, or is being cleared away. */
export type IndexState = 'ready' | 'building' | 'dropping'

/** A projection that is part of every transaction that appends events of its source. */
export interface InlineEntry {
  readonly name: string
  readonly generation: number
  readonly version: number
  /** Number of the copy that is kept. */
  readonly copy: number
  readonly source: SourceName
  /** Whether it is told of deleted streams. */
  readonly hasDeleted: boolean
}

/** What those who append are asked: to wait, so that a projection can come into force. A courtesy, on which nothing relies. */
export interface AppendsHold {
  /** Number of the copy that is to come into force. */
  readonly copy: number
  /** When it is over at the latest, by the clock, in milliseconds. */
  readonly untilMs: number
}

/** What a store is, as its format row says. */
export interface Settings {
  readonly categorySeparator: string
  /** The indexes that have rows. */
  readonly indexes: Readonly<Partial<Record<IndexName, IndexState>>>
  /** The inline projections that are in force, in the order of their names. */
  readonly inline: readonly InlineEntry[]
  readonly hold?: AppendsHold
}

/** All indexes that there are. */
export const INDEX_NAMES: readonly IndexName[] = ['category', 'type', 'tag']

/** What a new store is unless its maker says otherwise. */
export const DEFAULT_SETTINGS: Settings = {
  categorySeparator: '-',
  indexes: { category: 'ready', type: 'ready', tag: 'ready' },
  inline: [],
}

/** Another format, or a feature or index that is not known here, and the store is left alone. */
interface FormatRecord extends Omit<Settings, 'inline'> {
  readonly format: number
  /** Names of everything else that changes what writers must do. */
  readonly features: readonly string[]
  readonly inline?: Settings['inline']
}

/** Whoever appends must let inline projections handle it. Only stores that have some say so. */
const INLINE_FEATURE = 'inline'

/** Encodes the format row. */
export function encodeSettings({ categorySeparator, indexes, inline, hold }: Settings): Uint8Array {
  const record: FormatRecord = {
    format: FORMAT,
    features: inline.length === 0 && hold === undefined ? [] : [INLINE_FEATURE],
    categorySeparator,
    indexes: ordered(indexes),
    ...(inline.length > 0 && { inline }),
    ...(hold !== undefined && { hold }),
  }
  return new TextEncoder().encode(JSON.stringify(record))
}

/** The row that was decoded last, and what it says: each page of a read through an index asks, and it hardly ever changes. */
let latest: { readonly text: string; readonly settings: Settings } | undefined

/** Decodes the format row. @throws FormatError */
export function decodeSettings(bytes: Uint8Array): Settings {
  const text = decoder.decode(bytes)
  if (latest?.text !== text) latest = { text, settings: parseSettings(text) }
  return latest.settings
}

const decoder = new TextDecoder()

function parseSettings(text: string): Settings {
  const found = parse(text)
  if (found !== undefined && isKnown(found)) {
    const { categorySeparator, indexes, inline = [], hold } = found
    return { categorySeparator, indexes, inline, ...(hold !== undefined && { hold }) }
  }
  throw new FormatError(
    `The store has the format ${text}, and this version of eventdb knows only format ${FORMAT}; nothing was changed`,
    found ?? text,
    { format: FORMAT, features: [INLINE_FEATURE], indexes: INDEX_NAMES },
  )
}

/** Reads what the store is. @throws FormatError */
export async function readSettings(tx: Pick<Reader, 'get'>, keys: Keyspace): Promise<Settings> {
  const row = await tx.get(keys.format)
  if (row === undefined)
    throw new FormatError('The store has lost its format row', 'no format', { format: FORMAT })
  return decodeSettings(row)
}

/** Changes what the store is. Whoever else writes finds out before it commits anything. */
export function writeSettings(tx: Transaction, keys: Keyspace, settings: Settings): void {
  tx.set(keys.format, encodeSettings(settings))
}

/** The indexes that appends write rows for. */
export function writtenIndexes({ indexes }: Settings): readonly IndexName[] {
  return INDEX_NAMES.filter((name) => indexes[name] === 'ready' || indexes[name] === 'building')
}

/** The indexes that can be read. */
export function readableIndexes({ indexes }: Settings): readonly IndexName[] {
  return INDEX_NAMES.filter((name) => indexes[name] === 'ready')
}

/** The settings with another state of an index; none without a state. */
export function withIndex(settings: Settings, index: IndexName, state: IndexState | undefined): Settings {
  const { [index]: _, ...others } = settings.indexes
  return { ...settings, indexes: state === undefined ? others : { ...others, [index]: state } }
}

/** The settings with another copy of an inline projection in force; none without an entry. Nobody needs to wait any more. */
export function withInline(
  { hold: _, ...settings }: Settings,
  name: string,
  entry: InlineEntry | undefined,
): Settings {
  const others = settings.inline.filter((other) => other.name !== name)
  const inline = entry === undefined ? others : [...others, entry]
  return { ...settings, inline: inline.toSorted((a, b) => compareCodePoints(a.name, b.name)) }
}

/** What precedes the first separator of a stream id; the whole id if there is none, or nothing before it. */
export function categoryOf(streamId: string, { categorySeparator }: Settings): string {
  const at = streamId.indexOf(categorySeparator)
  return at <= 0 ? streamId : streamId.slice(0, at)
}

/** Checks a list of names of indexes. @throws InvalidArgumentError */
export function checkIndexNames(names: unknown, what: string): asserts names is readonly IndexName[] {
  if (Array.isArray(names) && names.every((name) => INDEX_NAMES.includes(name))) return
  const given = Array.isArray(names) ? `[${names.map(describe).join(', ')}]` : describe(names)
  throw new InvalidArgumentError(`${what} must be an array of ${INDEX_NAMES.join(', ')}, not ${given}`, {
    names,
  })
}

/** Checks what separates categories from the rest of a stream id. @throws InvalidArgumentError */
export function checkCategorySeparator(separator: unknown): asserts separator is string {
  const isText = typeof separator === 'string' && !/\p{Surrogate}/u.test(separator)
  // Half a character would cut stream ids in the middle of one.
  if (isText && separator.length > 0 && separator.length <= 8) return
  throw new InvalidArgumentError(
    'The separator of categories must be a well-formed string of 1 to 8 characters',
    { categorySeparator: separator },
  )
}

function isKnown(found: Partial<FormatRecord>): found is FormatRecord {
  const { format, features, categorySeparator, indexes, inline = [], hold } = found
  return (
    format === FORMAT &&
    Array.isArray(features) &&
    features.every((name) => name === INLINE_FEATURE) &&
    Array.isArray(inline) &&
    inline.every(isInlineEntry) &&
    (hold === undefined || isHold(hold)) &&
    typeof categorySeparator === 'string' &&
    typeof indexes === 'object' &&
    indexes !== null &&
    Object.entries(indexes).every(([name, state]) => isName(name) && isState(state))
  )
}

function isInlineEntry(entry: unknown): boolean {
  const { name, generation, version, copy, source, hasDeleted } = (entry ?? {}) as Readonly<
    Record<string, unknown>
  >
  return (
    typeof name === 'string' &&
    [generation, version, copy].every(Number.isInteger) &&
    typeof source === 'object' &&
    source !== null &&
    typeof hasDeleted === 'boolean'
  )
}

function isHold(hold: Partial<AppendsHold> | null): boolean {
  return Number.isInteger(hold?.copy) && Number.isInteger(hold?.untilMs)
}

function isName(name: string): name is IndexName {
  return (INDEX_NAMES as readonly string[]).includes(name)
}

function isState(state: string): state is IndexState {
  return state === 'ready' || state === 'building' || state === 'dropping'
}

function ordered(indexes: Settings['indexes']): Settings['indexes'] {
  return Object.fromEntries(INDEX_NAMES.flatMap((name) => (indexes[name] ? [[name, indexes[name]]] : [])))
}

function parse(text: string): Partial<FormatRecord> | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : undefined
  } catch {
    return undefined
  }
}
