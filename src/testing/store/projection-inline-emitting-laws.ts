import assert from 'node:assert/strict'
import { waitUntil } from './group-consumers.ts'
import { dataIn, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'
import { a, assertUnwritten, caughtUp, counts, faulted, logs } from './projection-examples.ts'
import {
  assertAllHandled,
  inForce,
  inlineDoing,
  inlineLogs,
  inlineRefusing,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** What inline projections emit, what is emitted into their sources, and those that nobody carries. */
export function projectionInlineEmittingLaws(laws: StoreLaws): void {
  const named = ofInlineProjections(laws)
  emittedLaws(named)
  conditionLaws(named)
  intoLaws(named)
  linkLaws(named)
  carryingLaws(named)
}

const CATEGORY_T = { kind: 'category', category: 't' } as const

function emittedLaws({ law }: StoreLaws): void {
  law('what one emits is handled by others, before and behind it, and by itself', async ({ store }) => {
    for (const name of ['a', 'z']) await store.project(inlineLogs({ name, source: CATEGORY_T }))
    await using running = await store.project(
      inlineDoing((_state, { data }, { emit }) => {
        emit('t-1', [a(`${data}`), a(`${data}!`)])
        if (data === 3) emit('s-9', a('self'))
      }),
    )
    const { lastVersion } = await store.stream('s-1').append([a(1), a(2), a(3)])
    assert.equal(lastVersion, 3)
    const expected = ['1', '1!', '2', '2!', '3', '3!', 'self', 'self!']
    for (const name of ['a', 'z']) assert.deepEqual(await store.projection(name).state(), expected)
    assert.deepEqual(await dataIn(store, 't-1'), expected)
    assert.deepEqual(await running.state(), [1, 2, 3, 'self'])
  })

  law('what is emitted says what caused it', async ({ store }) => {
    await using _ = await store.project(
      inlineDoing((_state, { data }, { emit }) => {
        if (data === 1) emit('s-2', { type: 'B', data: 2 })
        if (data === 2) emit('out', { type: 'C', metadata: { $correlationId: 'own' } })
      }),
    )
    await store.stream('s-1').append(a(1, { id: uuidOf(1), metadata: { $correlationId: 'whole' } }))
    const [b] = await store.stream('s-2').read().toArray()
    assert.deepEqual(b?.metadata, { $correlationId: 'whole', $causationId: uuidOf(1) })
    const [c] = await store.stream('out').read().toArray()
    assert.deepEqual(c?.metadata, { $correlationId: 'own', $causationId: b?.id })
  })

  law('who refuses what another one emits refuses the append', async ({ store }) => {
    await store.project(inlineRefusing(['bad'], { name: 'guard', source: CATEGORY_T }))
    await using running = await store.project(
      inlineDoing((_state, { data }, { emit }) => emit('t-1', a(data))),
    )
    const error = await refuses(store, 'projection-refused', () => store.stream('s-1').append(a('bad')))
    assert.deepEqual(error.details, {
      projection: 'guard',
      version: 1,
      event: { streamId: 't-1', version: 1, type: 'A' },
    })
    await store.stream('s-1').append(a('good'))
    assert.deepEqual(await running.state(), ['good'])
  })

  law('the position of an append is that of its own events', async ({ store }) => {
    await using _ = await store.project(
      inlineDoing((_state, { data }, { emit }) => emit('out', [a(data), a(0)])),
    )
    const results = await Promise.all(numbers(1, 9).map((n) => store.stream('s-1').append([a(n), a(-n)])))
    const read = await store.stream('s-1').read().toArray()
    assert.deepEqual(
      results.map(({ position }) => position),
      results.map((_result, at) => read[2 * at + 1]!.position),
    )
    assert.equal((await dataIn(store, 'out')).length, 36)
  })

  law('delete() with emittedStreams knows the streams of appends in force', async ({ store }) => {
    const running = await store.project(
      inlineDoing((_state, { data }, { emit, linkTo }) => {
        emit(`out-${data}`, a(data))
        linkTo('links', { streamId: 's-1', version: 1 })
      }),
    )
    await store.stream('s-1').append([a(1), a(2)])
    await running.delete({ emittedStreams: true })
    for (const streamId of ['out-1', 'out-2', 'links']) await assertUnwritten(store, streamId)
  })
}

function conditionLaws({ law }: StoreLaws): void {
  law('later appends of a batch see what was emitted for earlier ones', async ({ store }) => {
    await using running = await store.project(
      inlineDoing((_state, { data }, { emit }) => {
        if (data === 1) emit('s-2', { type: 'B', data: 'emitted', tags: ['t'] })
      }),
    )
    const query = { items: [{ types: ['B'], tags: ['t'] }] }
    const outcomes = await Promise.allSettled([
      store.stream('s-2').append(a(0), { failIfEventsMatch: { query } }),
      store.stream('s-1').append(a(1)),
      store.stream('s-2').append(a(2), { expectedVersion: 1 }),
      store.stream('s-2').append(a(3), { expectedVersion: 2 }),
      store.stream('s-3').append(a(4), { failIfEventsMatch: { query } }),
      store.stream('s-2').append(a(5), { expectedVersion: 3 }),
    ])
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'ok'))
    const [wrong, failed] = ['wrong-expected-version', 'append-condition-failed']
    assert.deepEqual(codes, ['ok', 'ok', wrong, 'ok', failed, 'ok'])
    assert.deepEqual(await running.state(), [0, 1, 'emitted', 3, 5])
    await assertAllHandled(store)
  })

  law('later appends of a batch see the state that earlier ones have come to', async ({ store }) => {
    await using running = await store.project(
      inlineLogs({
        any: (state, { data }, { kv }) => {
          if (state.length >= 5) throw new Error('full')
          kv.set(['n', data as number], state.length)
          return [...state, data]
        },
      }),
    )
    const outcomes = await Promise.allSettled(numbers(1, 20).map((n) => store.stream(`s-${n}`).append(a(n))))
    assert.deepEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
      numbers(1, 20).map((n) => n <= 5),
    )
    assert.deepEqual(await running.state(), [1, 2, 3, 4, 5])
    assert.equal(await running.kv.get(['n', 5]), 4)
    assert.equal(await running.kv.get(['n', 6]), undefined)
  })
}

function intoLaws({ simulatedLaw }: StoreLaws): void {
  const emitting = counts((_state, { data }, { emit }) => void emit('s-1', a(data)) as undefined, {
    name: 'c',
    source: CATEGORY_T,
  })

  simulatedLaw('one that is not inline emits into the source of one that is', async ({ store }) => {
    await using inline = await store.project(inlineRefusing([]))
    await using running = await store.project(emitting)
    const { position } = await store.stream('t-1').append([a(1), a(2)])
    await running.waitFor(position!)
    assert.deepEqual(await inline.state(), [1, 2])
  })

  simulatedLaw('one that is not inline stops at an event whose emitted event is refused', async (scene) => {
    const { store, runtime } = scene
    await using inline = await store.project(inlineRefusing(['bad']))
    await using running = await store.project(emitting)
    await store.stream('t-1').append([a(1), a('bad'), a(2)])
    const { event, error } = await faulted(runtime, running)
    assert.deepEqual([event?.version, error.name], [2, 'ProjectionRefusedError'])
    assert.deepEqual(await inline.state(), [1])
    await running.skip()
    await caughtUp(store, running)
    assert.deepEqual(await inline.state(), [1, 2])
    await assertAllHandled(store)
  })

  simulatedLaw('one that is not inline stops when nobody carries the one that is', async (scene) => {
    const { store, runtime } = scene
    const inline = await store.project(inlineLogs())
    await inline.close()
    await using running = await store.project(emitting)
    await store.stream('t-1').append([a(1), a(2)])
    const { error } = await faulted(runtime, running)
    assert.equal(error.name, 'ProjectionNotCarriedError')
    await using _ = await store.project(inlineLogs())
    await running.resume()
    const handle = store.projection('p')
    await waitUntil(runtime, 'all was emitted', async () => (await handle.state()) !== undefined)
    assert.deepEqual(await handle.state(), [1, 2])
  })

  simulatedLaw(
    'what is emitted while it comes into force is refused, told, and tried again',
    async (scene) => {
      const { store, runtime } = scene
      let isBad = true
      await store.project(
        inlineDoing(
          () => {
            if (isBad) throw new Error('not now')
          },
          { name: 'guard', source: CATEGORY_T },
        ),
      )
      await store.stream('s-1').append(a(1))
      const echo = inlineDoing((_state, { data }, { emit }) => emit('t-1', a(data)))
      await failureOf('projection-faulted', () => store.project(echo))
      await assertUnwritten(store, 't-1')
      isBad = false
      await using running = await store.project(echo)
      await inForce(runtime, running)
      assert.deepEqual(await dataIn(store, 't-1'), [1])
      assert.deepEqual(await store.projection('guard').state(), [1])
    },
  )

  simulatedLaw('it and one behind it come to the same', async ({ store, runtime, random }) => {
    await using inline = await store.project(inlineLogs())
    const settings = { name: 'behind', source: { kind: 'category', category: 's' } } as const
    await using behind = await store.project(logs(settings))
    await Promise.all(numbers(1, 60).map((n) => store.stream(`s-${Math.floor(4 * random())}`).append(a(n))))
    await caughtUp(store, behind)
    await waitUntil(runtime, 'both are there', async () => (await behind.state()).length === 60)
    assert.deepEqual(await inline.state(), await behind.state())
  })
}

function linkLaws({ law }: StoreLaws): void {
  law('links into its source are passed over, also while the past is handled', async ({ store }) => {
    await store.stream('t-1').append([a('t'), a('u')])
    await store.stream('s-1').linkTo({ streamId: 't-1', version: 1 })
    await using running = await store.project(inlineLogs())
    await store.stream('s-1').linkTo({ streamId: 't-1', version: 2 })
    await store.transact((tx) => tx.stream('s-2').linkTo({ streamId: 't-1', version: 2 }))
    assert.deepEqual(await running.state(), [])
    await running.close()
    await store.stream('s-1').linkTo({ streamId: 't-1', version: 1 })
    assert.equal((await store.stream('s-1').read().toArray()).length, 3)
  })

  law(
    'linkTo() of a handler links what is just being appended, and is not handled again',
    async ({ store }) => {
      await using running = await store.project(
        inlineDoing((_state, event, { linkTo }) => {
          linkTo('s-links', event)
          linkTo('first', { streamId: event.streamId, version: 1 })
        }),
      )
      await store.stream('s-1').append([a(1), a(2)])
      await store.transact((tx) => tx.stream('s-1').append(a(3)))
      assert.deepEqual(await running.state(), [1, 2, 3])
      assert.deepEqual(await dataIn(store, 's-links'), [1, 2, 3])
      assert.deepEqual(await dataIn(store, 'first'), [1, 1, 1])
    },
  )
}

const SOURCES = [
  [{ kind: 'all' }, ['s-1', 'x']],
  [{ kind: 'stream', streamId: 's-1' }, ['s-1']],
  [{ kind: 'category', category: 's' }, ['s-1']],
  [{ kind: 'type', type: 'A' }, ['s-1', 'x']],
  [{ kind: 'query', query: { items: [{ types: ['A'] }] } }, ['s-1', 'x']],
] as const

function carryingLaws({ law, simulatedLaw }: StoreLaws): void {
  for (const [source, streams] of SOURCES) {
    law(
      `after close() events of a source by ${source.kind} are refused, and no others`,
      async ({ store }) => {
        const running = await store.project(inlineLogs({ source, version: 2 }))
        await store.stream('s-1').append(a(1))
        await running.close()
        for (const streamId of ['s-1', 'x']) {
          const isMeant = (streams as readonly string[]).includes(streamId)
          const appends = [
            () => store.stream(streamId).append(a(2)),
            () => store.append([{ streamId, events: [a(2)] }]),
            () => store.transact((tx) => tx.stream(streamId).append(a(2))),
          ]
          for (const append of appends) {
            if (!isMeant) await append()
            else {
              const error = await refuses(store, 'projection-not-carried', append)
              assert.deepEqual(error.details, { projection: 'p', version: 2, streamId })
            }
          }
        }
        if (source.kind !== 'all') await store.stream('other').append({ type: 'B' })
        await using again = await store.project(inlineLogs({ source, version: 2 }))
        await store.stream('s-1').append(a(3))
        assert.deepEqual(await again.state(), [1, 3])
      },
    )
  }

  law('of appends side by side just those are refused that nobody carries', async ({ store }) => {
    await (await store.project(inlineLogs())).close()
    const outcomes = await Promise.allSettled(
      ['t-1', 's-1', 't-1', 's-2', 't-2'].map((streamId) => store.stream(streamId).append(a(1))),
    )
    assert.deepEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
      [true, false, true, false, true],
    )
  })

  law('one of two that run it may be closed', async ({ store }) => {
    const both = [await store.project(inlineLogs()), await store.project(inlineLogs())]
    await both[0]!.close()
    await store.stream('s-1').append(a(1))
    assert.deepEqual(await both[1]!.state(), [1])
    await both[1]!.close()
    await failureOf('projection-not-carried', () => store.stream('s-1').append(a(2)))
  })

  law('reset() and pause() of one that nobody carries let appends go on', async ({ store }) => {
    await (await store.project(inlineLogs())).close()
    const handle = store.projection('p')
    await failureOf('projection-not-carried', () => store.stream('s-1').append(a(1)))
    await handle.pause()
    await store.stream('s-1').append(a(2))
    await handle.resume()
    await store.stream('s-1').append(a(3))
    await using running = await store.project(inlineLogs())
    assert.deepEqual(await running.state(), [2, 3])
    await running.close()
    await handle.reset()
    await store.stream('s-1').append(a(4))
    await handle.delete()
    await store.stream('s-1').append(a(5))
  })

  simulatedLaw(
    'appends that wait when the store is closed are still made',
    async ({ store, reopen }) => {
      await store.project(inlineLogs())
      const appends = Promise.all(numbers(1, 30).map((n) => store.stream('s-1').append(a(n))))
      await store.close()
      await appends
      const again = await reopen()
      await failureOf('projection-not-carried', () => again.stream('s-1').append(a(0)))
      await again.project(inlineLogs())
      assert.deepEqual(await again.projection('p').state(), numbers(1, 30))
    },
    { needs: 'reopen' },
  )
}
