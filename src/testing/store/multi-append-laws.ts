import assert from 'node:assert/strict'
import { APPEND_EVENTS_MAX, APPEND_STREAMS_MAX } from '../../limits.ts'
import { assertAscending } from './append-laws.ts'
import { counted, dataIn, nextTurn, numbers, refuses, type StoreLaws } from './laws.ts'

/** Appending to several streams at once. */
export function multiAppendLaws({ law }: StoreLaws): void {
  law(
    'store.append() makes the events of several streams visible together, in the order given',
    async ({ store }) => {
      await store.stream('b').append(counted(1))
      const results = await store.append([
        { streamId: 'c', events: counted(2, 10) },
        { streamId: 'a', events: { type: 'Single', data: 20 } },
        { streamId: 'b', events: counted(2, 30), expectedVersion: 1 },
      ])
      const events = (await store.all.read().toArray()).slice(1)
      assert.deepEqual(
        events.map(({ streamId, version, data }) => [streamId, version, data]),
        [
          ['c', 1, 10],
          ['c', 2, 11],
          ['a', 1, 20],
          ['b', 2, 30],
          ['b', 3, 31],
        ],
      )
      assertAscending(events.map(({ position }) => position))
      assert.deepEqual(results, [
        { streamId: 'c', firstVersion: 1, lastVersion: 2, position: events[1]!.position, idempotent: false },
        { streamId: 'a', firstVersion: 1, lastVersion: 1, position: events[2]!.position, idempotent: false },
        { streamId: 'b', firstVersion: 2, lastVersion: 3, position: events[4]!.position, idempotent: false },
      ])
    },
  )

  law('store.append() is seen whole or not at all by readers', async ({ store }) => {
    const streams = numbers(1, 5).map((n) => `s${n}`)
    const writing = Promise.all(
      numbers(1, 30).map((round) =>
        store.append(streams.map((streamId) => ({ streamId, events: counted(1, round) }))),
      ),
    )
    for (let finished = false; !finished; ) {
      finished = await Promise.race([writing.then(() => true), nextTurn().then(() => false)])
      const versions = await store.readTransact((tx) =>
        Promise.all(streams.map(async (id) => (await tx.stream(id).read().last())?.version ?? 0)),
      )
      assert.deepEqual(new Set(versions).size, 1, `versions ${versions}`)
    }
    for (const id of streams) assert.deepEqual(await dataIn(store, id), numbers(1, 30))
  })

  law(
    'store.append() lists every violated condition, also those on streams that it does not write',
    async ({ store }) => {
      await store.stream('live').append(counted(3))
      await store.createStream('created')
      const error = await refuses(store, 'wrong-expected-version', () =>
        store.append(
          [
            { streamId: 'live', events: counted(1), expectedVersion: 2 },
            { streamId: 'new', events: counted(1) },
            { streamId: 'other', events: counted(1), expectedVersion: 'stream-exists' },
          ],
          {
            conditions: [
              { streamId: 'created', expectedVersion: 'no-stream' },
              { streamId: 'live', expectedVersion: 3 },
              { streamId: 'missing', expectedVersion: 5 },
              { streamId: 'created', expectedVersion: 0 },
            ],
          },
        ),
      )
      assert.deepEqual(error.details, {
        violations: [
          { kind: 'stream', streamId: 'live', expected: 2, actual: 3, state: 'live' },
          { kind: 'stream', streamId: 'other', expected: 'stream-exists', actual: 0, state: 'none' },
          { kind: 'stream', streamId: 'created', expected: 'no-stream', actual: 0, state: 'live' },
          { kind: 'stream', streamId: 'missing', expected: 5, actual: 0, state: 'none' },
        ],
      })
    },
  )

  law(
    'store.append() checks conditions on streams that it does not write, and leaves them alone',
    async ({ store }) => {
      await store.stream('seat').append(counted(2))
      await store.append([{ streamId: 'booking', events: counted(1) }], {
        conditions: [
          { streamId: 'seat', expectedVersion: 2 },
          { streamId: 'ban', expectedVersion: 'no-stream' },
        ],
      })
      assert.deepEqual(await dataIn(store, 'booking'), [1])
      assert.deepEqual(await dataIn(store, 'seat'), [1, 2])
      assert.equal(await store.stream('ban').exists(), false)
    },
  )

  law('store.append() of no events checks its conditions', async ({ store }) => {
    await store.stream('a').append(counted(1))
    const conditions = [{ streamId: 'a', expectedVersion: 1 as const }]
    assert.deepEqual(await store.append([]), [])
    assert.deepEqual(await store.append([], { conditions }), [])
    const [nothing] = await store.append([{ streamId: 'b', events: [] }], { conditions })
    assert.deepEqual([nothing!.lastVersion, nothing!.position], [0, undefined])
    await refuses(store, 'wrong-expected-version', () =>
      store.append([], { conditions: [{ streamId: 'a', expectedVersion: 2 }] }),
    )
  })

  law('store.append() refuses to name a stream twice', async ({ store }) => {
    const events = counted(1)
    await refuses(store, 'invalid-argument', () =>
      store.append([
        { streamId: 'a', events },
        { streamId: 'b', events },
        { streamId: 'a', events },
      ]),
    )
  })

  law(`store.append() takes ${APPEND_STREAMS_MAX} streams, and refuses one more`, async ({ store }) => {
    const appends = numbers(1, APPEND_STREAMS_MAX + 1).map((n) => ({ streamId: `s${n}`, events: counted(1) }))
    const error = await refuses(store, 'limit-exceeded', () => store.append(appends))
    assert.deepEqual(error.details, {
      what: 'An append',
      limit: APPEND_STREAMS_MAX,
      actual: APPEND_STREAMS_MAX + 1,
      unit: 'streams',
    })
    const results = await store.append(appends.slice(1))
    assert.equal(results.length, APPEND_STREAMS_MAX)
    const half = counted(APPEND_EVENTS_MAX / 2)
    await refuses(store, 'limit-exceeded', () =>
      store.append([
        { streamId: 'a', events: half },
        { streamId: 'b', events: [...half, ...counted(1)] },
      ]),
    )
  })

  law('store.append() refuses all if one event is refused', async ({ store }) => {
    const good = { streamId: 'good', events: counted(1) }
    const bad = [
      ['invalid-argument', { streamId: 'bad', events: { type: '' } }],
      ['invalid-argument', { streamId: '', events: counted(1) }],
      ['unserializable', { streamId: 'bad', events: [{ type: 'A' }, { type: 'A', data: { a: 1n } }] }],
      ['limit-exceeded', { streamId: 'bad', events: { type: 'A', tags: ['x'.repeat(257)] } }],
    ] as const
    for (const [code, append] of bad) {
      await refuses(store, code, () => store.append([good, append]))
      await refuses(store, code, () => store.append([append, good]))
    }
  })
}
