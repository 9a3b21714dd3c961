/**
 * Holds a snapshot: `snapshot-child.ts <folder> <engine>`. Reports what it sees at first, `again` when it is told to `look`, and `later`
 * on a new snapshot when it is told to `renew`.
 */
import { type EventStore, openEventStore, type StoreReadTransaction } from 'eventdb'
import { report, told } from './told.ts'

const [folder, engine] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb']
const [looking, renewing] = [told('look'), told('renew')]
const store = await openEventStore(folder, { engine })
await store.readTransact(async (tx) => {
  report({ event: 'first', events: await count(tx) })
  await looking
  report({ event: 'again', events: await count(tx) })
})
await renewing
report({ event: 'later', events: await count(store) })
await store.close()
process.exit(0)

async function count(source: Pick<StoreReadTransaction | EventStore, 'all'>): Promise<number> {
  return (await source.all.read().toArray()).length
}
