/**
 * Expense declarations: employees ask for their money, others approve or reject, at last it is paid. Nobody decides anything here: what
 * happened is in a log, and what it has come to is asked of it, as of now, as of a day in the past, and step by step. Run it with the path
 * of an NDJSON file (or .ndjson.gz) of lines `{ stream, type, time, data: { amount }, metadata: { role } }`, or without, on a few of its own.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { defineAggregate, defineEvents, type Evolve, openEventStore } from 'eventdb'

// ── What can happen to a declaration ─────────────────────────────────────────────────────────────────────

type DeclarationEvent = Step<
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
>

/** They all look alike. */
type Step<Type> = Type extends string
  ? { type: Type; data: { amount: number }; metadata: { role: string } }
  : never

// ── Where it stands then ─────────────────────────────────────────────────────────────────────────────────

const STATUSES = ['not begun', 'draft', 'submitted', 'rejected', 'approved', 'to be paid', 'paid'] as const

interface Declaration {
  readonly status: (typeof STATUSES)[number]
  readonly amount: number
  /** Who has approved it since it was submitted last. */
  readonly approvedBy: readonly string[]
  readonly rejections: number
  readonly submittedAt?: string
  readonly paidAt?: string
}

const approved: Evolve<DeclarationEvent, Declaration> = (declaration, { metadata }) => ({
  ...declaration,
  approvedBy: [...declaration.approvedBy, metadata.role.toLowerCase()],
})

const rejected: Evolve<DeclarationEvent, Declaration> = (declaration) => ({
  ...declaration,
  status: 'rejected',
  approvedBy: [],
  rejections: declaration.rejections + 1,
})

const declaration = defineAggregate(defineEvents<DeclarationEvent>(), {
  category: 'declaration',
  initialState: (): Declaration => ({ status: 'not begun', amount: 0, approvedBy: [], rejections: 0 }),
  evolve: {
    DeclarationSavedByEmployee: (declaration, { data }) => ({
      ...declaration,
      status: 'draft',
      amount: data.amount,
    }),
    DeclarationSubmittedByEmployee: (declaration, { data, time }) => ({
      ...declaration,
      status: 'submitted',
      amount: data.amount,
      approvedBy: [],
      submittedAt: declaration.submittedAt ?? time.toISOString(),
    }),
    DeclarationApprovedByPreApprover: approved,
    DeclarationApprovedByAdministration: approved,
    DeclarationApprovedByBudgetOwner: approved,
    DeclarationFinalApprovedBySupervisor: (declaration, event) => ({
      ...approved(declaration, event),
      status: 'approved',
    }),
    DeclarationRejectedByEmployee: rejected,
    DeclarationRejectedByPreApprover: rejected,
    DeclarationRejectedByAdministration: rejected,
    DeclarationRejectedByBudgetOwner: rejected,
    DeclarationRejectedBySupervisor: rejected,
    DeclarationRejectedByMissing: rejected,
    RequestPayment: (declaration) => ({ ...declaration, status: 'to be paid' }),
    PaymentHandled: (declaration, { time }) => ({
      ...declaration,
      status: 'paid',
      paidAt: time.toISOString(),
    }),
  },
  // A type that has no case fails the load: better no state than a wrong one.
  exhaustive: true,
  commands: {},
})

// ── The log goes in ──────────────────────────────────────────────────────────────────────────────────────

/** A line of it. */
type Line = DeclarationEvent & { readonly stream: string; readonly time: string }

const LINES_AT_ONCE = 1_000

const log = await readLog(process.argv[2])
await using store = await openEventStore(':memory:')
for (let from = 0; from < log.length; from += LINES_AT_ONCE) {
  await store.transact(async (tx) => {
    for (const { stream, time, ...event } of log.slice(from, from + LINES_AT_ONCE)) {
      await tx.stream(stream).append({ ...event, time: new Date(time) })
    }
  })
}

// ── What it has come to ──────────────────────────────────────────────────────────────────────────────────

const declarations = store.aggregate(declaration)
const ids: string[] = []
for await (const { streamId } of store.streams()) ids.push(streamId.slice('declaration-'.length))
console.log(`${log.length} events in ${ids.length} declarations`)

const now = await loadAll()
sayHowTheyStand('This is how they stand:', now)
sayHowTheyStand('And this is how they stood when 2018 began:', await loadAll(new Date('2018-01-01T00:00Z')))

const waits = now.flatMap(daysFromSubmissionToPayment).toSorted((one, other) => one - other)
console.log(`Half of those that are paid waited ${waits[Math.floor(waits.length / 2)]} days or less`)

const most = Math.max(...now.map(({ rejections }) => rejections))
const id = ids[now.findIndex(({ rejections }) => rejections === most)]!
console.log(`No declaration was rejected more often than ${id}:`)
for await (const { version, type, time } of declarations.stream(id).read()) {
  const { status, approvedBy } = (await declarations.load(id, { version })).state
  const by = approvedBy.length > 0 ? `, approved by ${approvedBy.join(', ')}` : ''
  console.log(`  ${time.toISOString().slice(0, 10)} ${type}: ${status}${by}`)
}

/** All of them, in the order of `ids`. */
async function loadAll(asOf?: Date): Promise<readonly Declaration[]> {
  const states: Declaration[] = []
  for (const id of ids) states.push((await declarations.load(id, { asOf })).state)
  return states
}

function sayHowTheyStand(title: string, states: readonly Declaration[]): void {
  console.log(title)
  for (const status of STATUSES) {
    const such = states.filter((state) => state.status === status)
    const euros = such.reduce((sum, { amount }) => sum + amount, 0).toFixed(2)
    if (such.length > 0) console.log(`  ${such.length} ${status}, ${euros} €`)
  }
}

function daysFromSubmissionToPayment({ submittedAt, paidAt }: Declaration): number[] {
  if (submittedAt === undefined || paidAt === undefined) return []
  return [Math.ceil((Date.parse(paidAt) - Date.parse(submittedAt)) / 86_400_000)]
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

/** Three declarations: one that is paid at once, one that is rejected at first, and one that nobody has asked for yet. */
function builtIn(): readonly Line[] {
  const rows = `
    1 2017-12-27T09:12:30Z EMPLOYEE       26.85 DeclarationSubmittedByEmployee
    1 2017-12-27T10:27:48Z ADMINISTRATION 26.85 DeclarationApprovedByAdministration
    2 2017-12-28T14:02:11Z EMPLOYEE      182.46 DeclarationSubmittedByEmployee
    1 2017-12-28T16:40:02Z SUPERVISOR     26.85 DeclarationFinalApprovedBySupervisor
    2 2017-12-29T08:15:45Z ADMINISTRATION 182.46 DeclarationRejectedByAdministration
    2 2017-12-29T08:31:09Z EMPLOYEE      182.46 DeclarationRejectedByEmployee
    1 2018-01-02T08:34:44Z UNDEFINED      26.85 RequestPayment
    3 2018-01-03T11:00:00Z EMPLOYEE       74.90 DeclarationSavedByEmployee
    1 2018-01-04T16:31:22Z UNDEFINED      26.85 PaymentHandled
    2 2018-01-05T09:20:37Z EMPLOYEE      182.46 DeclarationSubmittedByEmployee
    2 2018-01-08T13:05:18Z ADMINISTRATION 182.46 DeclarationApprovedByAdministration
    2 2018-01-08T15:48:55Z SUPERVISOR    182.46 DeclarationFinalApprovedBySupervisor`
  return rows
    .trim()
    .split('\n')
    .map((row) => {
      const [id, time, role, amount, type] = row.trim().split(/ +/) as [
        string,
        string,
        string,
        string,
        string,
      ]
      const event = { type, data: { amount: Number(amount) }, metadata: { role } } as DeclarationEvent
      return { stream: `declaration-${id}`, time, ...event }
    })
}
