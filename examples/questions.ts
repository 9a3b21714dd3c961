/**
 * Questions over time: what happened after what, how soon, or not at all. Nobody thought of them when the events were recorded. Run it with the
 * path of an NDJSON file (or .ndjson.gz) of expense declarations, in lines `{ stream, type, time, data }`, or without, on a few of its own.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import {
  days,
  defineCorrelation,
  defineEvents,
  hours,
  matchesOf,
  openEventStore,
  sequence,
  windowOf,
} from 'eventdb'

type DeclarationEvent = {
  type:
    | 'DeclarationSavedByEmployee'
    | 'DeclarationSubmittedByEmployee'
    | 'DeclarationApprovedByPreApprover'
    | 'DeclarationApprovedByAdministration'
    | 'DeclarationApprovedByBudgetOwner'
    | 'DeclarationFinalApprovedBySupervisor'
    | 'DeclarationRejectedByEmployee'
    | 'DeclarationRejectedByPreApprover'
    | 'DeclarationRejectedByAdministration'
    | 'DeclarationRejectedByBudgetOwner'
    | 'DeclarationRejectedBySupervisor'
    | 'DeclarationRejectedByMissing'
    | 'RequestPayment'
    | 'PaymentHandled'
  data: { amount: number }
}

const events = defineEvents<DeclarationEvent>()
const ofDeclarations = { source: { kind: 'category', category: 'declaration' }, by: 'stream' } as const

// ── The questions ────────────────────────────────────────────────────────────────────────────────────────

const resubmitted = defineCorrelation(events, {
  ...ofDeclarations,
  name: 'resubmitted within a day',
  sequence: sequence(events)
    .startsWith(({ type }) => type.startsWith('DeclarationRejected'))
    .followedBy('DeclarationSubmittedByEmployee', { within: hours(24) }),
})

const notApproved = defineCorrelation(events, {
  ...ofDeclarations,
  name: 'paid without the administration',
  sequence: sequence(events)
    .startsWith(({ version }) => version === 1)
    .without('DeclarationApprovedByAdministration')
    .followedBy('PaymentHandled'),
})

const longestWaits = defineCorrelation(events, {
  ...ofDeclarations,
  name: 'longest waits',
  sequence: sequence(events)
    .startsWith(() => true)
    .followedBy(() => true),
  // Each match could be looked at later. The longest of each month is kept while they are found.
  onMatch: async ({ by, events: [before, after], endedAt, durationMs }, { kv }) => {
    const month = windowOf(endedAt, 'month')
    const longest = (await kv.get(['longest', month])) as Wait | undefined
    if (durationMs <= (longest?.durationMs ?? -1)) return
    kv.set(['longest', month], { by, durationMs, before: before!.type, after: after!.type })
  },
})

type Wait = { by: string; durationMs: number; before: string; after: string }

// ── The log goes in ──────────────────────────────────────────────────────────────────────────────────────

type Line = DeclarationEvent & { readonly stream: string; readonly time: string }

const LINES_AT_ONCE = 1_000

const log = await readLog(process.argv[2])
await using store = await openEventStore(':memory:')
for (let from = 0; from < log.length; from += LINES_AT_ONCE) {
  await store.transact(async (tx) => {
    for (const { stream, type, data, time } of log.slice(from, from + LINES_AT_ONCE)) {
      await tx.stream(stream).append({ type, data, time: new Date(time) })
    }
  })
}

// ── The answers ──────────────────────────────────────────────────────────────────────────────────────────

const declarations = new Set(log.map(({ stream }) => stream)).size
console.log(`${log.length} events in ${declarations} declarations`)

const back = new Set<string>()
for await (const { by } of matchesOf(await store.runOnce(resubmitted))) back.add(by)
console.log(`Rejected, and submitted again within 24 hours: ${back.size}`)

let paid = 0
for await (const _ of matchesOf(await store.runOnce(notApproved))) paid += 1
console.log(`Paid, though the administration had never approved: ${paid}`)

console.log('The longest wait between two steps, by the month in which it ended:')
const waits: [month: string, wait: Wait][] = []
const answer = await store.runOnce(longestWaits)
for await (const { key, value } of answer.kv.getRange(['longest']))
  waits.push([String(key[1]), value as Wait])
draw(waits)

/** Draws a bar for each month. */
function draw(waits: readonly (readonly [month: string, wait: Wait])[]): void {
  const most = Math.max(1, ...waits.map(([, { durationMs }]) => durationMs))
  for (const [month, { by, durationMs, before, after }] of waits) {
    const bar = '█'.repeat(Math.max(1, Math.round((30 * durationMs) / most)))
    const length = `${(durationMs / days(1)).toFixed(1)} days`
    console.log(`  ${month} ${bar.padEnd(30)} ${length.padStart(10)}  ${by}: ${before} → ${after}`)
  }
}

async function readLog(path: string | undefined): Promise<readonly Line[]> {
  if (path === undefined) return builtIn()
  const bytes = await readFile(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** Three declarations: one that is paid at once, one that is rejected and soon back, and one that nobody in the administration sees. */
function builtIn(): readonly Line[] {
  const rows = `
    1 2017-12-27T09:12:30Z  26.85 DeclarationSubmittedByEmployee
    1 2017-12-27T10:27:48Z  26.85 DeclarationApprovedByAdministration
    2 2017-12-28T14:02:11Z 182.46 DeclarationSubmittedByEmployee
    1 2017-12-28T16:40:02Z  26.85 DeclarationFinalApprovedBySupervisor
    2 2017-12-29T08:15:45Z 182.46 DeclarationRejectedByAdministration
    2 2017-12-29T08:31:09Z 182.46 DeclarationRejectedByEmployee
    2 2017-12-30T07:58:00Z 182.46 DeclarationSubmittedByEmployee
    1 2018-01-02T08:34:44Z  26.85 RequestPayment
    3 2018-01-03T11:00:00Z  74.90 DeclarationSubmittedByEmployee
    1 2018-01-04T16:31:22Z  26.85 PaymentHandled
    2 2018-01-08T13:05:18Z 182.46 DeclarationApprovedByAdministration
    2 2018-01-08T15:48:55Z 182.46 DeclarationFinalApprovedBySupervisor
    3 2018-02-07T11:00:00Z  74.90 DeclarationFinalApprovedBySupervisor
    3 2018-02-08T09:30:00Z  74.90 RequestPayment
    3 2018-02-12T16:30:00Z  74.90 PaymentHandled`
  return rows
    .trim()
    .split('\n')
    .map((row) => {
      const [id, time, amount, type] = row.trim().split(/ +/) as [string, string, string, string]
      return {
        stream: `declaration-${id}`,
        time,
        type: type as DeclarationEvent['type'],
        data: { amount: Number(amount) },
      }
    })
}
