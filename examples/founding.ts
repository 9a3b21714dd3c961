/**
 * The way in step by step, as the founding document of eventdb has it: open a key-value store, choose a directory in it, lay an
 * event store over that. `openEventStore('./data')` does all three at once.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { openSqlite } from 'eventdb/sqlite'

const folder = await mkdtemp(join(tmpdir(), 'eventdb-founding-'))

// A key-value store: here a SQLite file that nobody else may read.
const kv = await openSqlite(folder, { mode: 0o600 })

// A directory: a short prefix for all keys below it. Stores in different directories know nothing of each other.
const directory = await kv.createOrOpenDirectory(['foo'])

// The event store over both. It leaves the key-value store open when it is closed, since it did not open it.
const store = await openEventStore(kv, { directory })

await store.transact((tx) => tx.createStream('123'))

const stream = store.stream('123')
await stream.append({ type: 'Greeted', data: { text: 'Hello' } })

for await (const { version, type, data } of stream.read()) {
  console.log(`123 has version ${version}: ${type} ${JSON.stringify(data)}`)
}
console.log(`The directories are: ${(await kv.listDirectories()).join(', ')}`)

// A persistent subscription has to be created first; here in one transaction with its stream.
await store.transact(async (tx) => {
  const created = await tx.createStream('my-stream')
  await created.createSubscription('my-subscription-group')
})

// A volatile one hears what comes from now on. Each event goes to one subscriber of the group.
let hear = (): void => {}
const heard = new Promise<void>((resolve) => {
  hear = resolve
})
const mine = store.stream('my-stream')
const subscription = await mine.subscribe({ type: 'volatile', group: 'my-subscription-group' }, (event) => {
  console.log(`Got event ${event.type}`)
  hear()
})
await mine.append({ type: 'Greeted', data: { text: 'Hello, group' } })
await heard
await subscription.close()

for await (const delivery of await mine.subscribe({ type: 'persistent', group: 'my-subscription-group' })) {
  console.log(`The persistent subscription has kept ${delivery.event.type}`)
  await delivery.ack()
  break
}

await store.close()
await kv.close()
await rm(folder, { recursive: true })
