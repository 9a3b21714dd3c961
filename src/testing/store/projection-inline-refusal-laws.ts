import assert from 'node:assert/strict'
import { ProjectionRefusedError } from '../../errors.ts'
import { TRANSACTION_AGE_MS_MAX } from '../../limits.ts'
import { lists, ticks } from './aggregate-examples.ts'
import { dataIn, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import { a, assertUnwritten, Failure, rowsOf } from './projection-examples.ts'
import {
  assertAllHandled,
  dataOfCategory,
  inlineDoing,
  inlineLogs,
  inlineRefusing,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** Inline projections that refuse what is to be appended. */
export function projectionInlineRefusalLaws(laws: StoreLaws): void {
  const named = ofInlineProjections(laws)
  refusalLaws(named)
  batchLaws(named)
  lateLaws(named)
}

function refusalLaws({ law }: StoreLaws): void {
  law('a handler that throws refuses the append, and says why', async ({ store }) => {
    await store.stream('s-1').append(a('good'))
    await using running = await store.project(
      inlineDoing(
        (_state, { data }, { kv, emit }) => {
          kv.set(['seen'], data as string)
          emit('out', a(data))
          if (data === 'bad') throw new Failure('not that')
        },
        { version: 3 },
      ),
    )
    const error = await refuses(store, 'projection-refused', () =>
      store.stream('s-1').append([a('fine'), { type: 'B', data: 'bad' }, a('unseen')]),
    )
    assert.ok(error instanceof ProjectionRefusedError)
    assert.deepEqual(error.details, {
      projection: 'p',
      version: 3,
      event: { streamId: 's-1', version: 3, type: 'B' },
    })
    assert.ok(error.cause instanceof Failure)
    assert.match(error.message, /not that/)
    assert.deepEqual(await running.state(), ['good'])
    assert.deepEqual(await rowsOf(running.kv), [[['seen'], 'good']])
    assert.deepEqual(await dataIn(store, 'out'), ['good'])
    await store.stream('s-1').append(a('better'), { expectedVersion: 1 })
    assert.deepEqual(await running.state(), ['good', 'better'])
  })

  law('one that throws what is no error refuses, too', async ({ store }) => {
    await using _ = await store.project(
      inlineDoing(() => {
        throw 'a text'
      }),
    )
    const error = await refuses(store, 'projection-refused', () => store.stream('s').append(a(1)))
    assert.equal(error.cause, 'a text')
  })

  law('append() on many streams is refused as a whole', async ({ store }) => {
    await using running = await store.project(inlineRefusing(['bad']))
    await refuses(store, 'projection-refused', () =>
      store.append([
        { streamId: 't', events: [a(1)] },
        { streamId: 's-1', events: [a(2)] },
        { streamId: 's-2', events: [a('bad')] },
      ]),
    )
    assert.deepEqual(await running.state(), [])
  })

  law('transact() is refused as a whole, also if its body catches everything', async ({ store }) => {
    await using running = await store.project(inlineRefusing(['bad']))
    let [runs, caught, committed] = [0, 0, 0]
    await refuses(store, 'projection-refused', () =>
      store.transact(async (tx) => {
        runs += 1
        tx.kv.set(['k'], 1)
        tx.afterCommit(() => {
          committed += 1
        })
        for (const data of [1, 'bad', 2]) {
          await tx
            .stream('s-1')
            .append(a(data))
            .catch(() => {
              caught += 1
            })
        }
      }),
    )
    // The projection has its say after the body.
    assert.deepEqual([runs, caught, committed], [1, 0, 0])
    assert.deepEqual(await running.state(), [])
    const within = store.kv.transact(async (tx) => {
      await store.within(tx).stream('s-1').append(a('bad'))
    })
    await assert.rejects(within, { code: 'projection-refused' })
    await assertUnwritten(store, 's-1')
  })

  law('a key with which something was refused is as good as new', async ({ store }) => {
    let isBad = true
    await using running = await store.project(
      inlineDoing(() => {
        if (isBad) throw new Failure('not now')
      }),
    )
    const append = () => store.stream('s').append(a(1), { idempotencyKey: 'k' })
    await refuses(store, 'projection-refused', append)
    isBad = false
    assert.equal((await append()).idempotent, false)
    assert.equal((await append()).idempotent, true)
    assert.deepEqual(await running.state(), [1])
  })

  law('execute() is refused, and the aggregate is what it was', async ({ store }) => {
    const source = { kind: 'category', category: 'list' } as const
    await using _ = await store.project(inlineRefusing(['bad'], { source }))
    const of = store.aggregate(lists())
    const calls = ['x', 'bad', 'y'].map((item) => of.execute('1', 'add', item))
    const outcomes = await Promise.allSettled(calls)
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await failureOf('projection-refused', () => calls[1])
    assert.deepEqual((await of.load('1')).state, ['x', 'y'])
    await of.execute('1', 'count')
    assert.deepEqual(await dataIn(store, 'list-1'), ['x', 'y', 2])
    await assertAllHandled(store, 'p', 'list')
  })

  law('a projection can keep a rule that spans streams', async ({ store }) => {
    await using running = await store.project(
      inlineLogs({
        partitionBy: ({ data }) => String(data),
        any: (state, { data, streamId }) => {
          if (state.length > 0) throw new Failure(`${String(data)} is taken by ${String(state[0])}`)
          return [streamId]
        },
      }),
    )
    const names = ['ada', 'bob', 'cy']
    const outcomes = await Promise.allSettled(
      numbers(1, 30).map((number) => store.stream(`s-${number}`).append(a(names[number % 3]))),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
    const inBodies = await Promise.allSettled(
      numbers(1, 10).map((number) => store.transact((tx) => tx.stream(`s-${number}`).append(a('di')))),
    )
    assert.equal(inBodies.filter(({ status }) => status === 'fulfilled').length, 1)
    const taken = await dataOfCategory(store)
    assert.deepEqual(taken.toSorted(), ['ada', 'bob', 'cy', 'di'])
    for (const name of taken as string[]) assert.equal((await running.load(name)).exists, true)
  })
}

function batchLaws({ law }: StoreLaws): void {
  for (const bad of [[], [0], [49], [7, 8, 9], numbers(0, 49), numbers(0, 49).filter((n) => n % 3 === 1)]) {
    law(
      `of 50 appends side by side just the ${bad.length} bad ones are refused: ${bad[0]} …`,
      async (scene) => {
        const { store } = scene
        await using running = await store.project(inlineRefusing(bad))
        const all = numbers(0, 49)
        const outcomes = await Promise.allSettled(
          all.map((number) => store.stream(`s-${number % 4}`).append(a(number))),
        )
        const refused = all.filter((number) => outcomes[number]!.status === 'rejected')
        assert.deepEqual(refused, bad)
        for (const outcome of outcomes)
          if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'projection-refused')
        const others = all.filter((number) => !bad.includes(number))
        assert.deepEqual(await running.state(), others)
        await assertAllHandled(store)
      },
    )
  }

  law('a refused append counts for nobody of its batch', async ({ store }) => {
    await using running = await store.project(inlineRefusing(['bad']))
    const stream = store.stream('s-1')
    const query = { items: [{ types: ['Bad'] }] }
    const [first, bad, second, third] = await Promise.allSettled([
      stream.append(a(1), { expectedVersion: 0 }),
      stream.append({ type: 'Bad', data: 'bad' }),
      stream.append(a(2), { expectedVersion: 1 }),
      stream.append(a(3), { failIfEventsMatch: { query } }),
    ])
    assert.equal(bad.status, 'rejected')
    assert.deepEqual(
      [first, second, third].map((outcome) => (outcome as PromiseRejectedResult).reason),
      [undefined, undefined, undefined],
    )
    assert.deepEqual(await running.state(), [1, 2, 3])
  })

  law('appends that fail in another way stay what they are beside a refused one', async ({ store }) => {
    await using running = await store.project(inlineRefusing(['bad']))
    const stream = store.stream('s-1')
    const codes = await Promise.all(
      [
        stream.append(a(1)),
        stream.append(a(2), { expectedVersion: 7 }),
        stream.append(a('bad')),
        stream.append(a(3), { expectedVersion: 'no-stream' }),
        stream.append(a(4)),
      ].map((append) =>
        append.then(
          () => 'ok',
          (error) => error.code,
        ),
      ),
    )
    const wrong = 'wrong-expected-version'
    assert.deepEqual(codes, ['ok', wrong, 'projection-refused', wrong, 'ok'])
    assert.deepEqual(await running.state(), [1, 4])
  })

  law('an append that waits with a signal can be refused, and the next one goes on', async ({ store }) => {
    await using _ = await store.project(inlineRefusing(['bad']))
    const { signal } = new AbortController()
    const refused = store.stream('s').append(a('bad'), { signal })
    const fine = store.stream('s').append(a(1), { signal })
    await failureOf('projection-refused', () => refused)
    assert.equal((await fine).lastVersion, 1)
  })
}

function lateLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw('a handler that waits for an append of its own is refused in the end', async (scene) => {
    const { store, runtime } = scene
    await using running = await store.project(
      inlineDoing(async (_state, { data }) => {
        if (data === 'bad') await store.stream('t-1').append(a('inside'))
      }),
    )
    const began = runtime.monotonic()
    const appends = [1, 'bad', 2].map((data) => store.stream('s-1').append(a(data)))
    const outcomes = await Promise.allSettled(appends)
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'ok')),
      ['ok', 'projection-refused', 'ok'],
    )
    const tookMs = runtime.monotonic() - began
    assert.ok(tookMs >= TRANSACTION_AGE_MS_MAX && tookMs < 4 * TRANSACTION_AGE_MS_MAX, `${tookMs} ms`)
    assert.deepEqual(await running.state(), [1, 2])
    await store.stream('s-1').append(a(3))
    assert.deepEqual(await running.state(), [1, 2, 3])
  })

  simulatedLaw('a handler that never returns is refused in transact(), too', async ({ store, runtime }) => {
    await using running = await store.project(
      inlineDoing((_state, { data }) => (data === 'bad' ? new Promise<undefined>(() => {}) : undefined)),
    )
    const began = runtime.monotonic()
    const hanging = store.transact((tx) => tx.stream('s-1').append(a('bad')))
    await store.stream('s-1').append(a(1))
    assert.ok(runtime.monotonic() - began < 1_000, 'others need not wait for it')
    const code = await hanging.then(
      () => 'ok',
      (error) => error.code,
    )
    assert.equal(code, 'projection-refused')
    assert.deepEqual(await running.state(), [1])
  })

  law('an append that nobody waits for is handled, or it is refused', async ({ store }) => {
    await using running = await store.project(inlineLogs())
    const codes = new Set<unknown>()
    for (const isFirst of [true, false]) {
      for (const wait of numbers(0, 50)) {
        const data = `${isFirst} ${wait}`
        let late: Promise<unknown> | undefined
        await store.transact(async (tx) => {
          await tx.stream('s-1').exists()
          if (isFirst) tx.kv.set(['k'], wait)
          else await tx.stream('s-2').append(a(`before ${wait}`))
          late = ticks(wait)
            .then(() => tx.stream('s-1').append(a(data)))
            .then(
              () => 'ok',
              (error) => error.code,
            )
        })
        const code = await late
        codes.add(code)
        assert.equal((await dataIn(store, 's-1')).includes(data), code === 'ok', `${data}: ${code}`)
        await assertAllHandled(store)
      }
    }
    assert.equal(codes.has('ok'), true)
    assert.equal(codes.size > 1, true)
    assert.ok((await running.load()).exists)
  })
}
