import assert from 'node:assert/strict'
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../limits.ts'
import { openEventStore } from '../../opening/open-event-store.ts'
import type { EventStore } from '../../store/contract.ts'
import type { AppendResult, MultiAppendOptions, StreamAppend } from '../../store/contract-appending.ts'
import type { NewEvent } from '../../store/event.ts'
import { CONTENT, OTHERS, SAME } from './append-contents.ts'
import { counted, dataIn, everythingIn, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

type Appends = readonly StreamAppend[]
type Results = readonly AppendResult<bigint | undefined>[]

/** The ways to append with a key that take these appends. What a transaction says has no positions. */
const WAYS: Readonly<
  Record<string, (store: EventStore, appends: Appends, options: MultiAppendOptions) => Promise<Results>>
> = {
  'stream.append()': async (store, [{ streamId, events } = NOTHING], options) => [
    await store.stream(streamId).append(events, options),
  ],
  'store.append()': (store, appends, options) => store.append(appends, options),
  'tx.stream.append()': (store, [{ streamId, events } = NOTHING], options) =>
    store.transact(async (tx) => [await tx.stream(streamId).append(events, options)]),
  'tx.append()': (store, appends, options) => store.transact((tx) => tx.append(appends, options)),
}

const NOTHING: StreamAppend = { streamId: 'none', events: [] }
const idempotencyKey = 'key'
const one: Appends = [{ streamId: 'a', events: [{ type: 'A', data: 1, id: uuidOf(1) }, ...counted(2)] }]
const several: Appends = [
  { streamId: 'b', events: counted(2, 10) },
  ...one,
  { streamId: 'empty', events: [] },
]

/** What can happen to streams `a` and `b` after an append; in this order. */
const LATER: readonly ((store: EventStore) => Promise<unknown>)[] = [
  async () => {},
  (store) => store.stream('a').append(counted(3)),
  (store) => store.append(['b', 'empty'].map((streamId) => ({ streamId, events: counted(1) }))),
  (store) => store.stream('a').truncateBefore(4),
  (store) => store.stream('b').delete(),
  (store) => store.scavenge(),
  (store) => store.stream('b').append(counted(1)),
  (store) => store.stream('a').delete(),
  (store) => store.stream('a').tombstone(),
  (store) => store.scavenge(),
]

/** Appending again: recognised by a key that stands for the whole append. */
export function idempotencyKeyLaws({ law }: StoreLaws): void {
  for (const [name, append] of Object.entries(WAYS)) {
    law(`${name} with a key again returns the original result, whatever has happened since`, async (scene) =>
      sameEver(scene.store, append, one),
    )
  }

  for (const name of ['store.append()', 'tx.append()'] as const) {
    law(`${name} to several streams with a key again returns the original results`, async (scene) =>
      sameEver(scene.store, WAYS[name]!, several),
    )
  }

  law('a key stands for the append, however it is made', async ({ store }) => {
    for (const [at, append] of Object.values(WAYS).entries()) {
      const appends = [{ streamId: `s${at}`, events: counted(2) }]
      const options = { idempotencyKey: `key ${at}` }
      await append(store, appends, options)
      const { position } = (await store.stream(`s${at}`).event(2))!
      for (const again of Object.values(WAYS)) {
        const [result] = await again(store, appends, options)
        assert.deepEqual([result!.idempotent, result!.firstVersion, result!.lastVersion], [true, 1, 2])
      }
      assert.equal((await store.append(appends, options))[0]!.position, position)
    }
  })

  law(
    'a key outlives the process',
    async ({ store, reopen }) => {
      const original = await store.append(several, { idempotencyKey })
      const empty = await store.stream('c').append([], { idempotencyKey: 'empty' })
      await store.stream('c').append(counted(1))
      const again = await reopen()
      assert.deepEqual(await again.append(several, { idempotencyKey }), repeated(original))
      assert.deepEqual(await again.stream('c').append([], { idempotencyKey: 'empty' }), repeated([empty])[0])
      await refuses(again, 'idempotency-conflict', () => again.append(one, { idempotencyKey }))
    },
    { needs: 'reopen' },
  )

  for (const [what, appends] of Object.entries(OTHERS)) {
    law(`a key that was used refuses an append with ${what}`, async ({ store }) => {
      await store.append(CONTENT, { idempotencyKey })
      const calls = [
        () => store.append(appends, { idempotencyKey }),
        () => store.transact((tx) => tx.append(appends, { idempotencyKey })),
      ]
      for (const call of calls) {
        const error = await refuses(store, 'idempotency-conflict', call)
        assert.deepEqual(error.details, { idempotencyKey })
      }
      assert.equal((await store.append(CONTENT, { idempotencyKey }))[0]!.idempotent, true)
    })
  }

  law('a key does not mind how the same events are written down', async ({ store }) => {
    const original = await store.append(CONTENT, { idempotencyKey })
    for (const appends of SAME)
      assert.deepEqual(await store.append(appends, { idempotencyKey }), repeated(original))
  })

  law('a key does not stand for expectations and conditions', async ({ store }) => {
    const [original] = await store.append(one, { idempotencyKey })
    for (const expectedVersion of ['no-stream', 'stream-exists', 'deleted', 0, 3, 99] as const) {
      const options = { idempotencyKey, expectedVersion, failIfEventsMatch: { query: {} } }
      const again = await store.stream('a').append(one[0]!.events, options)
      assert.deepEqual(again, { ...original, idempotent: true })
      const conditions = [{ streamId: 'b', expectedVersion: 7 }]
      assert.deepEqual(await store.append(one, { idempotencyKey, conditions }), repeated([original!]))
    }
  })

  law('a failed append does not use up its key', async ({ store }) => {
    await store.stream('s').append([{ type: 'A', id: uuidOf(1) }, ...counted(1)])
    const conflicting = [{ type: 'A', id: uuidOf(1) }, { type: 'A' }]
    for (const way of Object.values(WAYS)) {
      const fails = (
        code: string,
        events: readonly NewEvent[],
        options: MultiAppendOptions,
      ): Promise<unknown> =>
        refuses(store, code, () => way(store, [{ streamId: 's', events }], { ...options, idempotencyKey }))
      await fails('append-condition-failed', counted(1), { failIfEventsMatch: { query: {} } })
      await fails('idempotency-conflict', conflicting, {})
      await fails('unserializable', [{ type: 'A', data: 1n }], {})
    }
    await refuses(store, 'wrong-expected-version', () =>
      store.stream('s').append(counted(1), { idempotencyKey, expectedVersion: 9 }),
    )
    assert.equal((await store.stream('t').append(counted(1), { idempotencyKey })).idempotent, false)
  })

  law('a key is noted for events that are recognised by their ids', async ({ store }) => {
    const stream = store.stream('a')
    const [events, fresh] = [
      [
        { type: 'A', id: uuidOf(1) },
        { type: 'A', id: uuidOf(2) },
      ],
      [{ streamId: 'b', events: counted(1) }],
    ]
    const original = await stream.append(events)
    const recognised = await store.append([{ streamId: 'a', events }, ...fresh], { idempotencyKey })
    assert.deepEqual([recognised[0], recognised[1]!.idempotent], [{ ...original, idempotent: true }, false])
    await refuses(store, 'idempotency-conflict', () => stream.append(counted(1), { idempotencyKey }))
    await stream.append(counted(1))
    await stream.truncateBefore(4)
    await store.scavenge()
    const again = await store.append([{ streamId: 'a', events }, ...fresh], { idempotencyKey })
    assert.deepEqual(again, repeated(recognised))
    assert.equal((await stream.append(events)).idempotent, false)
  })

  law('an append without events has a result that its key keeps', async ({ store }) => {
    await store.stream('s').append(counted(3))
    const options = { idempotencyKey }
    const original = await store.stream('s').append([], options)
    assert.deepEqual([original.firstVersion, original.lastVersion, original.idempotent], [4, 3, false])
    await store.stream('s').append(counted(1))
    assert.deepEqual(await store.stream('s').append([], options), { ...original, idempotent: true })
    await refuses(store, 'idempotency-conflict', () => store.stream('s').append(counted(1), options))
    for (const _ of [1, 2]) assert.deepEqual(await store.append([], { idempotencyKey: 'none' }), [])
    await refuses(store, 'idempotency-conflict', () => store.append(one, { idempotencyKey: 'none' }))
    const [missing] = await store.append([{ streamId: 'missing', events: [] }], { idempotencyKey: 'missing' })
    assert.deepEqual([missing!.lastVersion, missing!.idempotent], [0, false])
    assert.equal(await store.stream('missing').exists(), false)
  })

  law('an append without events is new with a key that is kept for ever', async ({ store, directory }) => {
    const idempotencyKeyMs = Number.MAX_SAFE_INTEGER
    await using laid = await openEventStore(store.kv, { directory, idempotencyKeyMs })
    for (const idempotent of [false, true]) {
      const result = await laid.stream('s').append([], { idempotencyKey })
      assert.deepEqual([result.idempotent, result.position], [idempotent, undefined])
    }
  })

  law('appends with one key at the same time are one append', async ({ store }) => {
    const results = await Promise.all(numbers(1, 8).map(() => store.append(several, { idempotencyKey })))
    const [original] = results.filter(([first]) => !first!.idempotent)
    assert.equal(results.filter(([first]) => first!.idempotent).length, 7)
    for (const result of results) assert.deepEqual(repeated(result), repeated(original!))
    assert.equal(original![1]!.position, (await store.stream('a').event(3))!.position)
    assert.deepEqual(await dataIn(store, 'a'), [1, 1, 2])
  })

  law('appends of different events with one key at the same time: the first is made', async ({ store }) => {
    const outcomes = await Promise.allSettled(
      numbers(1, 4).map((n) => store.stream(`s${n}`).append(counted(1, n), { idempotencyKey })),
    )
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    assert.deepEqual(
      failures.map(({ code, details }) => [code, details]),
      numbers(1, 3).map(() => ['idempotency-conflict', { idempotencyKey }]),
    )
    assert.equal((await store.all.read().toArray()).length, 1)
  })

  law('a key is recognised within the transaction that uses it', async ({ store }) => {
    const positions: unknown[] = []
    await store.transact(async (tx) => {
      tx.afterCommit(({ position }) => positions.push(position))
      const original = await tx.append(several, { idempotencyKey })
      await tx.stream('a').append(counted(1, 7))
      assert.deepEqual(await tx.append(several, { idempotencyKey }), repeated(original))
      await failureOf('idempotency-conflict', () => tx.append(one, { idempotencyKey }))
      await failureOf('idempotency-conflict', () => tx.stream('z').append(counted(1), { idempotencyKey }))
      assert.equal(await tx.stream('z').exists(), false)
    })
    assert.deepEqual(await dataIn(store, 'a'), [1, 1, 2, 7])
    assert.deepEqual(positions, [(await store.stream('a').event(4))!.position])
    const [, a] = await store.append(several, { idempotencyKey })
    assert.deepEqual([a!.idempotent, a!.position], [true, (await store.stream('a').event(3))!.position])
  })

  law('a key that a transaction uses is free again if it does not commit', async ({ store }) => {
    const failure = new Error('mine')
    const failing = store.transact(async (tx) => {
      await tx.append(one, { idempotencyKey })
      throw failure
    })
    await assert.rejects(failing, failure)
    assert.equal((await store.stream('b').append(counted(1), { idempotencyKey })).idempotent, false)
  })

  law('a key is judged again if another append uses it before the commit', async ({ store, directory }) => {
    await using other = await openEventStore(store.kv, { directory })
    for (const [n, code] of [
      [1, undefined],
      [2, 'idempotency-conflict'],
    ] as const) {
      let attempts = 0
      const options = { idempotencyKey: `key ${n}` }
      const outcome = store.transact(async (tx) => {
        attempts += 1
        const mine = await tx.stream(`s${n}`).append(counted(1), options)
        if (attempts === 1) await other.stream(`s${n}`).append(counted(n), options)
        return mine
      })
      if (code === undefined) assert.equal((await outcome).idempotent, true)
      else await failureOf(code, () => outcome)
      assert.deepEqual([attempts, await dataIn(store, `s${n}`)], [2, numbers(1, n)])
    }
  })

  law('a key has one winner among transactions and stores that append to other streams', async (scene) => {
    const { store, directory } = scene
    await using other = await openEventStore(store.kv, { directory })
    const race = numbers(1, 4).flatMap((n) => [
      store.stream(`a${n}`).append(counted(1), { idempotencyKey }),
      other.stream(`b${n}`).append(counted(1), { idempotencyKey }),
      store.transact((tx) => tx.stream(`c${n}`).append(counted(1), { idempotencyKey })),
      other.transact((tx) => tx.append([{ streamId: `d${n}`, events: counted(1) }], { idempotencyKey })),
    ])
    const outcomes = await Promise.allSettled<unknown>(race)
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'made'))
    assert.deepEqual(codes.toSorted(), [...numbers(1, 15).map(() => 'idempotency-conflict'), 'made'])
    assert.equal((await store.all.read().toArray()).length, 1)
  })

  law('a key is a name of up to 256 bytes', async ({ store }) => {
    const longest = 'é'.repeat(IDEMPOTENCY_KEY_BYTES_MAX / 2)
    for (const key of [longest, 'a', 'ab', 'a\u0001', '$key', '/']) {
      for (const idempotent of [false, true]) {
        const result = await store.stream('s').append(counted(1), { idempotencyKey: key })
        assert.equal(result.idempotent, idempotent, key)
      }
    }
    const refused = (code: string, key: unknown): Promise<unknown> =>
      refuses(store, code, () => store.stream('s').append(counted(1), { idempotencyKey: key as string }))
    await refused('limit-exceeded', `${longest}a`)
    for (const key of ['', 'a\0b', '\ud800', 7, null, {}]) await refused('invalid-argument', key)
  })
}

/** The same result, but for having been recognised. */
export function repeated<Result extends object>(results: readonly Result[]): readonly Result[] {
  return results.map((result) => ({ ...result, idempotent: true }))
}

async function sameEver(
  store: EventStore,
  append: NonNullable<(typeof WAYS)[string]>,
  appends: Appends,
): Promise<void> {
  const options = { idempotencyKey }
  const original = await append(store, appends, options)
  await assertOriginal(store, appends, original)
  const recorded = await store.append(appends, options)
  for (const happen of LATER) {
    await happen(store)
    const before = await everythingIn(store)
    assert.deepEqual(await append(store, appends, options), repeated(original))
    assert.deepEqual(await store.append(appends, options), recorded)
    assert.equal(await everythingIn(store), before)
  }
}

async function assertOriginal(store: EventStore, appends: Appends, results: Results): Promise<void> {
  for (const [at, result] of results.entries()) {
    const { streamId, events } = appends[at]!
    const { length } = events as readonly NewEvent[]
    const { firstVersion, lastVersion, position, idempotent } = result
    assert.deepEqual([result.streamId, firstVersion, lastVersion, idempotent], [streamId, 1, length, false])
    const last = await store.stream(streamId).event(length)
    if (position !== undefined) assert.equal(position, last!.position)
  }
}
