import assert from 'node:assert/strict'
import type { CommandResult } from '../../store/contract-aggregates.ts'
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
} from './aggregate-examples.ts'
import { failureOf, nextTurn, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
const idempotencyKey = 'key'

/** Commands that are made again: recognised by a key, or by the ids of their events. */
export function aggregateKeyLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  simulatedLaw('a command with a key is done once, wherever it is made again', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 'before')
    const first = await of.execute('1', 'addAll', ['a', 'b'], { idempotencyKey })
    assert.deepEqual([first.version, first.idempotent, first.decisions], [3, false, 1])
    await of.execute('1', 'add', 'later')
    for (const again of [of, store.aggregate(lists()), other.aggregate(lists())]) {
      const { position, ...result } = await again.execute('1', 'addAll', ['a', 'b'], { idempotencyKey })
      assert.equal(position, first.position)
      assert.deepEqual(result, {
        id: '1',
        streamId: 'list-1',
        state: ['before', 'a', 'b', 'later'],
        version: 4,
        exists: true,
        events: [],
        decisions: 0,
        idempotent: true,
      })
    }
    assert.deepEqual(await listIn(store), ['before', 'a', 'b', 'later'])
  })

  law('a command with a key is decided once when it is made twice in one tick', async ({ store }) => {
    for (const command of ['count', 'countAfter'] as const) {
      const of = store.aggregate(lists())
      const options = { idempotencyKey: command }
      const results = await Promise.all(
        numbers(1, 5).map(() =>
          command === 'count'
            ? of.execute(command, 'count', undefined, options)
            : of.execute(command, 'decide', [added(0)], options),
        ),
      )
      assert.deepEqual(
        results.map(({ idempotent }) => idempotent),
        [false, true, true, true, true],
      )
      assert.equal(new Set(results.map(({ position }) => position)).size, 1)
      assert.deepEqual(await listIn(store, `list-${command}`), [0])
    }
  })

  simulatedLaw('a command with a key is done once when two stores do it at once', async (scene) => {
    await using other = await besideIt(scene)
    const each = [scene.store, other].map((store) => store.aggregate(lists()))
    for (const round of numbers(1, 10)) {
      const id = `${round}`
      const results = await Promise.all(
        numbers(1, 6).map(async (n) => {
          for (const _ of numbers(1, (n * round) % 5)) await nextTurn()
          return each[n % 2]!.execute(id, 'count', undefined, { idempotencyKey: id, retriesMax: 10 })
        }),
      )
      assert.equal(results.filter(({ idempotent }) => !idempotent).length, 1)
      assert.equal(new Set(results.map(({ position }) => position)).size, 1)
      for (const { version, state } of results) assert.deepEqual([version, state], [1, [0]])
      assert.deepEqual(await listIn(scene.store, `list-${id}`), [0])
    }
  })

  for (const theirs of ['events', 'nothing'] as const) {
    simulatedLaw(
      `a key that others use for ${theirs} while the command is decided is theirs`,
      async (scene) => {
        const { store } = scene
        await using other = await besideIt(scene)
        for (const mine of ['events', 'nothing', 'a refusal'] as const) {
          const id = mine
          const options = { idempotencyKey: mine }
          let isFirst = true
          const once = async (state: List): Promise<ReturnType<typeof added> | undefined> => {
            if (isFirst) {
              isFirst = false
              await faster.execute(id, 'once', undefined, options)
            }
            if (mine === 'a refusal') throw new Refusal(`${state.length}`)
            return mine === 'nothing' ? undefined : added('slower')
          }
          const written = theirs === 'events' ? ['faster'] : []
          const faster = other.aggregate(listsOf({ once: () => written.map(added) }))
          const of = store.aggregate(listsOf({ once }))
          const result = await of.execute(id, 'once', undefined, options)
          assert.deepEqual([result.idempotent, result.state, result.events], [true, written, []])
          assert.deepEqual(await listIn(store, `list-${id}`), written)
        }
      },
    )
  }

  law('a key that was used for another command is refused', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', { a: 1 }, { idempotencyKey })
    const other = store.aggregate(lists({ category: 'other' }))
    for (const [name, call] of Object.entries({
      'another input': () => of.execute('1', 'add', { a: 2 }, { idempotencyKey }),
      'no input': () => of.execute('1', 'add', undefined, { idempotencyKey }),
      'another command': () => of.execute('1', 'addNew', { a: 1 }, { idempotencyKey }),
      'another aggregate': () => of.execute('2', 'add', { a: 1 }, { idempotencyKey }),
      'another category': () => other.execute('1', 'add', { a: 1 }, { idempotencyKey }),
      'an append': () => store.stream('list-1').append(added({ a: 1 }), { idempotencyKey }),
    })) {
      const error = await refuses(store, 'idempotency-conflict', call, name)
      assert.deepEqual(error.details, { idempotencyKey })
      assert.match(error.message, /"key" was used for another append or command$/)
    }
    await store.stream('s').append(added(1), { idempotencyKey: 'append' })
    await refuses(store, 'idempotency-conflict', () =>
      of.execute('1', 'add', 1, { idempotencyKey: 'append' }),
    )
  })

  law('the same input is the same, however it is written down', async ({ store }) => {
    const of = store.aggregate(lists())
    const inputs: readonly (readonly [unknown, unknown])[] = [
      [
        { a: 1, b: { c: 2, d: [3] } },
        { b: { d: [3], c: 2 }, a: 1 },
      ],
      [{ a: 1, b: undefined }, { a: 1 }],
      [{ at: new Date(5) }, { at: '1970-01-01T00:00:00.005Z' }],
      [undefined, undefined],
      [JSON.parse('{"__proto__":1,"a":2}'), JSON.parse('{"a":2,"__proto__":1}')],
    ]
    for (const [at, [one, same]] of inputs.entries()) {
      const options = { idempotencyKey: `${at}` }
      assert.equal((await of.execute('1', 'add', one, options)).idempotent, false)
      assert.equal((await of.execute('1', 'add', same, options)).idempotent, true, `${at}`)
    }
    for (const [at, [one, other]] of [
      [
        { a: 1, b: 2 },
        { a: 2, b: 1 },
      ],
      [
        [1, 2],
        [2, 1],
      ],
      [{ a: '1' }, { a: 1 }],
      [null, undefined],
      ['null', null],
      [{ a: { b: 1 } }, { 'a.b': 1 }],
      [JSON.parse('{"__proto__":1}'), {}],
    ].entries()) {
      const options = { idempotencyKey: `other ${at}` }
      await of.execute('1', 'add', one, options)
      await failureOf('idempotency-conflict', () => of.execute('1', 'add', other, options), `${at}`)
    }
    await refuses(store, 'unserializable', () => of.execute('1', 'add', 1n, { idempotencyKey: 'big' }))
  })

  law('a command with a key that decides on nothing is remembered', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 'x')
    const nothing = await of.execute('1', 'addNew', 'x', { idempotencyKey })
    assert.deepEqual([nothing.events, nothing.position, nothing.idempotent], [[], undefined, false])
    await store.stream('list-1').delete()
    const again = await of.execute('1', 'addNew', 'x', { idempotencyKey })
    assert.deepEqual(
      [again.idempotent, again.position, again.decisions, again.state],
      [true, undefined, 0, []],
    )
    assert.deepEqual((await of.execute('1', 'addNew', 'x')).state, ['x'])
    const none = await of.execute('none', 'decide', undefined, { idempotencyKey: 'none' })
    assert.deepEqual([none.version, none.exists, none.idempotent], [0, false, false])
    assert.equal((await of.execute('none', 'decide', undefined, { idempotencyKey: 'none' })).idempotent, true)
  })

  law('a command with a key that refused is not remembered', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'addAll', [1, 2])
    await assert.rejects(of.execute('1', 'addUpTo', 2, { idempotencyKey }), Refusal)
    await failureOf('stream-exists', () => of.create('1', 'addUpTo', 2, { idempotencyKey }))
    const options = { idempotencyKey, expectedVersion: 7 }
    await failureOf('wrong-expected-version', () => of.execute('1', 'addUpTo', 2, options))
    await store.stream('list-1').delete()
    assert.equal((await of.execute('1', 'addUpTo', 2, { idempotencyKey })).idempotent, false)
    assert.equal((await of.execute('1', 'addUpTo', 2, { idempotencyKey })).idempotent, true)
  })

  law(
    'a command with a key is recognised whatever it expects, and whatever has happened',
    async ({ store }) => {
      const of = store.aggregate(lists())
      const first = await of.create('1', 'add', 'a', { idempotencyKey })
      const recognised = async (call: () => Promise<CommandResult<Added, List>>): Promise<void> => {
        const { idempotent, position, decisions } = await call()
        assert.deepEqual([idempotent, position, decisions], [true, first.position, 0])
      }
      const all = async (): Promise<void> => {
        await recognised(() => of.create('1', 'add', 'a', { idempotencyKey }))
        await recognised(() => of.execute('1', 'add', 'a', { idempotencyKey }))
        for (const expectedVersion of [0, 7, 'no-stream', 'stream-exists'] as const) {
          await recognised(() => of.execute('1', 'add', 'a', { idempotencyKey, expectedVersion }))
        }
      }
      await all()
      await of.execute('1', 'add', 'b')
      await all()
      await store.stream('list-1').delete()
      await all()
      await of.execute('1', 'add', 'c')
      await all()
      assert.deepEqual(await listIn(store), ['c'])
    },
  )

  simulatedLaw('a key is forgotten after seven days', async ({ store, runtime }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'count', undefined, { idempotencyKey })
    await runtime.advance(7 * DAY_MS - 60_000)
    assert.equal((await of.execute('1', 'count', undefined, { idempotencyKey })).idempotent, true)
    await runtime.advance(120_000)
    const again = await of.execute('1', 'count', undefined, { idempotencyKey })
    assert.deepEqual([again.idempotent, again.state], [false, [0, 1]])
    assert.equal((await of.execute('1', 'count', undefined, { idempotencyKey })).idempotent, true)
  })

  law('a key outlives a conflict, and counts it', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.load('1')
    await store.stream('list-1').append(added('faster'))
    const result = await of.execute('1', 'count', undefined, { idempotencyKey })
    assert.deepEqual([result.decisions, result.state], [2, ['faster', 1]])
  })

  simulatedLaw('events with ids of the caller are written once', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    const of = store.aggregate(lists())
    const events = [1, 2].map((n) => ({ ...added(n), id: uuidOf(n) }))
    const first = await of.execute('1', 'decide', events)
    assert.deepEqual([first.idempotent, first.state], [false, [1, 2]])
    await of.execute('1', 'add', 3)
    for (const again of [of, other.aggregate(lists())]) {
      const result = await again.execute('1', 'decide', events)
      assert.deepEqual(
        [result.idempotent, result.position, result.state, result.version, result.events],
        [true, first.position, [1, 2, 3], 3, []],
      )
    }
    await refuses(store, 'idempotency-conflict', () => of.execute('1', 'decide', [events[0]!, added(4)]))
    const twice = await Promise.all(
      [1, 2, 3].map(() => of.execute('1', 'decide', [{ ...added(5), id: uuidOf(5) }])),
    )
    assert.deepEqual(
      twice.map(({ idempotent, version }) => [idempotent, version]),
      [
        [false, 4],
        [true, 4],
        [true, 4],
      ],
    )
    assert.deepEqual((await other.aggregate(lists()).load('1')).state, [1, 2, 3, 5])
  })

  law('commands with keys and ids stand among others in their order', async ({ store }) => {
    const of = store.aggregate(lists())
    const results = await Promise.all(
      numbers(0, 19).map((n) =>
        n % 3 === 1
          ? of.execute('1', 'decide', [{ ...added(n), id: uuidOf(n) }])
          : of.execute('1', 'add', n, n % 3 === 0 ? { idempotencyKey: `${n}` } : {}),
      ),
    )
    assert.deepEqual(await listIn(store), numbers(0, 19))
    const read = await store.stream('list-1').read().toArray()
    assert.deepEqual(
      results.map(({ position }) => position),
      read.map(({ position }) => position),
    )
  })
}
