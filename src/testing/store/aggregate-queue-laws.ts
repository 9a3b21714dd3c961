import assert from 'node:assert/strict'
import { AGGREGATE_QUEUE_MAX, AGGREGATE_ROUND_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import {
  added,
  assertSameSight,
  besideIt,
  countedCommits,
  LIST_COMMANDS,
  type List,
  type Lists,
  listIn,
  lists,
  listsOf,
  ofAggregates,
  Refusal,
} from './aggregate-examples.ts'
import { gate } from './group-consumers.ts'
import { failureOf, nextTurn, numbers, type StoreLaws } from './laws.ts'

/** Commands on one aggregate: in order, in one append, and again after conflicts. */
export function aggregateQueueLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('commands are decided in the order of their calls, each seeing its predecessors', async ({ store }) => {
    const of = store.aggregate(lists())
    const results = await Promise.all(numbers(0, 99).map(() => of.execute('1', 'count')))
    assert.deepEqual(await listIn(store), numbers(0, 99))
    for (const [at, { version, state }] of results.entries()) {
      assert.deepEqual([version, state.length], [at + 1, at + 1])
    }
  })

  law('commands of all sorts are decided in the order of their calls', async ({ store, random }) => {
    for (const round of numbers(1, 20)) {
      const of = store.aggregate(lists())
      const id = `${round}`
      const calls = numbers(1, 30).map((n) => SORTS[Math.floor(random() * SORTS.length)]!(of, id, n))
      const results = await Promise.allSettled(calls)
      let length = 0
      for (const result of results) {
        if (result.status === 'rejected') {
          // A refusal says how many items it saw.
          assert.ok(result.reason instanceof Refusal)
          assert.equal(result.reason.message, `${length}`)
          continue
        }
        const { events, state, version } = result.value
        assert.equal(state.length, length + events.length)
        assert.equal(version, state.length)
        for (const { data } of events) assert.equal(data, length)
        length += events.length
      }
      assert.deepEqual(await listIn(store, `list-${id}`), numbers(0, length - 1))
    }
  })

  simulatedLaw('commands that wait together are one append', async (scene) => {
    const { store, commits } = await countedCommits(scene)
    const of = store.aggregate(lists())
    await of.load('1')
    const results = await Promise.all(numbers(1, 100).map((n) => of.execute('1', 'add', n)))
    assert.equal(commits(), 1)
    const read = await store.stream('list-1').read().toArray()
    assert.deepEqual(
      read.map(({ position }) => position),
      results.map(({ position }) => position),
    )
    await Promise.all(numbers(1, AGGREGATE_ROUND_MAX + 10).map((n) => of.execute('1', 'add', n)))
    assert.equal(commits(), 2)
    await Promise.all(numbers(1, 50).map((n) => of.execute('1', n % 2 === 0 ? 'add' : 'addNew', 1)))
    assert.equal(commits(), 1)
    await store.close()
  })

  simulatedLaw('a command does not share an append that its events do not fit into', async (scene) => {
    const { store, commits } = await countedCommits(scene)
    const of = store.aggregate(lists())
    await of.load('1')
    const results = await Promise.all([
      of.execute('1', 'addAll', numbers(1, 6_000)),
      of.execute('1', 'addAll', numbers(6_001, 9_000)),
      of.execute('1', 'addAll', numbers(9_001, 12_000)),
      of.execute('1', 'add', 12_001),
    ])
    assert.equal(commits(), 2)
    assert.deepEqual(
      results.map(({ version, decisions }) => [version, decisions]),
      [6_000, 9_000, 12_000, 12_001].map((version) => [version, 1]),
    )
    assert.deepEqual(await listIn(store), numbers(1, 12_001))
    await store.close()
  })

  law('commands on several aggregates do not wait for each other', async ({ store }) => {
    const of = store.aggregate(lists())
    const { passed, open } = gate()
    const slow = of.execute('1', 'countAfter', () => passed)
    const behind = of.execute('1', 'add', 'behind')
    await of.execute('2', 'add', 1)
    await store.aggregate(lists()).execute('3', 'add', 1)
    // Another kind has queues of its own.
    await store.aggregate(lists()).execute('1', 'add', 'faster')
    open()
    assert.equal((await slow).decisions, 2)
    assert.deepEqual((await behind).state, ['faster', 1, 'behind'])
  })

  law('the queue belongs to the store and the kind, however often it is asked for', async ({ store }) => {
    const kind = lists()
    const results = await Promise.all(numbers(1, 20).map(() => store.aggregate(kind).execute('1', 'count')))
    assert.deepEqual(
      results.map(({ decisions }) => decisions),
      numbers(1, 20).map(() => 1),
    )
    assert.deepEqual(await listIn(store), numbers(0, 19))
  })

  law('a command that takes its time does not hold up those before it', async ({ store }) => {
    const of = store.aggregate(lists())
    const { passed, open } = gate()
    const before = [of.execute('1', 'add', 'a'), of.execute('1', 'decide', undefined)]
    const slow = of.execute('1', 'countAfter', () => passed)
    const behind = of.execute('1', 'count')
    for (const one of before) assert.deepEqual((await one).state, ['a'])
    assert.deepEqual(await listIn(store), ['a'])
    open()
    assert.deepEqual((await slow).state, ['a', 1])
    assert.deepEqual((await behind).state, ['a', 1, 2])
  })

  law('a refusal in a batch is told when what it rests on is written', async ({ store }) => {
    const of = store.aggregate(lists())
    const adding = of.execute('1', 'add', 'a')
    const refused = of.execute('1', 'addUpTo', 1).catch(async (error: unknown) => {
      assert.ok(error instanceof Refusal)
      return listIn(store)
    })
    const nothing = of.execute('1', 'addNew', 'a').then(async ({ version, position }) => {
      assert.deepEqual([version, position], [1, undefined])
      return listIn(store)
    })
    assert.deepEqual(await Promise.all([adding.then(() => listIn(store)), refused, nothing]), [
      ['a'],
      ['a'],
      ['a'],
    ])
  })

  simulatedLaw('a refusal that rests on what is not written is decided again', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.load('1')
    // What is in memory is too old, so the batch of both is in conflict.
    await other.stream('list-1').append([added(1), added(2)])
    await other.stream('list-1').delete()
    const [adding, refused] = await Promise.allSettled([
      of.execute('1', 'addUpTo', 2),
      of.execute('1', 'addUpTo', 1),
    ])
    assert.deepEqual(adding.status === 'fulfilled' && adding.value.state, [0])
    assert.deepEqual(refused.status === 'rejected' && refused.reason, new Refusal('1 of 1'))
    await other.stream('list-1').delete()
    assert.deepEqual((await of.execute('1', 'addUpTo', 1)).state, [0])
  })

  simulatedLaw('a refusal upon what is too old is decided again, and so is doing nothing', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.execute('1', 'addAll', ['a', 'b'])
    await assert.rejects(of.execute('1', 'addUpTo', 2), Refusal)
    await other.stream('list-1').delete()
    await other.stream('list-1').append(added('c'))
    const result = await of.execute('1', 'addUpTo', 2)
    assert.deepEqual([result.state, result.decisions], [['c', 1], 2])
    assert.deepEqual((await of.execute('1', 'addNew', 'c')).events, [])
    await other.stream('list-1').delete()
    assert.deepEqual((await of.execute('1', 'addNew', 'c')).state, ['c'])
  })

  simulatedLaw('commands on one aggregate in two stores: each exactly once', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const each = [store, other].map((one) => one.aggregate(lists()))
    const options = { retriesMax: 64 }
    const results = await Promise.all(
      numbers(1, 64).map(async (n) => {
        for (const _ of numbers(1, n % 7)) await nextTurn()
        const of = each[n % 2]!
        return n % 5 === 0
          ? of.execute('1', 'countAfter', () => nextTurn(), options)
          : of.execute('1', 'count', undefined, options)
      }),
    )
    assert.deepEqual(await listIn(store), numbers(0, 63))
    assert.deepEqual(
      results.map(({ version }) => version).toSorted((a, b) => a - b),
      numbers(1, 64),
    )
    for (const { version, state, events } of results) {
      assert.deepEqual(state, numbers(0, version - 1))
      assert.equal(events[0]?.data, version - 1)
    }
    for (const of of each) await assertSameSight(of, store)
  })

  simulatedLaw('decisions is how often a command was decided', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    for (const conflicts of numbers(0, 5)) {
      const interfering = interferer(other, conflicts)
      const { decisions } = await of.execute('1', 'countAfter', interfering.run)
      assert.deepEqual([decisions, interfering.runs()], [conflicts + 1, conflicts + 1])
    }
  })

  for (const retriesMax of [undefined, 0, 1, 7]) {
    simulatedLaw(
      `a command is decided again ${retriesMax ?? 'at most 5'} times, and no more`,
      async (scene) => {
        const { store } = scene
        await using other = await besideIt(scene)
        const of = store.aggregate(lists())
        const most = retriesMax ?? 5
        const options = retriesMax === undefined ? {} : { retriesMax }
        const enough = await of.execute('1', 'countAfter', interferer(other, most).run, options)
        assert.equal(enough.decisions, most + 1)
        const failing = of.execute('1', 'countAfter', interferer(other, most + 1).run, options)
        const behind = of.execute('1', 'add', 'behind')
        const error = await failureOf('too-many-conflicts', () => failing)
        assert.deepEqual(error.details, { streamId: 'list-1', command: 'countAfter', conflicts: most + 1 })
        assert.equal(error.retryable, true)
        assert.deepEqual((await behind).state, await listIn(store))
        assert.deepEqual((await of.execute('1', 'add', 'next', options)).decisions, 1)
        assert.equal((await listIn(store)).filter((item) => typeof item === 'number').length, 1)
      },
    )
  }

  simulatedLaw('a command that fails after conflicts takes nobody with it', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.load('1')
    await other.stream('list-1').append(added('faster'))
    const results = await Promise.allSettled([
      of.execute('1', 'add', 'a', { retriesMax: 0 }),
      of.execute('1', 'add', 'b', { retriesMax: 0 }),
      of.execute('1', 'add', 'c', { retriesMax: 0 }),
    ])
    // The conflict counts for the first one only.
    const codes = results.map((one) => (one.status === 'fulfilled' ? one.value.decisions : one.reason.code))
    assert.deepEqual(codes, ['too-many-conflicts', 2, 2])
    assert.deepEqual(await listIn(store), ['faster', 'b', 'c'])
  })

  simulatedLaw('after a conflict, half as many commands share an append', async (scene) => {
    const { store, commits } = await countedCommits(scene)
    const of = store.aggregate(lists())
    await of.load('1')
    await scene.store.stream('list-1').append(added('faster'))
    const results = await Promise.all(numbers(1, 100).map((n) => of.execute('1', 'add', n)))
    // One of all that is in vain, then 50, and then the others.
    assert.equal(commits(), 3)
    assert.ok(results.every(({ decisions }) => decisions === 2 || decisions === 3))
    assert.deepEqual(await listIn(store), ['faster', ...numbers(1, 100)])
    await store.close()
  })

  simulatedLaw('after conflicts the order is what it was', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const later = async (_state: List, item: unknown): ReturnType<typeof asAdded> => asAdded(item)
    const of = store.aggregate(listsOf({ add: LIST_COMMANDS.add, later }))
    await of.load('1')
    const ways = [
      (n: number) => of.execute('1', 'add', n),
      (n: number) => of.execute('1', 'later', n),
      (n: number) => of.execute('1', 'add', n, { idempotencyKey: `${n}` }),
    ]
    for (const round of numbers(0, 8)) {
      await other.stream('list-1').append(added('faster'))
      await Promise.all(numbers(1, 12).map((n) => ways[(n + (n >> 2) + round) % 3]!(round * 100 + n)))
    }
    const mine = (await listIn(store)).filter((item) => item !== 'faster')
    assert.deepEqual(
      mine,
      numbers(0, 8).flatMap((round) => numbers(1, 12).map((n) => round * 100 + n)),
    )
  })

  law(
    'a command whose event is too large is refused alone',
    async ({ store }) => {
      const of = store.aggregate(lists())
      const results = await Promise.allSettled(
        numbers(1, 9).map((n) => of.execute('1', 'add', n % 4 === 0 ? 'x'.repeat(2_000) : n)),
      )
      const outcomes = results.map((one) =>
        one.status === 'fulfilled' ? one.value.version : one.reason.code,
      )
      assert.deepEqual(outcomes, [1, 2, 3, 'limit-exceeded', 4, 5, 6, 'limit-exceeded', 7])
      assert.deepEqual(await listIn(store), [1, 2, 3, 5, 6, 7, 9])
    },
    { open: { eventBytesMax: 1_000 } },
  )

  law(
    'a command whose events evolve cannot take is refused alone, before they are written',
    async (scene) => {
      const { store } = scene
      const failure = new Error('cannot')
      const kind = { ...lists(), evolve: evolveAllBut('bad', failure) }
      const of = store.aggregate(kind)
      const results = await Promise.allSettled([
        of.execute('1', 'add', 1),
        of.execute('1', 'addAll', [2, 'bad', 3]),
        of.execute('1', 'add', 4),
        of.execute('1', 'countAfter', () => {}),
      ])
      const outcomes = results.map((one) => (one.status === 'fulfilled' ? one.value.version : one.reason))
      assert.deepEqual(outcomes, [1, failure, 2, 3])
      assert.deepEqual(await listIn(store), [1, 4, 2])
    },
  )

  law(`at most ${AGGREGATE_QUEUE_MAX} commands wait for one aggregate`, async ({ store }) => {
    const { passed, open } = gate()
    const { of, slow } = await heldUp(store, passed)
    const waiting = numbers(1, AGGREGATE_QUEUE_MAX).map(() => of.execute('1', 'decide', undefined))
    const error = await failureOf('limit-exceeded', () => of.execute('1', 'decide', undefined))
    const { limit, actual, unit } = error.details as { limit: number; actual: number; unit: string }
    assert.deepEqual([limit, actual, unit], [AGGREGATE_QUEUE_MAX, AGGREGATE_QUEUE_MAX + 1, 'commands'])
    await of.execute('2', 'add', 1)
    open()
    await Promise.all([slow, ...waiting])
    assert.equal((await of.execute('1', 'count')).version, 2)
  })
}

async function asAdded(item: unknown): Promise<ReturnType<typeof added>> {
  return added(item)
}

/** Commands that say how many items they saw, in one way or another. */
const SORTS: readonly ((of: Lists, id: string, n: number) => ReturnType<Lists['execute']>)[] = [
  (of, id) => of.execute(id, 'count'),
  (of, id) => of.execute(id, 'count'),
  (of, id) => of.execute(id, 'countAfter', () => {}),
  (of, id) => of.execute(id, 'countAfter', () => nextTurn()),
  (of, id, n) => of.execute(id, 'count', undefined, { idempotencyKey: `${id} ${n}` }),
  (of, id) => of.execute(id, 'decide', []),
  (of, id) => of.execute(id, 'refuseAfter', () => {}),
  (of, id, n) => of.execute(id, 'decide', [], { idempotencyKey: `${id} ${n}` }),
]

/** Somebody who is faster, so many times. */
function interferer(
  store: EventStore,
  times: number,
): { readonly run: () => Promise<void>; readonly runs: () => number } {
  let runs = 0
  return {
    run: async () => {
      runs += 1
      if (runs <= times) await store.stream('list-1').append(added('faster'))
    },
    runs: () => runs,
  }
}

function evolveAllBut(
  item: unknown,
  failure: Error,
): (state: List, event: { readonly data?: unknown }) => List {
  return (state, { data }) => {
    if (data === item) throw failure
    return [...state, data]
  }
}

/** Lists of which the first is busy until a promise resolves. */
async function heldUp(
  store: EventStore,
  until: Promise<void>,
): Promise<{ readonly of: Lists; readonly slow: Promise<unknown> }> {
  const of = store.aggregate(lists())
  const begun = gate()
  const slow = of.execute('1', 'countAfter', () => {
    begun.open()
    return until
  })
  await begun.passed
  return { of, slow }
}
