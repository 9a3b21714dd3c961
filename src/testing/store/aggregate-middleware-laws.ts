import assert from 'node:assert/strict'
import type { CommandCall, CommandMiddleware } from '../../store/contract-aggregates.ts'
import { added, besideIt, listIn, lists, ofAggregates, Refusal } from './aggregate-examples.ts'
import { failureOf, numbers, refuses, type StoreLaws } from './laws.ts'

/** Middleware: what runs around commands. */
export function aggregateMiddlewareLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('middleware runs around each command, the first one outermost', async ({ store }) => {
    const log: string[] = []
    const noting =
      (name: string): CommandMiddleware =>
      async (_command, next) => {
        log.push(`${name} before`)
        const result = await next()
        log.push(`${name} after ${result.version}`)
        return result
      }
    const of = store.aggregate(lists(), { middleware: [noting('a'), noting('b')] })
    const result = await of.execute('1', 'add', 'x')
    assert.deepEqual([result.state, result.version], [['x'], 1])
    assert.deepEqual(log.splice(0), ['a before', 'b before', 'b after 1', 'a after 1'])
    await of.create('2', 'add', 'x')
    assert.equal(log.splice(0).length, 4)
    await of.load('1')
    assert.deepEqual(log, [])
  })

  law('middleware sees which command it is', async ({ store }) => {
    const seen: CommandCall[] = []
    const look: CommandMiddleware = (command, next) => {
      seen.push(command)
      return next()
    }
    const of = store.aggregate(lists(), { middleware: [look], context: () => ({ metadata: { a: 1 } }) })
    const { signal } = new AbortController()
    const input = { n: 1 }
    await of.execute('x-1', 'add', input, { correlationId: 'c', signal })
    const [call] = seen
    assert.deepEqual(call, {
      category: 'list',
      id: 'x-1',
      streamId: 'list-x-1',
      name: 'add',
      input: { n: 1 },
      metadata: { a: 1, $correlationId: 'c' },
      signal,
    })
    assert.equal(call?.input, input)
  })

  law('middleware may change input and metadata', async ({ store }) => {
    const changing: CommandMiddleware = ({ input, metadata }, next) =>
      next({ input: `${input}!`, metadata: { ...metadata, by: 'middleware' } })
    const shouting: CommandMiddleware = ({ input }, next) => next({ input: String(input).toUpperCase() })
    const of = store.aggregate(lists(), { middleware: [changing, shouting] })
    await of.execute('1', 'add', 'a', { metadata: { who: 'me' } })
    const [event] = await store.stream('list-1').read().toArray()
    assert.deepEqual([event!.data, event!.metadata], ['A!', { who: 'me', by: 'middleware' }])
    const clearing = store.aggregate(lists(), {
      middleware: [(_command, next) => next({ input: undefined })],
    })
    assert.deepEqual((await clearing.execute('1', 'add', 'b')).state, ['A!', undefined])
  })

  law('middleware may refuse, before and after, and need not go on', async ({ store }) => {
    const failure = new Refusal('not you')
    const throwing = store.aggregate(lists(), {
      middleware: [
        () => {
          throw failure
        },
      ],
    })
    await assert.rejects(throwing.execute('1', 'add', 1), failure)
    await assert.rejects(throwing.create('1', 'add', 1), failure)
    const rejecting = store.aggregate(lists(), { middleware: [async () => Promise.reject(failure)] })
    await assert.rejects(rejecting.execute('1', 'add', 1), failure)
    assert.equal(await store.stream('list-1').exists(), false)
    const late = store.aggregate(lists(), {
      middleware: [
        async (_command, next) => {
          await next()
          throw failure
        },
      ],
    })
    await assert.rejects(late.execute('1', 'add', 1), failure)
    assert.deepEqual(await listIn(store), [1])
    const answer = { ...(await late.load('1')), events: [], position: 7n, decisions: 0, idempotent: false }
    const answering = store.aggregate(lists(), { middleware: [async () => answer] })
    assert.equal((await answering.execute('1', 'add', 2)).position, 7n)
    assert.deepEqual(await listIn(store), [1])
  })

  law('middleware sees what a command fails with, and may answer for it', async ({ store }) => {
    const seen: unknown[] = []
    const of = store.aggregate(lists(), {
      middleware: [
        (_command, next) =>
          next().catch(async (error: unknown) => {
            seen.push(error)
            throw new Refusal('politely')
          }),
      ],
    })
    await assert.rejects(of.execute('1', 'addUpTo', 0), { message: 'politely' })
    assert.deepEqual(seen, [new Refusal('0 of 0')])
  })

  law('next() is called once', async ({ store }) => {
    const twice: CommandMiddleware = async (_command, next) => {
      await next()
      return next()
    }
    const of = store.aggregate(lists(), { middleware: [twice] })
    await failureOf('invalid-argument', () => of.execute('1', 'add', 1))
    assert.deepEqual(await listIn(store), [1])
    const atOnce: CommandMiddleware = (_command, next) => Promise.all([next(), next()]).then(([one]) => one)
    await failureOf('invalid-argument', () =>
      store.aggregate(lists(), { middleware: [atOnce] }).execute('2', 'add', 1),
    )
    await store.aggregate(lists()).load('2')
    assert.ok((await listIn(store, 'list-2')).length <= 1)
  })

  simulatedLaw('middleware is called once a command, however often that is decided', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    let [calls, decided] = [0, 0]
    const counting: CommandMiddleware = (_command, next) => {
      calls += 1
      return next()
    }
    const of = store.aggregate(lists(), { middleware: [counting] })
    const { decisions } = await of.execute('1', 'countAfter', async () => {
      decided += 1
      if (decided <= 3) await other.stream('list-1').append(added('faster'))
    })
    assert.deepEqual([calls, decided, decisions], [1, 4, 4])
  })

  law('middleware may wait, and others go on', async ({ store }) => {
    let goOn!: () => void
    const until = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const waiting: CommandMiddleware = async ({ input }, next) => {
      if (input === 'slow') await until
      return next()
    }
    const of = store.aggregate(lists(), { middleware: [waiting] })
    const slow = of.execute('1', 'add', 'slow')
    await of.execute('1', 'add', 'fast')
    goOn()
    assert.deepEqual((await slow).state, ['fast', 'slow'])
  })

  law('a key stands for the command as it was called, not for what middleware makes of it', async (scene) => {
    const { store } = scene
    let calls = 0
    const stamping: CommandMiddleware = ({ input }, next) => {
      calls += 1
      return next({ input: `${input} ${calls}` })
    }
    const of = store.aggregate(lists(), { middleware: [stamping] })
    const options = { idempotencyKey: 'k' }
    for (const idempotent of [false, true]) {
      assert.equal((await of.execute('1', 'add', 'a', options)).idempotent, idempotent)
    }
    await refuses(store, 'idempotency-conflict', () => of.execute('1', 'add', 'b', options))
    assert.deepEqual([calls, await listIn(store)], [3, ['a 1']])
  })

  law(
    'who asks for a kind with middleware has that for his own commands, in the same queue',
    async (scene) => {
      const { store } = scene
      const kind = lists()
      const marking =
        (mark: string): CommandMiddleware =>
        ({ input }, next) =>
          next({ input: `${input}${mark}` })
      const [plain, a, b] = [
        store.aggregate(kind),
        store.aggregate(kind, { middleware: [marking('a')] }),
        store.aggregate(kind, { middleware: [marking('b')] }),
      ]
      const results = await Promise.all(
        numbers(0, 8).map((n) => [plain, a, b][n % 3]!.execute('1', 'add', `${n}`)),
      )
      assert.ok(results.every(({ decisions }) => decisions === 1))
      assert.deepEqual((await listIn(store)).toSorted(), ['0', '1a', '2b', '3', '4a', '5b', '6', '7a', '8b'])
    },
  )

  law('middleware within a transaction runs once a run', async ({ store }) => {
    let [calls, runs] = [0, 0]
    const counting: CommandMiddleware = (command, next) => {
      calls += 1
      return next({ metadata: { ...command.metadata, run: calls } })
    }
    const of = store.aggregate(lists(), { middleware: [counting] })
    await store.transact(async (tx) => {
      runs += 1
      await of.within(tx).execute('1', 'add', 1)
      if (runs === 1) await store.stream('list-1').append(added('faster'))
    })
    assert.deepEqual([calls, runs], [2, 2])
    assert.deepEqual((await store.stream('list-1').event(2))?.metadata, { run: 2 })
  })

  law('options of aggregates are checked', async ({ store }) => {
    for (const options of [
      { middleware: () => {} },
      { middleware: [() => {}, 7] },
      { context: {} },
      { contexts: () => ({}) },
      null,
      7,
    ]) {
      await refuses(store, 'invalid-argument', () => store.aggregate(lists(), options as object))
    }
  })
}
