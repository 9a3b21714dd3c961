import { join } from 'node:path'
import Database from 'better-sqlite3'
import { test } from 'vitest'
import { killReporters } from '../support/killed-reporters.ts'
import { REPORTED_TABLES } from '../support/reported-sums.ts'
import { sqliteReporting } from '../support/reporting.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_261_124)

test.each(['sqlite', 'lmdb'] as const)(
  'a read model in SQLite is what a plain loop makes of the events of a %s store, when the process that writes it is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const database = join(folder.path, 'reports.sqlite')
    new Database(database).exec(REPORTED_TABLES).close()
    await using reporting = sqliteReporting(database)
    await killReporters({ engine, database, reporting, kills: 25, seed })
  },
  300_000,
)
