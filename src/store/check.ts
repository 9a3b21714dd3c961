import { checkChunks, checkEventIds, checkIndexes, checkLog } from './check-events.ts'
import { checkKeyResults } from './check-key-results.ts'
import { checkSettings, checkSnapshots, checkStrays } from './check-others.ts'
import { CheckRun } from './check-run.ts'
import { checkNames, checkStreamRows } from './check-streams.ts'
import type { CheckOptions, CheckReport } from './contract-admin.ts'
import type { StoreHost } from './host.ts'
import { onlyNames } from './known-names.ts'

/** Whatever else keeps rows in the store. */
interface Layer {
  check(run: CheckRun): Promise<void>
}

/**
 * Verifies everything that is stored, in both directions: every event has its rows, and every row its event.
 * Page by page, each on a snapshot of its own, so that the store stays in use; whatever is compared is read from one snapshot.
 */
export async function checkStore(
  host: StoreHost,
  layers: readonly Layer[],
  options: CheckOptions = {},
): Promise<CheckReport> {
  checkOptions(options)
  const run = new CheckRun(host, options)
  // What cannot be read with another format must not be judged by this one.
  if (await checkSettings(run)) await checkRows(run, layers)
  const { problems, events, streams, rows } = run
  return { problems, events, streams, rows }
}

const checkOptions = onlyNames('The options of a check', 'signal', 'onProgress', 'problemsMax')

async function checkRows(run: CheckRun, layers: readonly Layer[]): Promise<void> {
  await checkNames(run)
  await checkStreamRows(run)
  await checkLog(run)
  await checkChunks(run)
  await checkEventIds(run)
  await checkIndexes(run)
  await checkKeyResults(run)
  await checkSnapshots(run)
  for (const layer of layers) await layer.check(run)
  await checkStrays(run)
}
