import assert from 'node:assert/strict'
import { REINDEX_DROP_ROWS, REINDEX_EVENTS } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type { ReindexOptions, ReindexProgress } from '../../store/contract-admin.ts'
import type { IndexName } from '../../store/contract-reading.ts'
import { failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import { happen, randomScan } from './random-history.ts'
import { assertScans, type Scan, scanOfCategory, scanOfQuery, scanOfType } from './scan.ts'

const INDEXES: readonly IndexName[] = ['category', 'type', 'tag']
/** More than two transactions of a reindex look at. */
const COUNT = 2 * REINDEX_EVENTS + 300

const SCANS: Readonly<Record<IndexName, readonly Scan[]>> = {
  category: [scanOfCategory('s'), scanOfCategory('other')],
  type: [scanOfType('A'), scanOfType('B'), scanOfType('$link')],
  tag: [scanOfQuery({ items: [{ tags: ['t'] }] }), scanOfQuery({ items: [{ tags: ['odd', 't'] }] })],
}

/** Adding and dropping indexes. What happens at the same time: `reindex-race-laws.ts`. */
export function reindexLaws(laws: StoreLaws): void {
  addingLaws(laws)
  droppingLaws(laws)
  progressLaws(laws)
  interruptionLaws(laws)
}

function addingLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'reindex() adds indexes that lead to what a scan finds, after a random history',
    async ({ store, runtime, random }) => {
      await happen(store, runtime, random)
      await store.scavenge()
      await happen(store, runtime, random)
      for (const index of INDEXES) {
        await store.reindex({ add: [index] })
        await happen(store, runtime, random)
      }
      assert.deepEqual((await store.info()).indexes, INDEXES)
      await assertScans(
        store,
        numbers(1, 40).map(() => randomScan(random)),
      )
    },
    { open: { indexes: [] } },
  )

  for (const index of INDEXES) {
    law(
      `reindex() adds the index by ${index} to a store without any`,
      async ({ store }) => {
        await fill(store)
        await assertMissing(store, index)
        await store.reindex({ add: [index] })
        assert.deepEqual((await store.info()).indexes, [index])
        await assertScans(store, SCANS[index])
        await store.stream('s-1').append(numbers(1, 10).map(eventOf))
        await assertScans(store, SCANS[index])
        for (const other of INDEXES) if (other !== index) await assertMissing(store, other)
      },
      { open: { indexes: [] } },
    )
  }

  law(
    'reindex() adds all indexes to an empty store',
    async ({ store }) => {
      await store.reindex({ add: INDEXES })
      await fill(store)
      await assertScans(store, Object.values(SCANS).flat())
    },
    { open: { indexes: [] } },
  )

  law(
    'reindex() goes by the separator of the store',
    async ({ store }) => {
      await store.stream('a/1').append({ type: 'A' })
      await store.stream('a-1').append({ type: 'A' })
      await store.reindex({ add: ['category'] })
      assert.equal((await store.category('a').read().toArray()).length, 1)
      assert.equal((await store.category('a-1').read().toArray()).length, 1)
    },
    { open: { indexes: [], categorySeparator: '/' } },
  )

  law('reindex() changes nothing if there is nothing to do', async ({ store }) => {
    await fill(store)
    const progress: ReindexProgress[] = []
    const onProgress = (one: ReindexProgress): unknown => progress.push(one)
    await store.reindex({ onProgress })
    await store.reindex({ add: INDEXES, onProgress })
    await store.reindex({ add: [], drop: [], onProgress })
    assert.deepEqual(progress, [])
    await assertScans(store, Object.values(SCANS).flat())
  })

  law('reindex() refuses what makes no sense', async ({ store }) => {
    for (const options of [{ add: ['types'] }, { drop: 'tag' }, { add: null }, { remove: ['tag'] }, null]) {
      const call = (): unknown => store.reindex(options as unknown as ReindexOptions)
      await refuses(store, 'invalid-argument', call, JSON.stringify(options))
    }
    assert.deepEqual((await store.info()).indexes, INDEXES)
  })
}

function droppingLaws({ law }: StoreLaws): void {
  for (const index of INDEXES) {
    law(`reindex() drops the index by ${index}, which can be added again`, async ({ store }) => {
      await fill(store)
      await store.reindex({ drop: [index] })
      await assertMissing(store, index)
      const others = INDEXES.filter((other) => other !== index)
      assert.deepEqual((await store.info()).indexes, others)
      await store.stream('s-1').append(numbers(1, 10).map(eventOf))
      await store.stream('other').delete()
      await store.scavenge()
      for (const other of others) await assertScans(store, SCANS[other])
      assert.deepEqual((await store.check()).problems, [])
      await store.reindex({ drop: [index] })
      await store.reindex({ add: [index] })
      await assertScans(store, Object.values(SCANS).flat())
    })
  }

  law('reindex() builds an index anew that is dropped and added in one call', async ({ store }) => {
    await fill(store)
    const progress: ReindexProgress[] = []
    await store.reindex({ drop: ['tag'], add: ['tag'], onProgress: (one) => progress.push(one) })
    const kinds = new Set(progress.map(({ index, doing }) => `${doing} ${index}`))
    assert.deepEqual([...kinds], ['dropping tag', 'building tag'])
    await assertScans(store, SCANS.tag)
  })

  law('reindex() clears every row of an index that is dropped', async ({ store, directory }) => {
    const rows = (): Promise<number> =>
      store.kv.readTransact(async (tx) => (await tx.getRange(directory.everything()).toArray()).length)
    await fill(store)
    await store.stream('s-1').append([{ type: 'A', tags: numbers(1, 64).map((n) => `many-${n}`) }])
    const before = await rows()
    await store.reindex({ drop: INDEXES })
    const without = await rows()
    assert.ok(before - without > 2 * REINDEX_EVENTS * INDEXES.length, `${before} rows, then ${without}`)
    await store.reindex({ add: INDEXES })
    assert.equal(await rows(), before)
  })
}

function progressLaws({ law }: StoreLaws): void {
  law('reindex() tells how far it has come', async ({ store }) => {
    await fill(store)
    const progress: ReindexProgress[] = []
    await store.reindex({ drop: ['tag'], add: ['tag'], onProgress: (one) => progress.push(one) })
    const [dropping, building] = [
      progress.filter(({ doing }) => doing === 'dropping'),
      progress.filter(({ doing }) => doing === 'building'),
    ]
    assert.ok(dropping.every(({ share }) => share === undefined))
    assert.ok(dropping.at(-1)!.done > COUNT && dropping.at(-1)!.done < 3 * COUNT)
    assert.ok(building.length >= 2)
    assertRising(building.map(({ done }) => done))
    assertRising(building.map(({ share }) => share!))
    assert.ok(building[0]!.share! > 0 && building.at(-1)!.share! <= 1)
    assert.equal(building[0]!.done, REINDEX_EVENTS)
  })
}

function interruptionLaws({ law }: StoreLaws): void {
  law('reindex() that was stopped while building goes on where it was', async ({ store }) => {
    await fill(store)
    await store.reindex({ drop: ['tag'] })
    const first = await interrupted(store, { add: ['tag'] })
    await assertMissing(store, 'tag', /being built/)
    await store.stream('s-1').append(numbers(1, 10).map(eventOf))
    await store.stream('s-2').delete()
    const second = await interrupted(store, {})
    assert.deepEqual([first.done, second.done], [REINDEX_EVENTS, REINDEX_EVENTS])
    assert.ok(second.share! > first.share!)
    assert.deepEqual((await store.check()).problems, [])
    await store.reindex()
    await assertScans(store, SCANS.tag)
    await store.stream('s-2').restore()
    await assertScans(store, SCANS.tag)
  })

  law('reindex() that was stopped while dropping goes on where it was', async ({ store }) => {
    await fill(store)
    const tags = numbers(1, 60).map((n) => `many-${n}`)
    await store.stream('s-3').append(numbers(1, REINDEX_DROP_ROWS / 50).map(() => ({ type: 'A', tags })))
    const { done } = await interrupted(store, { drop: ['tag'] })
    assert.equal(done, REINDEX_DROP_ROWS)
    await assertMissing(store, 'tag')
    await store.stream('s-1').append(numbers(1, 10).map(eventOf))
    assert.deepEqual((await store.check()).problems, [])
    await store.reindex({ add: ['tag'] })
    await assertScans(store, SCANS.tag)
  })

  law(
    'reindex() with a signal that was aborted gives its reason, and can be made again',
    async ({ store }) => {
      await fill(store)
      const reason = new Error('given up')
      const options = { drop: ['tag'], add: ['tag'], signal: AbortSignal.abort(reason) } as const
      await assert.rejects(store.reindex(options), reason)
      await store.reindex({ add: ['tag'] })
      await assertScans(store, SCANS.tag)
    },
  )

  law(
    'reindex() goes on after the store was closed and opened again',
    async ({ store, reopen, directory }) => {
      await fill(store)
      await store.reindex({ drop: INDEXES })
      await interrupted(store, { add: ['type', 'tag'] })
      const again = await reopen()
      await assertMissing(again, 'type', /being built/)
      await again.stream('s-1').append(numbers(1, 10).map(eventOf))
      await again.reindex({ add: ['tag'] })
      await assertScans(again, [...SCANS.type, ...SCANS.tag])
      await using other = await openEventStore(again.kv, { directory, indexes: ['type', 'tag'] })
      await assertScans(other, SCANS.type)
    },
    { needs: 'reopen' },
  )
}

/** Runs a reindex that is stopped after its first report, which is returned. */
async function interrupted(store: EventStore, options: ReindexOptions): Promise<ReindexProgress> {
  const [reason, controller] = [new Error('given up'), new AbortController()]
  const progress: ReindexProgress[] = []
  const onProgress = (one: ReindexProgress): void => {
    progress.push(one)
    controller.abort(reason)
  }
  await assert.rejects(store.reindex({ ...options, onProgress, signal: controller.signal }), reason)
  assert.equal(progress.length, 1)
  return progress[0]!
}

async function assertMissing(store: EventStore, index: IndexName, message?: RegExp): Promise<void> {
  for (const scan of SCANS[index]) {
    const error = await failureOf('index-missing', () => scan.source(store).read().first())
    if (message !== undefined) assert.match(error.message, message)
  }
}

function assertRising(numbers: readonly number[]): void {
  for (const [at, number] of numbers.entries()) if (at > 0) assert.ok(number > numbers[at - 1]!, `${numbers}`)
}

/** Events of two categories, some of them hidden, some scavenged, and a link. */
async function fill(store: EventStore): Promise<void> {
  await store.stream('s-1').append(numbers(1, COUNT - 100).map(eventOf))
  await store.stream('s-2').append(numbers(1, 50).map(eventOf))
  await store.stream('other').append(numbers(1, 50).map(eventOf))
  await store.stream('s-1').linkTo({ streamId: 'other', version: 50 })
  await store.stream('s-1').truncateBefore(20)
  await store.scavenge()
  await store.stream('other').truncateBefore(20)
  await store.stream('s-2').setMetadata({ a: 1 })
}

function eventOf(n: number): { type: string; data: number; tags: string[] } {
  return { type: n % 3 === 0 ? 'A' : 'B', data: n, tags: ['t', n % 2 === 0 ? 'even' : 'odd'] }
}
