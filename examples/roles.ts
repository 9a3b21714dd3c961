/**
 * Roles: who has done what with expense declarations? The log has a stream for each declaration. A projection links every event into a stream
 * for the role that it was done in, where it can be read, and subscribed to, as if it had been written there. Run it with the path of an NDJSON
 * file (or .ndjson.gz) of lines `{ stream, type, time, data, metadata: { role } }`, or without, on a few of its own.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { defineEvents, defineProjection, openEventStore } from 'eventdb'

interface DeclarationEvent {
  readonly type: string
  readonly data: { readonly amount: number }
  readonly metadata: { readonly role: string }
}

/** A line of the log. */
type Line = DeclarationEvent & { readonly stream: string; readonly time: string }

const roles = defineProjection(defineEvents<DeclarationEvent>(), {
  name: 'roles',
  source: { kind: 'category', category: 'declaration' },
  partitionBy: ({ metadata }) => metadata.role.toLowerCase(),
  initialState: () => ({ steps: 0, declarations: 0 }),
  any: async (state, event, context) => {
    const role = context.partition
    context.linkTo(`role-${role}`, event)
    // Whether a role had a hand in a declaration before.
    const key = [role, event.streamId]
    const isNew = (await context.kv.get(key)) === undefined
    if (isNew) context.kv.set(key, true)
    return { steps: state.steps + 1, declarations: state.declarations + (isNew ? 1 : 0) }
  },
})

const log = await readLog(process.argv[2])
await using store = await openEventStore(':memory:')
await using projection = await store.project(roles)

const LINES_AT_ONCE = 1_000

for (let from = 0; from < log.length; from += LINES_AT_ONCE) {
  await store.transact(async (tx) => {
    for (const { stream, time, type, data, metadata } of log.slice(from, from + LINES_AT_ONCE)) {
      await tx.stream(stream).append({ type, data, metadata, time: new Date(time) })
    }
  })
}

// While all this was written, the projection was at work already.
const [last] = await store.category('declaration').read({ direction: 'backwards', limit: 1 }).toArray()
await projection.waitFor(last!.position, { timeoutMs: 600_000 })
console.log(`${log.length} events were linked:`)
for await (const { partition, state } of projection.partitions()) {
  console.log(`  ${partition}: ${state.steps} steps in ${state.declarations} declarations`)
}

// A link reads as what it points to, and says in `link` where it was found.
console.log('What supervisors did last:')
const supervisor = store.stream<DeclarationEvent>('role-supervisor')
for await (const { type, streamId, link } of supervisor.read({ direction: 'backwards', limit: 3 })) {
  console.log(`  ${link?.streamId} ${link?.version}: ${type} of ${streamId}`)
}

// Everything is made anew from the log, beside what is there. What was linked once is not linked again.
const before = (await supervisor.info()).version
await projection.rebuild()
while ((await projection.status()).building !== undefined) {
  await new Promise((resolve) => setTimeout(resolve, 10))
}
const { handled } = await projection.status()
console.log(`${handled} events were handled again, and ${(await supervisor.info()).version - before} linked`)

async function readLog(path: string | undefined): Promise<readonly Line[]> {
  if (path === undefined) return builtIn()
  const bytes = await readFile(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

/** Two declarations: one that is approved at once, and one that is rejected at first. */
function builtIn(): readonly Line[] {
  const rows = `
    1 2017-12-27T09:12:30Z EMPLOYEE        26.85 DeclarationSubmittedByEmployee
    1 2017-12-27T10:27:48Z ADMINISTRATION  26.85 DeclarationApprovedByAdministration
    2 2017-12-28T14:02:11Z EMPLOYEE       182.46 DeclarationSubmittedByEmployee
    1 2017-12-28T16:40:02Z SUPERVISOR      26.85 DeclarationFinalApprovedBySupervisor
    2 2017-12-29T08:15:45Z SUPERVISOR     182.46 DeclarationRejectedBySupervisor
    2 2018-01-05T09:20:37Z EMPLOYEE       182.46 DeclarationSubmittedByEmployee
    2 2018-01-08T13:05:18Z ADMINISTRATION 182.46 DeclarationApprovedByAdministration
    2 2018-01-08T15:48:55Z SUPERVISOR     182.46 DeclarationFinalApprovedBySupervisor`
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
      return { stream: `declaration-${id}`, time, type, data: { amount: Number(amount) }, metadata: { role } }
    })
}
