import type { Broker } from './broker.ts'
import { checkChunks, checkEventIds, checkIndexes, checkLog } from './check-events.ts'
import { checkKeyResults } from './check-key-results.ts'
import { checkSettings, checkSnapshots, checkStrays } from './check-others.ts'
import { CheckRun } from './check-run.ts'
import { checkNames, checkStreamRows } from './check-streams.ts'
import type { CheckOptions, CheckReport } from './contract-admin.ts'
import type { StoreHost } from './host.ts'
import { onlyNames } from './known-names.ts'

/**
 * Verifies everything that is stored, in both directions: every event has its rows, and every row its event.
 * Page by page, each on a snapshot of its own, so that the store stays in use; whatever is compared is read from one snapshot.
 */
export async function checkStore(
  host: StoreHost,
  broker: Broker,
  options: CheckOptions = {},
): Promise<CheckReport> {
  checkOptions(options)
  const run = new CheckRun(host, options)
  // What cannot be read with another format must not be judged by this one.
  if (await checkSettings(run)) await checkRows(run, broker)
  const { problems, events, streams, rows } = run
  return { problems, events, streams, rows }
}

const checkOptions = onlyNames('The options of a check', 'signal', 'onProgress', 'problemsMax')

async function checkRows(run: CheckRun, broker: Broker): Promise<void> {
  await checkNames(run)
  await checkStreamRows(run)
  await checkLog(run)
  await checkChunks(run)
  await checkEventIds(run)
  await checkIndexes(run)
  await checkKeyResults(run)
  await checkSnapshots(run)
  await broker.check(run)
  await checkStrays(run)
}
