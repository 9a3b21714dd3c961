import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { CommandContext, Decision } from '../../store/contract-aggregates.ts'
import {
  type Added,
  added,
  besideIt,
  type List,
  listIn,
  lists,
  listsOf,
  ofAggregates,
  Refusal,
  seenOf,
  sightOf,
} from './aggregate-examples.ts'
import { everythingIn, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

/** Commands: what they see, what they come to, and what they are refused for. */
export function aggregateCommandLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  simulatedLaw(
    'execute() resolves to the state with the new events, which are there for everybody',
    async (scene) => {
      const { store } = scene
      await using other = await besideIt(scene)
      const of = store.aggregate(lists())
      for (const [items, version] of [
        [['a'], 1],
        [['b', 'c', 'd'], 4],
        [['e'], 5],
      ] as const) {
        const result = await of.execute('1', 'addAll', items)
        const read = await other.stream('list-1').read().toArray()
        const { events, position, ...rest } = result
        const state = ['a', 'b', 'c', 'd', 'e'].slice(0, version)
        const expected = { id: '1', streamId: 'list-1', state, version, exists: true }
        assert.deepEqual(rest, { ...expected, decisions: 1, idempotent: false })
        assert.equal(position, read.at(-1)?.position)
        assert.deepEqual(events.map(seenOf), read.slice(-items.length).map(seenOf))
        assert.deepEqual((await other.aggregate(lists()).load('1')).state, state)
      }
    },
  )

  law('execute() of commands that share an append tells each where its own events are', async ({ store }) => {
    const of = store.aggregate(lists())
    const results = await Promise.all(numbers(1, 30).map((n) => of.execute('1', 'addAll', numbers(1, n % 4))))
    const read = await store.stream('list-1').read().toArray()
    let length = 0
    for (const [at, { state, version, events, position }] of results.entries()) {
      const count = (at + 1) % 4
      length += count
      assert.deepEqual([version, state.length, events.length], [length, length, count])
      assert.deepEqual(
        events.map((event) => event.version),
        numbers(length - count + 1, length),
      )
      assert.equal(position, count === 0 ? undefined : read[length - 1]!.position)
    }
    assert.equal(read.length, length)
  })

  for (const [name, decision] of Object.entries(NOTHING)) {
    law(`a command that decides on ${name} writes nothing`, async ({ store }) => {
      const kind = listsOf({ nothing: decision, add: () => added(1) })
      const of = store.aggregate(kind)
      for (const version of [0, 1]) {
        const before = await everythingIn(store)
        const { state, events, ...rest } = await of.execute('1', 'nothing')
        assert.deepEqual([state, events], [version === 0 ? [] : [1], []])
        const expected = { id: '1', streamId: 'list-1', version, exists: version > 0, position: undefined }
        assert.deepEqual(rest, { ...expected, decisions: 1, idempotent: false })
        assert.equal(await everythingIn(store), before)
        if (version === 0) await of.execute('1', 'add')
      }
    })
  }

  law('what a command throws comes out unchanged, and nothing is written', async ({ store }) => {
    const thrown: unknown[] = [new Refusal('no'), 'text', 7, null, undefined, { code: 'mine' }]
    const of = store.aggregate(
      listsOf({
        sync: (_state, at: number) => {
          throw thrown[at]
        },
        async: async (_state, at: number) => {
          throw thrown[at]
        },
      }),
    )
    await store.aggregate(lists()).execute('1', 'add', 1)
    const before = await everythingIn(store)
    for (const [at, error] of thrown.entries()) {
      for (const command of ['sync', 'async'] as const) {
        const outcome = await of.execute('1', command, at).then(
          () => 'resolved',
          (reason: unknown) => ({ reason }),
        )
        assert.deepEqual(outcome, { reason: error })
        if (typeof outcome === 'object') assert.equal(outcome.reason, error)
      }
    }
    assert.equal(await everythingIn(store), before)
  })

  for (const [what, [code, decision]] of Object.entries(WRONG)) {
    law(`a command that decides on ${what} is refused, and its neighbours are not`, async ({ store }) => {
      const kind = listsOf({
        wrong: () => decision as Decision<Added>,
        wrongLater: async () => decision as Decision<Added>,
        add: (_state, item: unknown) => added(item),
      })
      const of = store.aggregate(kind)
      await refuses(store, code, () => of.execute('1', 'wrong'))
      const results = await Promise.allSettled([
        of.execute('1', 'add', 1),
        of.execute('1', 'wrong'),
        of.execute('1', 'add', 2),
        of.execute('1', 'wrongLater'),
        of.execute('1', 'add', 3),
      ])
      const outcomes = results.map((one) =>
        one.status === 'fulfilled' ? one.value.version : one.reason.code,
      )
      assert.deepEqual(outcomes, [1, code, 2, code, 3])
      assert.deepEqual(await listIn(store), [1, 2, 3])
    })
  }

  simulatedLaw('a command knows where it is decided, and when', async ({ store, runtime }) => {
    const contexts: CommandContext[] = []
    const of = store.aggregate(
      listsOf({
        look: (_state, input: number, context: CommandContext) => {
          contexts.push(context)
          return added(input)
        },
      }),
    )
    const { signal } = new AbortController()
    await of.execute('a-1', 'look', 1, { metadata: { who: 'me' }, correlationId: 'c', signal })
    await runtime.advance(5_000)
    const now = runtime.now()
    await of.execute('a-1', 'look', 2)
    await store.stream('list-a-1').delete()
    await of.execute('a-1', 'look', 3)
    const where = { id: 'a-1', streamId: 'list-a-1' }
    const metadata = { who: 'me', $correlationId: 'c' }
    const [first, second, third] = contexts
    assert.deepEqual(
      { ...first, now: undefined },
      { ...where, version: 0, exists: false, metadata, signal, now: undefined },
    )
    assert.ok(first!.now instanceof Date)
    assert.ok(second!.now.getTime() >= now && second!.now.getTime() < now + 1_000)
    assert.deepEqual(
      [second!.version, second!.exists, second!.metadata, second!.signal],
      [1, true, {}, undefined],
    )
    // The last one was decided twice, as the first time what was in memory was too old.
    assert.deepEqual([contexts.length, third!.version, third!.exists], [4, 2, true])
    assert.deepEqual([contexts[3]!.version, contexts[3]!.exists], [2, false])
  })

  simulatedLaw('the time of an event is when it was decided, unless it says otherwise', async (scene) => {
    const { store, runtime } = scene
    const of = store.aggregate(
      listsOf({
        both: (_state, _input: undefined, { now }: CommandContext) => [
          added(now.getTime()),
          { ...added('own'), time: new Date(5) },
        ],
      }),
    )
    await runtime.advance(1_234)
    const { events } = await of.execute('1', 'both')
    const read = await store.stream('list-1').read().toArray()
    for (const [first, second] of [events, read]) {
      assert.equal(first!.time.getTime(), first!.data)
      assert.equal(second!.time.getTime(), 5)
    }
    assert.ok(Math.abs(read[0]!.recordedAt.getTime() - read[0]!.time.getTime()) < 1_000)
  })

  law('tags and ids of events are written', async ({ store }) => {
    const of = store.aggregate(lists())
    const event = { ...added(1), tags: ['b', 'a', 'b'], id: uuidOf(7) }
    const { events } = await of.execute('1', 'decide', [event])
    const [read] = await store.stream('list-1').read().toArray()
    assert.deepEqual([events[0]!.tags, read!.tags, read!.id], [['a', 'b'], ['a', 'b'], uuidOf(7)])
    assert.deepEqual(
      (
        await store
          .query({ items: [{ tags: ['a', 'b'] }] })
          .read()
          .first()
      )?.data,
      1,
    )
  })

  law('a command on a deleted aggregate sees the initial state, and brings it back', async ({ store }) => {
    for (const isWarm of [true, false]) {
      const id = `${isWarm}`
      const warm = store.aggregate(lists())
      await warm.execute(id, 'addAll', [1, 2])
      await store.stream(`list-${id}`).delete()
      const of = isWarm ? warm : store.aggregate(lists())
      await refuses(store, 'wrong-expected-version', () =>
        of.execute(id, 'count', undefined, { expectedVersion: 'stream-exists' }),
      )
      const { state, version, exists } = await of.execute(id, 'count')
      assert.deepEqual([state, version, exists], [[0], 3, true])
      assert.deepEqual(await listIn(store, `list-${id}`), [0])
    }
  })

  for (const isWarm of [true, false]) {
    law(
      `expectedVersion is held against the aggregate, ${isWarm ? 'in memory' : 'in the store'}`,
      async (scene) => {
        const { store } = scene
        await stages(store)
        for (const [id, { version, exists }] of Object.entries(STAGES)) {
          for (const expectedVersion of [0, 1, 2, 3, 4, 'no-stream', 'stream-exists'] as const) {
            const isMet =
              expectedVersion === version ||
              (expectedVersion === 'no-stream' && !exists) ||
              (expectedVersion === 'stream-exists' && exists)
            const of = store.aggregate(lists())
            if (isWarm) await of.load(id)
            const options = { expectedVersion }
            if (isMet) {
              assert.equal((await of.execute(id, 'decide', [], options)).version, version)
              continue
            }
            const error = await refuses(store, 'wrong-expected-version', () =>
              of.execute(id, 'add', 1, options),
            )
            assert.deepEqual(error.details, {
              violations: [
                {
                  kind: 'stream',
                  streamId: `list-${id}`,
                  expected: expectedVersion,
                  actual: version,
                  state: exists ? 'live' : version > 0 ? 'deleted' : 'none',
                },
              ],
            })
          }
        }
      },
    )
  }

  simulatedLaw('expectedVersion is what others have made of it, and is not tried again', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 1)
    await other.stream('list-1').append(added(2))
    let decided = 0
    const look = (): void => {
      decided += 1
    }
    await failureOf('wrong-expected-version', () =>
      of.execute('1', 'countAfter', look, { expectedVersion: 1 }),
    )
    const { version } = await of.execute('1', 'countAfter', look, { expectedVersion: 2 })
    assert.equal(version, 3)
    const meanwhile = async (): Promise<void> => {
      look()
      await other.stream('list-1').append(added('faster'))
    }
    decided = 0
    await failureOf('wrong-expected-version', () =>
      of.execute('1', 'countAfter', meanwhile, { expectedVersion: 3 }),
    )
    assert.equal(decided, 1)
    assert.deepEqual(await listIn(store), [1, 2, 2, 'faster'])
  })

  law('expectedVersion counts those that were called before', async ({ store }) => {
    const of = store.aggregate(lists())
    const results = await Promise.allSettled([
      of.execute('1', 'add', 1, { expectedVersion: 'no-stream' }),
      of.execute('1', 'add', 2, { expectedVersion: 1 }),
      of.execute('1', 'add', 'x', { expectedVersion: 1 }),
      of.execute('1', 'add', 3, { expectedVersion: 'stream-exists' }),
      of.execute('1', 'add', 'x', { expectedVersion: 'no-stream' }),
    ])
    const outcomes = results.map((one) => (one.status === 'fulfilled' ? one.value.version : one.reason.code))
    assert.deepEqual(outcomes, [1, 2, 'wrong-expected-version', 3, 'wrong-expected-version'])
    assert.deepEqual(await listIn(store), [1, 2, 3])
  })

  law('create() is for aggregates without events', async ({ store }) => {
    await stages(store)
    for (const [id, { version, exists }] of Object.entries(STAGES)) {
      const of = store.aggregate(lists())
      if (exists) {
        const error = await refuses(store, 'stream-exists', () => of.create(id, 'add', 1))
        assert.deepEqual(error.details, { streamId: `list-${id}`, version })
      } else {
        const result = await of.create(id, 'add', 'first')
        assert.deepEqual([result.state, result.version, result.decisions], [['first'], version + 1, 1])
      }
      await refuses(store, 'stream-exists', () => of.create(id, 'decide', undefined))
    }
    await refuses(store, 'invalid-argument', () =>
      store.aggregate(lists()).create('new', 'add', 1, { expectedVersion: 0 } as object),
    )
  })

  simulatedLaw('create() of many at the same time creates one', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const each = [store, other].map((one) => one.aggregate(lists()))
    const results = await Promise.allSettled(
      numbers(1, 20).map((n) => each[n % 2]!.create('1', 'add', n, { retriesMax: 20 })),
    )
    const codes = results.map((one) => (one.status === 'fulfilled' ? 'created' : one.reason.code))
    assert.deepEqual(codes.toSorted(), ['created', ...numbers(1, 19).map(() => 'stream-exists')])
    assert.deepEqual(await sightOf(each[0]!.load('1')), {
      state: await listIn(store),
      version: 1,
      exists: true,
    })
  })

  law('a refusal, and what decides on nothing, needs no stream', async ({ store }) => {
    const of = store.aggregate(lists())
    await assert.rejects(of.execute('1', 'addUpTo', 0), Refusal)
    await of.execute('1', 'decide', undefined)
    assert.equal(await store.stream('list-1').exists(), false)
    await failureOf('stream-not-found', () => store.stream('list-1').info())
  })
}

type Command = (state: List) => Decision<Added> | Promise<Decision<Added>>

/** What comes to no events. */
const NOTHING: Readonly<Record<string, Command>> = {
  undefined: () => undefined,
  'an empty list': () => [],
  'undefined later': async () => undefined,
  'an empty list later': async () => [],
}

/** What is no decision, and why. */
const WRONG: Readonly<Record<string, readonly [code: string, decision: unknown]>> = {
  null: ['invalid-argument', null],
  'a text': ['invalid-argument', 'Added'],
  'a list with null': ['invalid-argument', [added(1), null]],
  'an event without a type': ['invalid-argument', { data: 1 }],
  'an event with an empty type': ['invalid-argument', { type: '' }],
  'an event with a field that there is not': ['invalid-argument', { ...added(1), payload: 1 }],
  'data that cannot be stored': ['unserializable', [added(1), added(1n)]],
  'metadata that cannot be stored': ['unserializable', { ...added(1), metadata: { a: () => {} } }],
  'an id that is no UUID': ['invalid-argument', { ...added(1), id: '7' }],
  'a time that is none': ['invalid-argument', { ...added(1), time: new Date(Number.NaN) }],
  'the same id twice': ['invalid-argument', [1, 2].map((n) => ({ ...added(n), id: uuidOf(1) }))],
  'too many events': ['limit-exceeded', numbers(1, 10_001).map(added)],
}

/** What an aggregate may have been through. */
const STAGES = {
  none: { version: 0, exists: false },
  created: { version: 0, exists: false },
  live: { version: 3, exists: true },
  deleted: { version: 3, exists: false },
  revived: { version: 4, exists: true },
} as const

async function stages(store: EventStore): Promise<void> {
  await store.createStream('list-created')
  for (const id of ['live', 'deleted', 'revived'])
    await store.stream(`list-${id}`).append([1, 2, 3].map(added))
  for (const id of ['deleted', 'revived']) await store.stream(`list-${id}`).delete()
  await store.stream('list-revived').append(added(4))
}
