import type { ReadTransaction } from '../kv/contract.ts'
import type { Row } from '../kv/rows.ts'
import type { CheckRun } from '../store/check-run.ts'
import { readSettings } from '../store/settings.ts'
import { decodeNumber } from '../store/small-values.ts'
import { numberOf } from '../store/stream-rows.ts'
import { userKeyReader } from '../store/user-keys.ts'
import { CopyKeys } from './copy-keys.ts'
import { emittedStreamIn } from './emitted-streams.ts'
import type { NameRows } from './name-rows.ts'
import type { NameRow } from './projection-rows.ts'
import { readState } from './state-rows.ts'
import { timerOf } from './timers.ts'

/** Verifies the rows of all projections: names lead to copies that say so, copies have names, and each row can be read. */
export async function checkProjections(run: CheckRun, rows: NameRows): Promise<void> {
  const { keys } = run
  await run.eachRow(
    { begin: keys.copyNumber, end: Uint8Array.of(...keys.copyNumber, 0) },
    async (_, { value }) => {
      decodeNumber(value, 'The number of the last copy of a projection')
    },
  )
  await run.eachRow(keys.projections.everything(), (tx, row) => checkName(run, rows, tx, row))
  await run.eachRow(keys.copies.everything(), (tx, row) => checkCopyRow(run, rows, tx, row))
  await run.eachRow({ begin: keys.format, end: Uint8Array.of(...keys.format, 0) }, async (tx) => {
    for (const { name } of (await readSettings(tx, keys)).inline) {
      if ((await rows.read(tx, name)) !== undefined) continue
      run.problem(
        'projection-force-wrong',
        `The store says that ${JSON.stringify(name)} is in force, which is no projection`,
      )
    }
  })
  await run.eachRow(keys.emittedStreams.everything(), (tx, row) => checkEmitted(run, tx, row))
}

async function checkName(
  run: CheckRun,
  rows: NameRows,
  tx: ReadTransaction,
  { key, value }: Row,
): Promise<void> {
  const row = rows.decode(key, value)
  const [name] = run.keys.projections.unpack(key)
  await checkForce(run, rows, tx, row, name as string)
  const last = await tx.get(run.keys.copyNumber)
  for (const number of [row.serving, row.building]) {
    if (number === undefined) continue
    const copy = await rows.copyAt(tx, number)
    if (copy?.control.name !== name) {
      const other = copy === undefined ? 'does not exist' : `is of ${JSON.stringify(copy.control.name)}`
      run.problem(
        'projection-copy-wrong',
        `The projection ${JSON.stringify(name)} has the copy ${number}, which ${other}`,
      )
    }
    if (last === undefined || decodeNumber(last, 'The number of the last copy') < number) {
      run.problem('projection-number-wrong', `The copy ${number} of a projection is newer than the last one`)
    }
  }
}

/** Whether the format row and the control row agree on whether a projection is in force. */
async function checkForce(
  run: CheckRun,
  rows: NameRows,
  tx: ReadTransaction,
  row: NameRow,
  name: string,
): Promise<void> {
  const { inline } = await readSettings(tx, run.keys)
  const entry = inline.find((one) => one.name === name)
  const serving = await rows.copyAt(tx, row.serving)
  const copy = serving?.control.isInline ? row.serving : undefined
  if (entry?.copy === copy && (entry === undefined || entry.generation === row.generation)) return
  run.problem(
    'projection-force-wrong',
    `The store says that of the projection ${JSON.stringify(name)} copy ${entry?.copy ?? 'none'} is in force, and its rows say ${copy ?? 'none'}`,
  )
}

/** A row of a copy. Rows of copies that are to be cleared are of no interest. */
async function checkCopyRow(run: CheckRun, rows: NameRows, tx: ReadTransaction, row: Row): Promise<void> {
  const { keys: keyspace } = run
  const [copy, kind] = keyspace.copies.unpack(row.key)
  if (typeof copy !== 'number') return complain(run, row, 'has no number')
  const keys = new CopyKeys(keyspace, copy)
  const control = await rows.control(tx, keys)
  if (control === undefined) return checkGone(run, rows, tx, copy)
  const place = { keyspace, keys }
  switch (kind) {
    case 0:
      return checkOwned(run, await rows.read(tx, control.name), copy)
    case 1: {
      const { partition, piece } = keys.partOfStateKey(row.key)
      if (piece === 0) await readState(tx, place, partition)
      else if ((await tx.get(keys.state(partition, 0))) === undefined)
        complain(run, row, 'belongs to no state')
      return
    }
    case 2:
      await userKeyReader(tx, keys.model).get(keys.model.unpack(row.key))
      return
    case 3: {
      const { partition, name, dueMs } = timerOf(keyspace, keys, row)
      const due = await tx.get(keys.timerName(partition, name))
      if (due === undefined || decodeNumber(due, 'A timer') !== dueMs)
        complain(run, row, 'is a timer that its name does not lead to')
      return
    }
    case 4: {
      const [, , partition, name] = keyspace.copies.unpack(row.key) as [number, number, string, string]
      const dueMs = decodeNumber(row.value, 'A timer')
      if ((await tx.get(keys.timer({ dueMs, partition, name }))) === undefined)
        complain(run, row, 'leads to no timer')
      return
    }
    case 5:
      await rows.lease(tx, keys)
      return
    case 6:
      keys.owedOfKey(row.key)
      return
    default:
      complain(run, row, 'is of no kind that is known')
  }
}

function checkOwned(run: CheckRun, row: NameRow | undefined, copy: number): void {
  if (row !== undefined && (row.serving === copy || row.building === copy)) return
  run.problem('projection-copy-lost', `The copy ${copy} of a projection belongs to none`)
}

/** Rows without a control row are those of a copy that is being cleared away. */
async function checkGone(run: CheckRun, rows: NameRows, tx: ReadTransaction, copy: number): Promise<void> {
  for await (const { key, value } of tx.getRange(run.keys.projections.everything())) {
    if (rows.decode(key, value).gone.includes(copy)) return
  }
  run.problem(
    'projection-copy-lost',
    `There are rows of the copy ${copy} of a projection, which is not known`,
  )
}

function complain(run: CheckRun, { key }: Row, what: string): void {
  run.problem('projection-row-wrong', `A row of a projection (${run.keys.relative(key).join(' ')}) ${what}`)
}

async function checkEmitted(run: CheckRun, tx: ReadTransaction, { key, value }: Row): Promise<void> {
  const [name, number] = run.keys.emittedStreams.unpack(key)
  const streamId = emittedStreamIn(run.keys, key, value)
  if ((await numberOf(tx, run.keys, streamId)) === number) return
  const message = `The projection ${JSON.stringify(name)} has written to stream ${JSON.stringify(streamId)} of another number`
  run.problem('projection-stream-wrong', message)
}
