import { expect, test } from 'vitest'
import { prepareDatabaseFiles } from '../../src/drivers/lmdb/database-files.ts'
import { openLmdbEngine } from '../../src/drivers/lmdb/lmdb-engine.ts'
import { loadLmdb } from '../../src/drivers/lmdb/lmdb-library.ts'
import type { Engine } from '../../src/kv/engine.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** `EVENTDB_LARGE=1` for the size at which lmdb 3 was first seen to lose a store. */
const LARGE = process.env.EVENTDB_LARGE === '1'
const [ROWS, ROWS_PER_COMMIT] = LARGE ? [1_000_000, 6_000] : [200_000, 4_000]
const SINGLE_COMMITS = 300
const PAGE_ROWS = 5_000

/**
 * lmdb 3.2 to 3.5.6 lose stores: loaded in bulk, opened again, then written one row at a time, they fail with MDB_BAD_TXN after
 * about 60 commits, and larger loads cannot be opened again. This is why the driver insists on 2.9.
 */
test('a store that was loaded in bulk takes single commits after it is opened again', async () => {
  await using folder = await temporaryFolder()
  const open = async (): Promise<Engine> =>
    openLmdbEngine(await loadLmdb(), prepareDatabaseFiles(folder.path, {}))

  let engine = await open()
  for (let begin = 0; begin < ROWS; begin += ROWS_PER_COMMIT) put(engine, begin, ROWS_PER_COMMIT)
  await engine.close()

  engine = await open()
  for (let row = ROWS; row < ROWS + SINGLE_COMMITS; row += 1) put(engine, row, 1)
  await engine.close()

  engine = await open()
  expect(firstWrongRow(engine)).toBe(ROWS + SINGLE_COMMITS)
  await engine.close()
})

/** Each row goes to two places: in order, and scattered over the whole key space. */
function put(engine: Engine, begin: number, count: number): void {
  const written = engine.write((writer) => {
    for (let row = begin; row < Math.min(begin + count, Math.max(ROWS, begin + 1)); row += 1) {
      writer.set(orderedKey(row), payloadOf(row))
      writer.set(scatteredKey(row), orderedKey(row))
    }
    return true
  })
  expect(written).toBe(true)
}

/** Reads everything back; the number of rows if all is well. */
function firstWrongRow(engine: Engine): number {
  const snapshot = engine.openSnapshot()
  try {
    for (let row = 0; ; ) {
      const page = snapshot.range(orderedKey(row), orderedKey(2 ** 32 - 1), PAGE_ROWS, false)
      if (page.length === 0) return row
      for (const { key, value } of page) {
        const scattered = snapshot.get(scatteredKey(row))
        if (!orderedKey(row).equals(key) || !payloadOf(row).equals(value)) return row
        if (scattered === undefined || !orderedKey(row).equals(scattered)) return row
        row += 1
      }
    }
  } finally {
    snapshot.close()
  }
}

function orderedKey(row: number): Buffer {
  const key = Buffer.from('o----')
  key.writeUInt32BE(row, 1)
  return key
}

/** The row's number times an odd constant, which visits every number once. */
function scatteredKey(row: number): Buffer {
  const key = Buffer.from('s----')
  key.writeUInt32BE(Math.imul(row, 0x9e3779b1) >>> 0, 1)
  return key
}

function payloadOf(row: number): Buffer {
  return Buffer.alloc(200 + (row % 200), `${row} `)
}
