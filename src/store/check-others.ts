import { CorruptionError, FormatError } from '../errors.ts'
import type { ReadTransaction } from '../kv/contract.ts'
import type { CheckRun } from './check-run.ts'
import { INDEX_NAMES, readSettings } from './settings.ts'
import type { SnapshotPlace } from './snapshot-keys.ts'
import { decodeSnapshot } from './snapshots.ts'
import { headOf } from './stream-rows.ts'

/** The format row can be read, and what it says of work under way is there. Returns whether it can be read. */
export async function checkSettings(run: CheckRun): Promise<boolean> {
  const { keys } = run
  let isKnown = false
  const format = { begin: keys.format, end: Uint8Array.of(...keys.format, 0) }
  await run.eachRow(format, async (tx) => {
    const settings = await readSettings(tx, keys).catch(ignoreFormat)
    isKnown = settings !== undefined
    if (settings === undefined) return
    const { indexes } = settings
    for (const index of INDEX_NAMES) {
      const isBuilding = (await tx.get(keys.reindexKey(index))) !== undefined
      if (isBuilding === (indexes[index] === 'building')) continue
      run.problem(
        'reindex-wrong',
        `How far the building of the index by ${index} has come does not fit its state`,
      )
    }
  })
  if (!isKnown)
    run.problem('format-unknown', 'The format row is missing, or says what this version does not know')
  return isKnown
}

function ignoreFormat(error: unknown): undefined {
  if (!(error instanceof FormatError)) throw error
}

/** Snapshots are whole, and of versions that there are. */
export async function checkSnapshots(run: CheckRun): Promise<void> {
  const { keys } = run
  await run.eachRow(keys.snapshots.all(), async (tx, { key }) => {
    const place = keys.snapshots.placeOf(key)
    if (place.piece === 0 || (await isFirstFound(run, tx, place, key))) await checkSnapshot(run, tx, place)
  })
}

async function isFirstFound(
  { keys }: CheckRun,
  tx: ReadTransaction,
  place: SnapshotPlace,
  key: Uint8Array,
): Promise<boolean> {
  const range = keys.snapshots.range(place, place.version, place.version)
  return (await tx.getRange({ begin: range.begin, end: key }, { limit: 1 }).toArray()).length === 0
}

async function checkSnapshot(run: CheckRun, tx: ReadTransaction, place: SnapshotPlace): Promise<void> {
  const { keys } = run
  const { number, name, version } = place
  const rows = await tx.getRange(keys.snapshots.range(place, version, version)).toArray()
  const which = `Snapshot ${JSON.stringify(name)} of stream number ${number} at version ${version}`
  try {
    decodeSnapshot(keys, rows)
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    throw new CorruptionError(`${which} is damaged: ${error.message}`, { version })
  }
  const head = (await headOf(tx, keys, number))?.version ?? 0
  if (version > head) run.problem('snapshot-wrong', `${which} is above the last, ${head}`, { version })
}

/** There is nothing in the store's place that does not belong to it. */
export async function checkStrays(run: CheckRun): Promise<void> {
  for (const range of run.keys.gaps()) {
    await run.eachRow(range, async (_, { key }) => {
      run.problem('row-unknown', `There is a row that eventdb did not write: ${hex(run.keys.relative(key))}`)
    })
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
