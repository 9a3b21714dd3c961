import assert from 'node:assert/strict'
import { consume, QUICK, waitUntilDone } from './group-consumers.ts'
import { fillSources, GROUP_SOURCES, groupsOf } from './group-sources.ts'
import { counted, failureOf, refuses, type StoreLaws } from './laws.ts'

/** Groups: how they come to be. */
export function groupLaws(laws: StoreLaws): void {
  sourceLaws(laws)
  creationLaws(laws)
  transactionGroupLaws(laws)
}

function sourceLaws({ law, simulatedLaw }: StoreLaws): void {
  for (const { name, of, data } of GROUP_SOURCES) {
    law(`a group of a source by ${name.kind} must be created first`, async ({ store }) => {
      await fillSources(store)
      const group = of(store).subscription('g')
      assert.deepEqual([group.name, group.source], ['g', name])
      const uses: Readonly<Record<string, () => unknown>> = {
        subscribe: () => of(store).subscribe({ type: 'persistent', group: 'g' }),
        info: () => group.info(),
        pause: () => group.pause(),
        resume: () => group.resume(),
        reset: () => group.reset({ to: 'start' }),
        update: () => group.update({ maxRetryCount: 1 }),
        delete: () => group.delete(),
        parked: () => group.parked()[Symbol.asyncIterator]().next(),
        replay: () => group.replay('all'),
        skip: () => group.skip('all'),
      }
      for (const [use, call] of Object.entries(uses)) {
        const error = await refuses(store, 'subscription-not-found', call, use)
        assert.deepEqual(error.details, { group: 'g', source: name }, use)
      }
    })

    simulatedLaw(
      `a group of a source by ${name.kind} delivers its events, those that are there and those that come`,
      async ({ store, runtime }) => {
        await fillSources(store)
        const group = await of(store).createSubscription('g', QUICK)
        assert.deepEqual([group.name, group.source], ['g', name])
        const consumer = await consume(of(store), 'g')
        await waitUntilDone(runtime, group)
        assert.deepEqual(consumer.data, data)
        await fillSources(store, 10)
        await waitUntilDone(runtime, group)
        assert.deepEqual(consumer.data, [...data, ...data.map((number) => number + 10)])
        assert.deepEqual((await group.info()).source, name)
        await consumer.close()
      },
    )

    law(`a group of a source by ${name.kind} can be created once`, async ({ store }) => {
      await fillSources(store)
      await of(store).createSubscription('g', { maxRetryCount: 3 })
      const error = await refuses(store, 'subscription-exists', () => of(store).createSubscription('g'))
      assert.deepEqual(error.details, { group: 'g', source: name })
      assert.equal((await of(store).subscription('g').info()).settings.maxRetryCount, 3)
    })
  }
}

function creationLaws({ law }: StoreLaws): void {
  law('createSubscription() many times at once creates one group', async ({ store }) => {
    const calls = [1, 2, 3, 4, 5].map(() => store.all.createSubscription('g'))
    const outcomes = await Promise.allSettled(calls)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'subscription-exists')
    }
    assert.deepEqual(await groupsOf(store), [{ name: 'g', source: { kind: 'all' }, state: 'running' }])
  })

  law('one name can stand for a group of each source', async ({ store }) => {
    await fillSources(store)
    for (const { of } of GROUP_SOURCES) await of(store).createSubscription('g')
    await store.stream('b-1').createSubscription('g')
    await store.stream('a-1').subscription('g').delete()
    await failureOf('subscription-not-found', () => store.stream('a-1').subscription('g').info())
    assert.equal((await groupsOf(store)).length, GROUP_SOURCES.length)
  })

  law('queries that mean the same by the same words are one source of groups', async ({ store }) => {
    await store.query({ items: [{ types: ['A'] }] }).createSubscription('g')
    await failureOf('subscription-exists', () =>
      store.query({ items: [{ types: ['A'] }] }).createSubscription('g'),
    )
    await store.query({ items: [{ types: ['B'] }] }).createSubscription('g')
  })

  law('createSubscription() requires that a stream exists, unless mustExist is false', async ({ store }) => {
    await fillSources(store)
    const gone = store.stream('b-1')
    await gone.delete()
    for (const stream of [store.stream('new'), gone]) {
      await refuses(store, 'stream-not-found', () => stream.createSubscription('g'), stream.id)
      await stream.createSubscription('g', { mustExist: false })
    }
    await gone.tombstone()
    await refuses(store, 'stream-tombstoned', () => gone.createSubscription('h'))
    await refuses(store, 'stream-tombstoned', () => gone.createSubscription('h', { mustExist: false }))
  })

  law(
    'createSubscription() says which index is missing',
    async ({ store }) => {
      await refuses(store, 'index-missing', () => store.category('a').createSubscription('g'))
      await refuses(store, 'index-missing', () => store.eventType('A').createSubscription('g'))
      await refuses(store, 'index-missing', () =>
        store.query({ items: [{ types: ['A'] }] }).createSubscription('g'),
      )
      await store.all.createSubscription('g')
    },
    { open: { indexes: [] } },
  )
}

function transactionGroupLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a group can be created in the transaction that creates its stream, and has its events',
    async ({ store, runtime }) => {
      await store.transact(async (tx) => {
        const stream = await tx.createStream('s')
        await stream.append(counted(2))
        await stream.createSubscription('g', QUICK)
        await stream.append(counted(1, 3))
        for (const source of [tx.all, tx.category('s'), tx.eventType('Counted')]) {
          await source.createSubscription('g', QUICK)
        }
      })
      for (const source of [store.stream('s'), store.all, store.category('s'), store.eventType('Counted')]) {
        const consumer = await consume(source, 'g')
        await waitUntilDone(runtime, source.subscription('g'))
        assert.deepEqual(consumer.data, [1, 2, 3])
        await consumer.close()
      }
      assert.equal((await groupsOf(store)).length, 4)
    },
  )

  law('a group of a query can be created in a transaction', async ({ store }) => {
    await store.transact(async (tx) => {
      await tx.stream('s').append(counted(2))
      await tx.query({ items: [{ types: ['Counted'] }] }).createSubscription('g')
    })
    assert.equal(
      (
        await store
          .query({ items: [{ types: ['Counted'] }] })
          .subscription('g')
          .info()
      ).lag,
      2,
    )
  })

  law('a group is not there if its transaction fails', async ({ store }) => {
    const failing = store.transact(async (tx) => {
      const stream = await tx.createStream('s')
      await stream.createSubscription('g')
      await tx.all.createSubscription('g')
      throw new Error('given up')
    })
    await assert.rejects(failing, { message: 'given up' })
    assert.deepEqual(await groupsOf(store), [])
    await failureOf('subscription-not-found', () => store.stream('s').subscription('g').info())
    await store.all.createSubscription('g')
  })

  law('a transaction can create a group once, and sees what others have created', async ({ store }) => {
    await store.all.createSubscription('old')
    await store.transact(async (tx) => {
      await tx.all.createSubscription('new')
      await failureOf('subscription-exists', () => tx.all.createSubscription('new'))
      await failureOf('subscription-exists', () => tx.all.createSubscription('old'))
    })
    assert.deepEqual((await groupsOf(store)).map(({ name }) => name).toSorted(), ['new', 'old'])
  })

  law('transactions that create the same group at the same time: one of them does', async ({ store }) => {
    const create = (streamId: string): Promise<unknown> =>
      store.transact(async (tx) => {
        await tx.stream(streamId).append(counted(1))
        await tx.all.createSubscription('g')
      })
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map(create))
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await store.all.read().toArray()).length, 1)
  })

  law('a group of a stream sees what its transaction has done to the stream', async ({ store }) => {
    await store.stream('s').append(counted(1))
    await store.transact(async (tx) => {
      await failureOf('stream-not-found', () => tx.stream('t').createSubscription('g'))
      await tx.stream('t').append(counted(1))
      await tx.stream('t').createSubscription('g')
      await tx.stream('s').delete()
      await failureOf('stream-not-found', () => tx.stream('s').createSubscription('g'))
      await tx.stream('s').tombstone()
      await failureOf('stream-tombstoned', () => tx.stream('s').createSubscription('g', { mustExist: false }))
    })
    assert.deepEqual(
      (await groupsOf(store)).map(({ source }) => source),
      [{ kind: 'stream', streamId: 't' }],
    )
  })

  law('bad input in a transaction is refused, and the transaction can go on', async ({ store }) => {
    await store.transact(async (tx) => {
      await failureOf('invalid-argument', () => tx.all.createSubscription(''))
      await failureOf('invalid-argument', () => tx.all.createSubscription('g', { maxRetryCount: -1 }))
      await tx.stream('s').append(counted(1))
    })
    assert.deepEqual(await groupsOf(store), [])
    assert.equal(await store.stream('s').exists(), true)
  })
}
