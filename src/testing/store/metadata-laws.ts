import assert from 'node:assert/strict'
import { STREAM_METADATA_BYTES_MAX } from '../../limits.ts'
import type { MetadataPatch } from '../../store/contract-streams.ts'
import type { JsonObject } from '../../store/event.ts'
import { counted, dataOf, numbers, refuses, type StoreLaws } from './laws.ts'

/** Creating streams, and the map that everyone may keep about a stream. */
export function metadataLaws({ law, simulatedLaw }: StoreLaws): void {
  law('createStream() makes a stream that exists and has no events', async ({ store }) => {
    const stream = await store.createStream('s', { metadata: { owner: 'me' } })
    assert.deepEqual([stream.id, await stream.exists(), await dataOf(stream.read())], ['s', true, []])
    assert.deepEqual(await stream.metadata(), { owner: 'me' })
    const { version, streamId, metadata } = await stream.info()
    assert.deepEqual(
      { version, streamId, metadata },
      { version: 0, streamId: 's', metadata: { owner: 'me' } },
    )
    assert.deepEqual(await (await store.createStream('t')).metadata(), {})
  })

  law('createStream() fails if the stream was created or written before', async ({ store }) => {
    await store.createStream('created')
    await store.stream('written').append(counted(3))
    await store.stream('described').setMetadata({ a: 1 })
    for (const [streamId, version] of Object.entries({ created: 0, written: 3, described: 0 })) {
      for (const create of [
        () => store.createStream(streamId, { metadata: { a: 2 } }),
        () => store.transact((tx) => tx.createStream(streamId, { metadata: { a: 2 } })),
      ]) {
        const error = await refuses(store, 'stream-exists', create)
        assert.deepEqual(error.details, { streamId, version })
      }
    }
    await store.transact(async (tx) => {
      await tx.stream('now').append(counted(1))
      await assert.rejects(tx.createStream('now'), {
        code: 'stream-exists',
        details: { streamId: 'now', version: 1 },
      })
    })
  })

  law('createStream() of several at the same time: one makes it', async ({ store }) => {
    const outcomes = await Promise.allSettled(
      numbers(1, 8).map((n) => store.createStream('s', { metadata: { n } })),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'stream-exists')
    assert.equal((await store.stream('$$s').read().toArray()).length, 1)
  })

  law('setMetadata() changes what it names, removes what is null, and leaves the rest', async ({ store }) => {
    const stream = store.stream('s')
    const steps: readonly (readonly [MetadataPatch, JsonObject])[] = [
      [
        { a: 1, b: { x: 1, y: [null] } },
        { a: 1, b: { x: 1, y: [null] } },
      ],
      [{ b: { z: 2 } }, { a: 1, b: { z: 2 } }],
      [
        { a: null, c: 3 },
        { b: { z: 2 }, c: 3 },
      ],
      [{}, { b: { z: 2 }, c: 3 }],
      [{ missing: null }, { b: { z: 2 }, c: 3 }],
      [{ b: { z: null } }, { b: { z: null }, c: 3 }],
      [{ b: null, c: null }, {}],
    ]
    for (const [patch, map] of steps) {
      assert.deepEqual(await stream.setMetadata(patch), map)
      assert.deepEqual(await stream.metadata(), map)
      assert.deepEqual((await stream.info()).metadata, map)
    }
    assert.deepEqual(await store.stream('t').metadata(), {})
  })

  law(
    'setMetadata() creates a stream that does not exist, and does not change its version',
    async ({ store }) => {
      await store.stream('s').setMetadata({ a: 1 })
      assert.deepEqual(
        [await store.stream('s').exists(), (await store.stream('s').info()).version],
        [true, 0],
      )
      await store.stream('s').append(counted(2), { expectedVersion: 0 })
      await store.stream('s').setMetadata({ b: 1 })
      await store.stream('s').append(counted(1), { expectedVersion: 2 })
      assert.deepEqual(await store.stream('s').metadata(), { a: 1, b: 1 })
    },
  )

  law(
    'every change of metadata is an event in the stream $$id, and what is in force is their fold',
    async ({ store }) => {
      const stream = await store.createStream('s', { metadata: { a: 1 } })
      await stream.setMetadata({ b: 2 })
      await stream.setMetadata({ a: null })
      const events = await store.stream('$$s').read().toArray()
      assert.deepEqual(
        events.map(({ type, data, version }) => [type, data, version]),
        [
          ['$stream-created', { metadata: { a: 1 } }, 1],
          ['$metadata-changed', { metadata: { b: 2 } }, 2],
          ['$metadata-changed', { metadata: { a: null } }, 3],
        ],
      )
      assert.deepEqual(await stream.metadata(), { b: 2 })
    },
  )

  law('setMetadata() of several at the same time loses nothing', async ({ store }) => {
    await Promise.all(numbers(1, 16).map((n) => store.stream('s').setMetadata({ [`k${n}`]: n })))
    const expected = Object.fromEntries(numbers(1, 16).map((n) => [`k${n}`, n]))
    assert.deepEqual(await store.stream('s').metadata(), expected)
    assert.equal((await store.stream('$$s').read().toArray()).length, 16)
  })

  law('tx.stream sees the metadata that its transaction has set', async ({ store }) => {
    await store.transact(async (tx) => {
      const stream = await tx.createStream('s', { metadata: { a: 1 } })
      assert.deepEqual(await stream.metadata(), { a: 1 })
      assert.deepEqual(await stream.setMetadata({ b: 2 }), { a: 1, b: 2 })
      await stream.append(counted(2))
      const { version, metadata } = await tx.stream('s').info()
      assert.deepEqual([version, metadata], [2, { a: 1, b: 2 }])
      assert.equal(await tx.stream('s').exists(), true)
    })
    assert.deepEqual(await store.stream('s').metadata(), { a: 1, b: 2 })
  })

  simulatedLaw('info() says when the stream was created and last changed', async ({ store, runtime }) => {
    const stream = await store.createStream('s')
    const created = (await store.stream('$$s').event(1))!.recordedAt
    assert.deepEqual(await timesOf(stream), [created, created])
    await runtime.advance(60_000)
    await stream.append(counted(1))
    const written = (await stream.event(1))!.recordedAt
    assert.ok(written.getTime() - created.getTime() >= 60_000)
    assert.deepEqual(await timesOf(stream), [created, written])
    await runtime.advance(60_000)
    await stream.setMetadata({ a: 1 })
    const changed = (await store.stream('$$s').event(2))!.recordedAt
    assert.ok(changed > written)
    assert.deepEqual(await timesOf(stream), [created, changed])
  })

  law(
    'metadata survives',
    async ({ store, reopen }) => {
      await store.createStream('s', { metadata: { a: 1, text: 'é😀' } })
      const again = await reopen()
      assert.deepEqual(await again.stream('s').metadata(), { a: 1, text: 'é😀' })
      assert.deepEqual(await again.stream('s').setMetadata({ a: null }), { text: 'é😀' })
    },
    { needs: 'reopen' },
  )

  law(`metadata of a stream takes ${STREAM_METADATA_BYTES_MAX} bytes, and no more`, async ({ store }) => {
    const largest = 'x'.repeat(STREAM_METADATA_BYTES_MAX - '{"a":""}'.length)
    await store.stream('s').setMetadata({ a: largest })
    assert.deepEqual(await store.stream('s').metadata(), { a: largest })
    const error = await refuses(store, 'limit-exceeded', () =>
      store.stream('s').setMetadata({ a: `${largest}x` }),
    )
    assert.deepEqual(error.details, {
      what: 'The metadata of a stream',
      limit: STREAM_METADATA_BYTES_MAX,
      actual: STREAM_METADATA_BYTES_MAX + 1,
      unit: 'bytes',
    })
  })

  law('metadata must be an object', async ({ store }) => {
    for (const map of [null, 1, 'a', [], [1], new Uint8Array(1)]) {
      await refuses(store, 'invalid-argument', () => store.stream('s').setMetadata(map as never), String(map))
      await refuses(store, 'invalid-argument', () => store.createStream('s', { metadata: map as never }))
    }
  })
}

async function timesOf(stream: {
  info(): Promise<{ readonly createdAt: Date; readonly modifiedAt: Date }>
}): Promise<[Date, Date]> {
  const { createdAt, modifiedAt } = await stream.info()
  return [createdAt, modifiedAt]
}
