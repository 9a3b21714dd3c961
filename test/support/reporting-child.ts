/**
 * Runs a projection into a database until it is killed: `reporting-child.ts <folder> <engine> <database> <seed>`. The database is the path of a
 * SQLite file, or the address of a PostgreSQL server. Loads everything, reports `ready`, and opens the store when it is told to `go`.
 */
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import type { ProjectingReport } from './projecting-report.ts'
import { type Reporting, reportedSums } from './reported-sums.ts'
import { postgresReporting, sqliteReporting } from './reporting.ts'
import { onTold, report } from './told.ts'

const [folder, engine, database, seed] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const going = new Promise<void>((resolve) => {
  onTold((line) => {
    if (line === 'go') resolve()
  })
})
tell({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
tell({ event: 'open' })
if (database.startsWith('postgres:')) await project(postgresReporting(database))
else await project(sqliteReporting(database))

function tell(what: ProjectingReport): void {
  report(what)
}

async function project<Tx>(reporting: Reporting<Tx>): Promise<void> {
  let calls = 0
  const sums = reportedSums(reporting, async () => {
    calls += 1
    if (calls === 1) tell({ event: 'handling' })
    // Transactions shall take a while, so that kills find them open.
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 4 * random()))
  })
  const running = await store.projectInto(reporting.sink, sums, {
    leaseMs: 1_000,
    onProgress: ({ handled }) => tell({ event: 'progress', handled }),
  })
  const { reason } = await running.ended
  tell({ event: 'ended', reason })
}
