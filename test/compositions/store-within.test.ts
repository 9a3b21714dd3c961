import { openEventStore } from 'eventdb'
import { openMemory } from 'eventdb/memory'
import { openSqlite } from 'eventdb/sqlite'
import { storeConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { reopenable } from '../support/store-fixtures.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { withinTransactions } from '../support/within-transactions.ts'

/** Laws that make no sense where every call is a transaction that the caller runs. */
const LEFT_OUT: readonly RegExp[] = [
  // Appends that wait together are a matter of the store's own queue: its order, its verdicts, its signals.
  /^append\(\) whose signal fires while it waits/,
  /^append\(\) of one program is in the order/,
  /^append\(\) refuses one of those that wait together/,
  /^store\.append\(\) is seen whole or not at all by readers/,
  /^appends beside changes of the retention hide what they must/,
  /^close\(\)/,
  // Positions are known after the commit. This fixture looks for them where the events are, and does not find those that are hidden.
  /^append\(\) recognises what is hidden/,
  /with a key again returns the original results?/,
  /^a key is noted for events that are recognised by their ids/,
  /^an append that was made before is recognised in a stream that is deleted or tombstoned/,
  // The fixture reads everything in one transaction before it hands anything out.
  /throws the reason of its signal$/,
  /^a read that is under way when its index is dropped/,
  // What shares a transaction is a matter of the queue again, and so is whom an inline projection refuses of those.
  /^inline projections: (of 50 appends|later appends of a batch|a refused append counts|each event is handled of a stream that keeps)/,
  /^inline projections: (appends that wait when the store|a handler that waits for an append|the position of an append)/,
]

function lawTest(name: string, law: () => Promise<void>): void {
  if (!LEFT_OUT.some((pattern) => pattern.test(name))) test(name, law)
}

describe('memory, laid over transactions of the caller', () => {
  storeConformance({
    test: lawTest,
    open: async (options) => {
      const kv = await openMemory(options)
      const open = async () => withinTransactions(await openEventStore(kv, options))
      return reopenable(open, () => kv.close())
    },
  })
})

describe('SQLite, laid over transactions of the caller', () => {
  storeConformance({
    test: lawTest,
    open: async (options) => {
      const folder = await temporaryFolder()
      const kv = await openSqlite(folder.path, options)
      const open = async () => withinTransactions(await openEventStore(kv, options))
      return reopenable(open, async () => {
        await kv.close()
        await folder.remove()
      })
    },
  })
})
