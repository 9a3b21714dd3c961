import assert from 'node:assert/strict'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import {
  added,
  assertSameSight,
  besideIt,
  listIn,
  lists,
  ofAggregates,
  Refusal,
  seenOf,
} from './aggregate-examples.ts'
import { everythingIn, failureOf, nextTurn, numbers, refuses, type StoreLaws } from './laws.ts'

/** Aggregates within transactions: all or nothing. */
export function aggregateTransactionLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('a transfer between two accounts is whole or not at all', async ({ store }) => {
    const of = store.aggregate(accounts)
    await of.execute('ada', 'deposit', 15)
    const transfer = (amount: number): Promise<void> =>
      store.transact(async (tx) => {
        const within = of.within(tx)
        await within.execute('bob', 'deposit', amount)
        await within.execute('ada', 'withdraw', amount)
      })
    await transfer(10)
    await assert.rejects(transfer(10), Refusal)
    assert.deepEqual([(await of.load('ada')).state, (await of.load('bob')).state], [5, 10])
    assert.equal((await store.stream('account-bob').info()).version, 1)
  })

  simulatedLaw('transfers from both sides at the same time lose nothing', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const stores = [store, other]
    const each = stores.map((one) => one.aggregate(accounts))
    for (const id of ['ada', 'bob']) await each[0]!.execute(id, 'deposit', 100)
    const outcomes = await Promise.allSettled(
      numbers(1, 40).map(async (n) => {
        for (const _ of numbers(1, n % 5)) await nextTurn()
        const [from, to] = n % 3 === 0 ? ['bob', 'ada'] : ['ada', 'bob']
        const of = each[n % 2]!
        if (n % 10 === 0) return of.execute('ada', 'deposit', 1, { retriesMax: 99 })
        return stores[n % 2]!.transact(async (tx) => {
          await of.within(tx).execute(from!, 'withdraw', 20)
          await of.within(tx).execute(to!, 'deposit', 20)
        })
      }),
    )
    for (const one of outcomes) if (one.status === 'rejected') assert.ok(one.reason instanceof Refusal)
    for (const of of each) {
      const [ada, bob] = [(await of.load('ada')).state, (await of.load('bob')).state]
      assert.equal(ada + bob, 204)
      assert.ok(ada >= 0 && bob >= 0)
    }
  })

  law('execute() within a transaction resolves to what will be, without a position', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 'a')
    const seen = await store.transact(async (tx) => {
      const { events, ...result } = await of.within(tx).execute('1', 'addAll', ['b', 'c'])
      assert.deepEqual(result, {
        id: '1',
        streamId: 'list-1',
        state: ['a', 'b', 'c'],
        version: 3,
        exists: true,
        position: undefined,
        decisions: 1,
        idempotent: false,
      })
      assert.deepEqual(await listIn(store), ['a'])
      return events.map(seenOf)
    })
    const read = await store.stream('list-1').read().toArray()
    assert.deepEqual(seen, read.slice(1).map(seenOf))
    await assertSameSight(of, store)
  })

  law('a plain execute() in the body of a transaction is no part of it', async ({ store }) => {
    const of = store.aggregate(lists())
    let runs = 0
    const transacting = store.transact(async (tx) => {
      runs += 1
      await tx.stream('s').append(added(runs), { expectedVersion: 'any' })
      await of.execute('1', 'add', runs)
      // Somebody else is faster, once.
      if (runs === 1) await store.stream('s').append(added('first'))
      if (runs === 2) throw new Refusal()
    })
    await assert.rejects(transacting, Refusal)
    assert.deepEqual([await listIn(store), await listIn(store, 's')], [[1, 2], ['first']])
  })

  law('a transaction that fails leaves nothing, also not in memory', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 'a')
    const before = await everythingIn(store)
    const failure = new Error('mine')
    const failing = store.transact(async (tx) => {
      await of.within(tx).execute('1', 'add', 'x')
      await of.within(tx).create('2', 'add', 'x')
      throw failure
    })
    await assert.rejects(failing, failure)
    assert.equal(await everythingIn(store), before)
    for (const id of ['1', '2']) await assertSameSight(of, store, id)
    assert.deepEqual((await of.execute('1', 'count')).state, ['a', 1])
    assert.deepEqual((await of.create('2', 'count')).state, [0])
  })

  law('a refusal within a transaction may be caught, and leaves nothing', async ({ store }) => {
    const of = store.aggregate(lists())
    await store.transact(async (tx) => {
      const within = of.within(tx)
      await within.execute('1', 'add', 'a')
      await assert.rejects(within.execute('1', 'addUpTo', 1), Refusal)
      await failureOf('stream-exists', () => within.create('1', 'add', 'x'))
      await failureOf('wrong-expected-version', () => within.execute('1', 'add', 'x', { expectedVersion: 7 }))
      await failureOf('unserializable', () => within.execute('1', 'add', 1n))
      assert.deepEqual((await within.execute('1', 'decide', undefined)).version, 1)
      await within.execute('1', 'count', undefined, { expectedVersion: 1 })
    })
    assert.deepEqual(await listIn(store), ['a', 1])
    await assertSameSight(of, store)
  })

  simulatedLaw('a transaction conflicts if somebody else writes what its commands saw', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    for (const [what, change] of Object.entries(CHANGES)) {
      for (const command of ['count', 'nothing', 'refusal', 'load'] as const) {
        const id = `${what} ${command}`
        const of = store.aggregate(lists())
        await of.execute(id, 'addAll', ['a', 'b'])
        const seen: number[] = []
        await store.transact(async (tx) => {
          const within = of.within(tx)
          if (command === 'count') await within.execute(id, 'countAfter', ({ length }) => seen.push(length))
          if (command === 'nothing') seen.push((await within.execute(id, 'decide', undefined)).state.length)
          if (command === 'load') seen.push((await within.load(id)).state.length)
          if (command === 'refusal') {
            await within.execute(id, 'refuseAfter', ({ length }) => seen.push(length)).catch(() => {})
          }
          if (seen.length === 1) await change(other, `list-${id}`)
          tx.kv.set(['seen'], seen.length)
        })
        assert.equal(seen.length, 2, id)
        await assertSameSight(of, store, id)
        const { state } = await store.aggregate(lists()).load(id)
        assert.equal(seen[1], command === 'count' ? state.length - 1 : state.length, id)
      }
    }
  })

  law('a transaction does not conflict with commands on other aggregates', async ({ store }) => {
    const of = store.aggregate(lists())
    let runs = 0
    await store.transact(async (tx) => {
      runs += 1
      await of.within(tx).execute('1', 'add', 1)
      await of.execute('2', 'add', runs)
    })
    assert.deepEqual([runs, await listIn(store, 'list-2')], [1, [1]])
  })

  law('commands on one aggregate within a transaction take turns', async ({ store }) => {
    const kind = lists()
    const of = store.aggregate(kind)
    await store.stream('list-1').append(added('a'))
    await store.transact(async (tx) => {
      const results = await Promise.all([
        of.within(tx).execute('1', 'count'),
        of.within(tx).execute('1', 'countAfter', () => nextTurn()),
        store.aggregate(kind).within(tx).execute('1', 'count'),
        store.aggregate(lists()).within(tx).execute('1', 'count'),
        of
          .within(tx)
          .load('1')
          .then(({ state, version }) => ({ state, version })),
        of
          .within(tx)
          .execute('1', 'refuseAfter', () => {})
          .catch((error: Error) => ({ version: error.message })),
        of.within(tx).execute('1', 'count'),
      ])
      assert.deepEqual(
        results.map(({ version }) => version),
        [2, 3, 4, 5, 5, '5', 6],
      )
    })
    assert.deepEqual(await listIn(store), ['a', ...numbers(1, 5)])
    await assertSameSight(of, store)
  })

  law(
    'aggregates, streams and own keys are one transaction, also over one of the key-value store',
    async (scene) => {
      const { store } = scene
      const of = store.aggregate(lists())
      await store.kv.transact(async (kvTx) => {
        const tx = store.within(kvTx)
        await of.within(tx).execute('1', 'add', 'a')
        await tx.stream('log').append({ type: 'Noted' })
        tx.kv.set(['k'], 1)
        await of.within(store.within(kvTx)).execute('1', 'count')
      })
      assert.deepEqual(await listIn(store), ['a', 1])
      assert.equal(await store.readTransact((tx) => tx.kv.get(['k'])), 1)
      await assertSameSight(of, store)
    },
  )

  law('a transaction of another store is refused', async ({ store, directory }) => {
    await using other = await openEventStore(store.kv, { directory })
    const of = store.aggregate(lists())
    await other.transact(async (tx) => {
      await failureOf('invalid-argument', () => of.within(tx))
      await other.aggregate(lists()).within(tx).execute('1', 'add', 1)
    })
    for (const wrong of [undefined, null, {}, store]) {
      await failureOf('invalid-argument', () => of.within(wrong as never))
    }
    assert.deepEqual(await listIn(store), [1])
  })

  law('options that belong to one append are refused within a transaction', async ({ store }) => {
    const of = store.aggregate(lists())
    await store.transact(async (tx) => {
      for (const options of [{ idempotencyKey: 'k' }, { retriesMax: 1 }, { signal: AbortSignal.abort() }]) {
        await failureOf('invalid-argument', () => of.within(tx).execute('1', 'add', 1, options as object))
      }
      const metadata = { who: 'me' }
      await of.within(tx).execute('1', 'add', 1, { metadata, correlationId: 'c', causationId: 'd' })
    })
    const [event] = await store.stream('list-1').read().toArray()
    assert.deepEqual(event!.metadata, { who: 'me', $correlationId: 'c', $causationId: 'd' })
    await refuses(store, 'invalid-argument', () =>
      store.transact((tx) => of.within(tx).load('1', { version: -1 })),
    )
  })

  law('a tombstoned aggregate is refused within a transaction', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 1)
    await store.stream('list-1').tombstone()
    await store.transact(async (tx) => {
      await failureOf('stream-tombstoned', () => of.within(tx).load('1'))
      await failureOf('stream-tombstoned', () => of.within(tx).execute('1', 'add', 2))
    })
  })
}

const accounts = defineAggregate(
  defineEvents<{ readonly type: 'Deposited' | 'Withdrawn'; readonly data: number }>(),
  {
    category: 'account',
    initialState: () => 0,
    evolve: {
      Deposited: (balance, { data }) => balance + data,
      Withdrawn: (balance, { data }) => balance - data,
    },
    commands: {
      deposit: (_balance, amount: number) => ({ type: 'Deposited', data: amount }),
      withdraw: (balance, amount: number) => {
        if (amount > balance) throw new Refusal(`only ${balance}`)
        return { type: 'Withdrawn', data: amount }
      },
    },
  },
)

const CHANGES: Readonly<Record<string, (store: EventStore, streamId: string) => Promise<unknown>>> = {
  appended: (store, id) => store.stream(id).append(added('other')),
  deleted: (store, id) => store.stream(id).delete(),
  'deleted and revived': async (store, id) => {
    await store.stream(id).delete()
    await store.stream(id).append(added('other'))
  },
}
