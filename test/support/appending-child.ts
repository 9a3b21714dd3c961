/**
 * Appends without pause until it is killed: `appending-child.ts <folder> <engine> <name> <seed>`. Loads everything, reports
 * `ready`, opens the store when it is told to `go`, and then reports `open` and every group that was acknowledged. Closes the store
 * when it is told to `close`.
 */
import { type EventStore, openEventStore } from 'eventdb'
import { type Group, type GroupReport, groupsOf } from './appended-group.ts'
import { onTold, report, told } from './told.ts'

const IN_FLIGHT = 8

const [folder, engine, name, seed] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string, string]
await import(`../../src/drivers/${engine}/index.ts`)
const groups = groupsOf(name, Number(seed))
const going = told('go')
report({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
report({ event: 'open' })
let closing = false
onTold((line) => {
  if (line !== 'close') return
  closing = true
  void store.close().then(() => process.exit(0))
})
await Promise.all(Array.from({ length: IN_FLIGHT }, () => appendGroups(store)))

async function appendGroups(store: EventStore): Promise<void> {
  for (const group of groups) {
    try {
      report({ event: 'acknowledged', ...(await append(store, group)) })
    } catch (error) {
      if (closing) return
      throw error
    }
  }
}

async function append(store: EventStore, group: Group): Promise<GroupReport> {
  if (group.kind === 'transaction') return appendInTransaction(store, group)
  const results = await store.append(group.appends)
  const parts = results.map(({ streamId, firstVersion, lastVersion }) => ({
    streamId,
    firstVersion,
    lastVersion,
  }))
  return { group: group.id, hash: group.hash, position: String(results.at(-1)!.position), parts }
}

/** With own keys: one for the group, and a counter that is read and written. */
async function appendInTransaction(store: EventStore, group: Group): Promise<GroupReport> {
  let position: bigint | undefined
  const parts = await store.transact(async (tx) => {
    const count = Number((await tx.kv.get(['transactions'])) ?? 0)
    tx.kv.set(['transactions'], count + 1)
    tx.kv.set(['group', name, group.id], group.hash)
    tx.afterCommit((commit) => {
      position = commit.position
    })
    const parts: GroupReport['parts'][number][] = []
    for (const { streamId, events } of group.appends) {
      const { firstVersion, lastVersion } = await tx.stream(streamId).append(events)
      parts.push({ streamId, firstVersion, lastVersion })
    }
    return parts
  })
  return { group: group.id, hash: group.hash, position: String(position), parts }
}
