import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { Stream, StreamEntry } from '../../store/contract-streams.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import { counted, dataOf, nextTurn, type StoreLaws } from './laws.ts'
import { marked } from './sights.ts'

/** Reads something of a stream; `position` is that of its first event. */
type Look = (tx: StoreTransaction, id: string, position: bigint) => Promise<unknown>
type Change = (stream: Stream) => Promise<unknown>

const LOOKS: Readonly<Record<string, Look>> = {
  'stream.read()': (tx, id) => dataOf(tx.stream(id).read()),
  'stream.read() of one event': (tx, id) => dataOf(tx.stream(id).read({ limit: 1 })),
  'stream.read().last()': async (tx, id) => (await tx.stream(id).read().last())?.data,
  'stream.event()': async (tx, id) => (await tx.stream(id).event(1))?.data,
  'stream.exists()': (tx, id) => tx.stream(id).exists(),
  'stream.info()': (tx, id) => tx.stream(id).info(),
  'all.read()': (tx) => dataOf(tx.all.read()),
  'all.read() of one event': (tx, _, from) => dataOf(tx.all.read({ from, limit: 1 })),
  'all.read() up to one event': (tx, _, to) => dataOf(tx.all.read({ to })),
  'category().read()': (tx, id) => dataOf(tx.category(id).read()),
  'category().read() of one event': (tx, id) => dataOf(tx.category(id).read({ limit: 1 })),
  'category().read() backwards': (tx, id) =>
    dataOf(tx.category(id).read({ direction: 'backwards', limit: 1 })),
  'eventType().read()': (tx, id) => dataOf(tx.eventType(`Of ${id}`).read()),
  'query().read() by a tag': (tx, id) => dataOf(tx.query({ items: [{ tags: [id] }] }).read()),
  'query().read() by type and tag': (tx, id) =>
    dataOf(tx.query({ items: [{ types: [`Of ${id}`, 'Of t'], tags: ['odd', id] }] }).read({ limit: 1 })),
  'query().read() of everything': (tx) => dataOf(tx.query({}).read()),
  'an expected version': (tx, id) => tx.stream(id).append([], { expectedVersion: 'stream-exists' }),
  'a condition': (tx, streamId) => tx.append([], { conditions: [{ streamId, expectedVersion: 'deleted' }] }),
  failIfEventsMatch: (tx, id) =>
    tx.stream('out').append([], { failIfEventsMatch: { query: { items: [{ tags: [id] }] } } }),
  'a link to one of its events': (tx, id) => dataOf(tx.stream(`links to ${id}`).read()),
}

/** How a stream is before, and what happens to it while a transaction runs that has read of it. */
const CHANGES: Readonly<Record<string, readonly [before: Change, change: Change]>> = {
  'delete()': [async () => {}, (stream) => stream.delete()],
  'restore()': [(stream) => stream.delete(), (stream) => stream.restore()],
  'append() that revives it': [(stream) => stream.delete(), (stream) => stream.append(counted(1, 77))],
  'tombstone()': [async () => {}, (stream) => stream.tombstone()],
  'tombstone() of what was deleted': [(stream) => stream.delete(), (stream) => stream.tombstone()],
  'truncateBefore()': [async () => {}, (stream) => stream.truncateBefore(4)],
  'setRetention()': [async () => {}, (stream) => stream.setRetention({ maxCount: 1 })],
  'append() that hides by maxCount': [
    (stream) => stream.setRetention({ maxCount: 3 }),
    (stream) => stream.append(counted(3, 77)),
  ],
}

/** Reads that have nothing to do with the stream. */
const HARMLESS: Readonly<Record<string, Look>> = {
  'stream.read() of another stream': (tx) => dataOf(tx.stream('t').read()),
  'stream.info() of another stream': (tx) => tx.stream('t').info(),
  'category().read() of another category': (tx) => dataOf(tx.category('t').read()),
  'eventType().read() of another type': (tx) => dataOf(tx.eventType('Of t').read()),
  'query().read() of other tags': (tx) => dataOf(tx.query({ items: [{ tags: ['t'] }] }).read()),
  'query().read() of the events before': (tx) => dataOf(tx.query({}).read({ limit: 2 })),
  'all.read() of the events before': (tx) => dataOf(tx.all.read({ limit: 2 })),
  'stream.append() to another stream': (tx) => tx.stream('t').append([], { expectedVersion: 3 }),
  'failIfEventsMatch of others': (tx) =>
    tx.stream('out').append([], { failIfEventsMatch: { query: { items: [{ tags: ['u'] }] } } }),
}

/** A transaction must not commit on what it has read of a stream that was deleted, restored, or cut meanwhile. */
export function lifecycleConflictLaws({ law }: StoreLaws): void {
  for (const [name, [before, change]] of Object.entries(CHANGES)) {
    law(
      `transact() runs again when a stream that it has read by any source sees a ${name}`,
      async ({ store }) => {
        let seenOtherwise = 0
        for (const [at, [source, look]] of Object.entries(LOOKS).entries()) {
          const id = `s${at}`
          const position = await prepare(store, id)
          await before(store.stream(id))
          const sights = await sightsOf(store, id, position, look, () => change(store.stream(id)))
          const now = await store.transact((tx) => sightOf(tx, id, position, look))
          assert.deepEqual(sights.at(-1), now, `${source} commits on what is`)
          if (sights.length > 1) seenOtherwise += 1
          await store.stream(`links to ${id}`).delete()
        }
        assert.ok(seenOtherwise > LOOKS_CONCERNED, `${seenOtherwise} sources have run again`)
      },
    )

    law(`transact() does not run again for a ${name} of a stream that it has not read`, async ({ store }) => {
      await store.stream('t').append(marked('t', 3))
      const position = await prepare(store, 's')
      for (const [source, look] of Object.entries(HARMLESS)) {
        await before(store.stream('s'))
        const sights = await sightsOf(store, 's', position, look, () => change(store.stream('s')))
        assert.equal(sights.length, 1, source)
        if (name.startsWith('tombstone')) return
        await store.stream('s').delete()
        await store.stream('s').append(marked('s', 3))
      }
    })
  }

  for (const change of ['delete', 'tombstone'] as const) {
    law(`append() that expects a stream comes before its ${change}(), or fails`, async ({ store }) => {
      for (let round = 0; round < 30; round += 1) {
        const stream = store.stream(`s${round}`)
        await stream.append(counted(1))
        const racing: Promise<void>[] = []
        const race = (call: Promise<unknown>): void => {
          racing.push(
            call.then(
              () => {},
              (error) => assert.equal(error.code, 'wrong-expected-version'),
            ),
          )
        }
        for (let turn = 0; turn < 6; turn += 1) {
          race(stream.append(counted(1), { expectedVersion: 'stream-exists' }))
          if (turn === round % 6) race(stream[change]())
          if (round % 2 === 0) await nextTurn()
          else await Promise.resolve()
        }
        await Promise.all(racing)
        const told = (await store.stream(`$$s${round}`).read().toArray())[0]!
        const [entry] = await entriesOf(store, stream.id)
        assert.equal(
          (told.data as { readonly version: number }).version,
          entry!.version,
          'nothing came after',
        )
        assert.equal(entry!.state, change === 'delete' ? 'deleted' : 'tombstoned')
      }
    })
  }

  law('of a delete() and an append() that expect the same version, one fails', async ({ store }) => {
    for (let round = 0; round < 20; round += 1) {
      const stream = store.stream(`s${round}`)
      await stream.append(counted(2))
      const outcomes = await Promise.allSettled([
        stream.delete({ expectedVersion: 2 }),
        stream.append(counted(1), { expectedVersion: 'stream-exists' }),
        store.transact((tx) => tx.stream(stream.id).append(counted(1), { expectedVersion: 2 })),
      ])
      const { state, version } = await stream.info()
      const [deleted, , appended] = outcomes.map(({ status }) => status === 'fulfilled')
      assert.ok(!(deleted && appended), 'they expect the same version')
      if (deleted) assert.deepEqual([state, version], ['deleted', 2])
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'wrong-expected-version')
    }
  })
}

async function entriesOf(store: EventStore, id: string): Promise<StreamEntry[]> {
  const entries: StreamEntry[] = []
  for await (const entry of store.streams({ prefix: id, deleted: true }))
    if (entry.streamId === id) entries.push(entry)
  return entries
}

/** How many sources at least must have seen another state. */
const LOOKS_CONCERNED = 8

/** Makes a stream of three events, and another with a link to the first of them. Returns the position of that. */
async function prepare(store: EventStore, id: string): Promise<bigint> {
  await store.stream(id).append(marked(id, 3))
  await store.stream(`links to ${id}`).linkTo({ streamId: id, version: 1 })
  return (await store.stream(id).event(1))!.position
}

/** What each run of a body has seen that writes something of its own, while its first run is disturbed. */
async function sightsOf(
  store: EventStore,
  id: string,
  position: bigint,
  look: Look,
  change: () => Promise<unknown>,
): Promise<unknown[]> {
  const sights: unknown[] = []
  await store.transact(async (tx) => {
    sights.push(await sightOf(tx, id, position, look))
    if (sights.length === 1) await change()
    tx.kv.set(['written'], 1)
  })
  return sights
}

/** What a look shows, or how it fails. */
async function sightOf(tx: StoreTransaction, id: string, position: bigint, look: Look): Promise<unknown> {
  try {
    return await look(tx, id, position)
  } catch (error) {
    return (error as { readonly code?: string }).code ?? error
  }
}
