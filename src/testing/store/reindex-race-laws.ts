import assert from 'node:assert/strict'
import { REINDEX_EVENTS } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ReindexProgress } from '../../store/contract-admin.ts'
import type { IndexName } from '../../store/contract-reading.ts'
import { failureOf, nextTurn, numbers, type StoreLaws } from './laws.ts'
import { assertScans, scanOfCategory, scanOfQuery, scanOfType } from './scan.ts'

const INDEXES: readonly IndexName[] = ['category', 'type', 'tag']
const byTag = scanOfQuery({ items: [{ tags: ['t'] }] })
const SCANS = [scanOfCategory('s'), scanOfType('A'), byTag]
/** Appends that are made while indexes are added and dropped. */
const WRITES = 32
const EVENT = { type: 'A', tags: ['t'] }

/** Adding and dropping indexes while others use the store. */
export function reindexRaceLaws(laws: StoreLaws): void {
  writerLaws(laws)
  handleLaws(laws)
  transactionLaws(laws)
}

function writerLaws({ law }: StoreLaws): void {
  law(
    'reindex() misses no event that is appended meanwhile, and none that is hidden, restored or scavenged',
    async ({ store }) => {
      await fill(store)
      let writing = true
      const written = write(store, WRITES).finally(() => {
        writing = false
      })
      for (const index of INDEXES) await store.reindex({ add: [index] })
      for (; writing; await nextTurn()) await store.reindex({ drop: ['tag', 'type'], add: ['tag', 'type'] })
      await written
      await assertScans(store, SCANS)
    },
    { open: { indexes: [] } },
  )

  law(
    'reindex() twice at a time comes to the same',
    async ({ store }) => {
      await fill(store)
      await Promise.all([
        store.reindex({ add: INDEXES }),
        store.reindex({ add: INDEXES.toReversed() }),
        store.reindex({ add: ['tag'] }),
      ])
      assert.deepEqual((await store.info()).indexes, INDEXES)
      await assertScans(store, SCANS)
      await Promise.all(numbers(1, 3).map(() => store.reindex({ drop: ['tag'], add: ['tag'] })))
      await assertScans(store, SCANS)
    },
    { open: { indexes: [] } },
  )

  law(
    'reindex() that adds and one that drops at the same time leave a store that is whole',
    async ({ store }) => {
      await fill(store)
      for (const _ of numbers(1, 4)) {
        await Promise.all([store.reindex({ drop: ['tag', 'type'] }), store.reindex({ add: ['tag', 'type'] })])
        assert.deepEqual((await store.check()).problems, [])
      }
      await store.reindex({ add: INDEXES })
      await assertScans(store, SCANS)
    },
  )

  law('reindex() leaves no rows of events that are scavenged meanwhile', async ({ store }) => {
    await fill(store)
    for (const round of numbers(0, 7)) {
      const stream = store.stream(`s-${round + 1}`)
      await stream.append(numbers(1, 40).map(() => EVENT))
      await stream.truncateBefore(30)
      let scavenging: Promise<unknown> | undefined
      // Near the end of the log is what the next step is about to read.
      const onProgress = ({ doing }: ReindexProgress): void => {
        if (doing === 'building') scavenging ??= scavengeLater(store, round % 4)
      }
      await store.reindex({ drop: ['tag'], add: ['tag'], onProgress })
      await scavenging
      assert.deepEqual((await store.check()).problems, [])
    }
    await assertScans(store, SCANS)
  })

  law(
    'reindex() makes appends on a condition wait for the index, not pass it',
    async ({ store }) => {
      await fill(store)
      const append = (): Promise<unknown> =>
        store.stream('out').append(EVENT, { failIfEventsMatch: { query: { items: [{ tags: ['t'] }] } } })
      await failureOf('index-missing', append)
      const controller = new AbortController()
      const { signal } = controller
      const building = store.reindex({ add: ['tag'], signal, onProgress: () => controller.abort() })
      await assert.rejects(building)
      const error = await failureOf('index-missing', append)
      assert.match(error.message, /being built/)
      await store.reindex()
      await failureOf('append-condition-failed', append)
      assert.equal(await store.stream('out').exists(), false)
    },
    { open: { indexes: [] } },
  )
}

function handleLaws({ law }: StoreLaws): void {
  law(
    'reindex() is known to other stores over the same place before they append',
    async ({ store, directory }) => {
      await using other = await openEventStore(store.kv, { directory })
      await fill(store)
      for (const [writer, changer] of [
        [store, other],
        [other, store],
      ] as const) {
        await writer.stream('s-1').append(EVENT)
        await changer.reindex({ drop: ['tag'] })
        await writer.stream('s-1').append(EVENT)
        await failureOf('index-missing', () => byTag.source(writer).read().first())
        assert.deepEqual((await writer.check()).problems, [])
        await changer.reindex({ add: ['tag'] })
        await writer.stream('s-1').append(EVENT)
        await assertScans(writer, SCANS)
        await assertScans(changer, SCANS)
      }
    },
  )
}

function transactionLaws({ law }: StoreLaws): void {
  law(
    'transact() that has appended runs again when an index is added or dropped meanwhile',
    async ({ store }) => {
      await fill(store)
      for (const change of [{ drop: INDEXES }, { add: INDEXES }] as const) {
        let runs = 0
        await store.transact(async (tx) => {
          runs += 1
          await tx.stream('s-1').append(EVENT)
          if (runs === 1) await store.reindex(change)
        })
        assert.equal(runs, 2)
        assert.deepEqual((await store.check()).problems, [])
      }
      await assertScans(store, SCANS)
    },
  )

  law('transact() that reads through an index which is dropped meanwhile finds out', async ({ store }) => {
    await fill(store)
    let runs = 0
    const reading = store.transact(async (tx) => {
      runs += 1
      await tx
        .query({ items: [{ tags: ['t'] }] })
        .read()
        .toArray()
      if (runs === 1) await store.reindex({ drop: ['tag'] })
      await tx.stream('out').append(EVENT)
    })
    await assert.rejects(reading, { code: 'index-missing' })
    assert.equal(await store.stream('out').exists(), false)
  })

  law('a read that is under way when its index is dropped ends with an error', async ({ store }) => {
    await fill(store)
    let seen = 0
    const reading = async (): Promise<void> => {
      for await (const _ of store.eventType('A').read()) {
        seen += 1
        if (seen === 10) await store.reindex({ drop: ['type'] })
      }
    }
    await assert.rejects(reading(), { code: 'index-missing' })
    assert.ok(seen >= 10 && seen < REINDEX_EVENTS)
  })

  law('readTransact() keeps the index of its snapshot', async ({ store }) => {
    await fill(store)
    await store.readTransact(async (tx) => {
      const before = await tx.eventType('A').read().toArray()
      await store.reindex({ drop: ['type'] })
      assert.equal((await tx.eventType('A').read().toArray()).length, before.length)
    })
  })
}

/** Appends, links, deletes, restores, truncates and scavenges. */
async function write(store: EventStore, count: number): Promise<void> {
  for (const n of numbers(1, count)) {
    const stream = store.stream(`s-${n % 5}`)
    await stream.append([EVENT, { type: 'B' }, { type: 'A', tags: ['t', 'u'] }])
    if (n % 4 === 1) await stream.delete()
    if (n % 8 === 1) await stream.restore()
    if (n % 4 === 3) await stream.truncateBefore((await stream.info()).version)
    if (n % 16 === 7) await store.scavenge()
    if (n % 3 === 0) await stream.linkTo({ streamId: 'other', version: 1 })
    await nextTurn()
  }
}

async function scavengeLater(store: EventStore, turns: number): Promise<void> {
  for (const _ of numbers(1, turns)) await nextTurn()
  await store.scavenge()
}

async function fill(store: EventStore): Promise<void> {
  await store.stream('s-0').append(numbers(1, REINDEX_EVENTS + 100).map(() => EVENT))
  await store.stream('other').append(numbers(1, 200).map(() => ({ ...EVENT, type: 'B' })))
}
