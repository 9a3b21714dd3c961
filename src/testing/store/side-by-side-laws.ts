import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { StoreTransaction } from '../../store/contract-transactions.ts'
import type { TransactionEvent } from '../../store/event.ts'
import { counted, failureOf, nextTurn, numbers, type StoreLaws, uuidOf } from './laws.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

/** Calls that do not wait for each other: within one body, one read, or one program. */
export function sideBySideLaws({ law }: StoreLaws): void {
  law('an id is recorded once, beside appends that make an append wait', async ({ store }) => {
    for (const round of numbers(1, 24)) {
      const event = { type: 'A', id: uuidOf(round) }
      const streamId = `x-${round}`
      const many = numbers(1, 100).map((n) => ({ streamId: `n-${round}-${n}`, events: counted(1) }))
      const late = async (): Promise<unknown> => {
        for (const _ of numbers(1, round % 12)) await nextTurn()
        return store.transact((tx) => tx.stream(streamId).append(event))
      }
      await Promise.all([store.append(many), store.stream(streamId).append(event), late()])
      assert.equal((await store.stream(streamId).read().toArray()).length, 1, `round ${round}`)
    }
  })

  for (const [name, change] of Object.entries(CHANGES)) {
    law(`${name} is committed as a whole or not at all, whenever its body ends`, async ({ store }) => {
      for (const ticks of numbers(0, 40)) {
        const streamId = `s-${ticks}`
        await store.stream(streamId).append(counted(2))
        await store.transact(async (tx) => {
          const failing = ticksOf(ticks).then(() => Promise.reject(new Error('given up')))
          await Promise.all([change(tx, streamId), failing]).catch(() => {})
          tx.kv.set([streamId], 1)
        })
        const { problems } = await store.check()
        assert.deepEqual(problems, [], `after ${ticks} ticks`)
      }
    })
  }

  law('read() in a transaction goes well beside appends to the same stream', async ({ store }) => {
    await store.append(['a', 'b'].map((streamId) => ({ streamId, events: counted(2) })))
    await store.stream('a').setRetention({ maxCount: 9 })
    await store.transact(async (tx) => {
      await Promise.all([tx.stream('a').exists(), tx.stream('b').exists()])
      const appending = tx
        .stream('b')
        .append({ type: 'B' })
        .then(() => tx.stream('a').append({ type: 'B' }))
      const [events] = await Promise.all([tx.stream('a').read().toArray(), appending])
      const versions = events.map(({ version }) => version)
      assert.deepEqual(versions, numbers(1, versions.length))
    })
  })

  law('next() of a read can be called again before it has answered', async ({ store }) => {
    await store.stream('s').append(counted(70))
    const iterator = store.stream('s').read()[Symbol.asyncIterator]()
    const results = await Promise.all(numbers(1, 72).map(() => iterator.next()))
    assert.deepEqual(
      results.map(({ value, done }) => (done === true ? undefined : value.data)),
      [...numbers(1, 70), undefined, undefined],
    )
  })

  law(
    'append() of one program is in the order of its calls, also with an idempotency key',
    async ({ store }) => {
      const appendBoth = (first: Append, second: Append): Promise<{ readonly firstVersion: number }[]> =>
        Promise.all([first({ type: 'A' }, { idempotencyKey: 'k' }), second({ type: 'B' })])
      const outside = store.stream('outside')
      const append: Append = (event, options) => outside.append(event, options)
      assert.deepEqual(versionsOf(await appendBoth(append, append)), [1, 2])
    },
  )

  law(
    'appends of one body are in the order of its calls, also with an idempotency key',
    async ({ store }) => {
      const results = await store.transact(async (tx) => {
        const stream = tx.stream('s')
        await stream.exists()
        return Promise.all([
          stream.append({ type: 'A' }, { idempotencyKey: 'k' }),
          stream.append({ type: 'B' }),
        ])
      })
      assert.deepEqual(versionsOf(results), [1, 2])
    },
  )

  law('own events lie after now: within bounds that are times, too', async ({ store }) => {
    const future = new Date((await lastTimeOf(store)) + 1_000 * DAY_MS)
    await store.transact(async (tx) => {
      await tx.stream('s').append({ type: 'A' })
      assert.equal(ownOf(await tx.all.read({ to: future }).toArray()), 1)
      assert.equal(ownOf(await tx.all.read({ before: future }).toArray()), 1)
      assert.equal(ownOf(await tx.all.read({ from: future }).toArray()), 0)
      assert.equal(ownOf(await tx.all.read({ to: new Date(0) }).toArray()), 0)
    })
  })

  law('failIfEventsMatch after a position before all others means all events', async ({ store }) => {
    await store.stream('s').append({ type: 'A' })
    for (const after of [-1n, -2n, -100n, -(2n ** 70n)]) {
      for (const query of [{}, { items: [{ types: ['A'] }] }]) {
        await failureOf('append-condition-failed', () =>
          store.stream('t').append({ type: 'B' }, { failIfEventsMatch: { query, after } }),
        )
      }
    }
  })

  law('setMetadata() takes what is undefined for left out', async ({ store }) => {
    const patch = { a: undefined, b: 2 } as unknown as { b: number }
    const stream = await store.createStream('s', { metadata: { a: 1 } })
    assert.deepEqual(await stream.setMetadata(patch), { a: 1, b: 2 })
  })

  law('store.append() again is recognised although a part without events has moved on', async ({ store }) => {
    const appends = [
      { streamId: 'a', events: { type: 'A', id: uuidOf(1) }, expectedVersion: 0 },
      { streamId: 'b', events: [], expectedVersion: 0 },
    ]
    const [first] = await store.append(appends)
    await store.stream('b').append({ type: 'B' })
    const [again] = await store.append(appends)
    assert.deepEqual(again, { ...first, idempotent: true })
  })
}

type Append = (
  event: { readonly type: string },
  options?: { readonly idempotencyKey: string },
) => Promise<{ readonly firstVersion: number }>

/** What changes a stream in more than one row. */
const CHANGES: Readonly<Record<string, (tx: StoreTransaction, streamId: string) => Promise<unknown>>> = {
  'delete()': (tx, streamId) => tx.stream(streamId).delete(),
  'tombstone()': (tx, streamId) => tx.stream(streamId).tombstone(),
  'setMetadata()': (tx, streamId) => tx.stream(streamId).setMetadata({ colour: 'blue' }),
  'setRetention()': (tx, streamId) => tx.stream(streamId).setRetention({ maxCount: 1 }),
}

async function ticksOf(count: number): Promise<void> {
  for (const _ of numbers(1, count)) await undefined
}

function versionsOf(results: readonly { readonly firstVersion: number }[]): number[] {
  return results.map(({ firstVersion }) => firstVersion)
}

function ownOf(events: readonly TransactionEvent[]): number {
  return events.filter(({ position }) => position === undefined).length
}

/** The store's own time. */
async function lastTimeOf(store: EventStore): Promise<number> {
  await store.stream('clock').append({ type: 'Told' })
  return (await store.all.read().last())!.recordedAt.getTime()
}
