import assert from 'node:assert/strict'
import type { JsonValue, NewEvent } from '../../store/event.ts'
import { counted, type StoreLaws, uuidOf } from './laws.ts'

/** What a recorded event is to whoever looks at it. */
export function eventLaws({ law }: StoreLaws): void {
  law('a recorded event has everything that was said of it', async ({ store }) => {
    const time = new Date(1_234_567)
    await store.stream('s').append(counted(1))
    const result = await store.stream('s').append({
      type: 'Ordered',
      data: { sku: 'a', nested: [1, null, { b: true }] },
      metadata: { user: 'me' },
      id: uuidOf(5),
      time,
      tags: ['b', 'a', 'b'],
    })
    const event = (await store.stream('s').event(2))!
    const { position, streamId, version, id, type, tags, metadata, data } = event
    assert.deepEqual(
      { position, streamId, version, id, type, time: event.time, tags, metadata, data },
      {
        position: result.position,
        streamId: 's',
        version: 2,
        id: uuidOf(5),
        type: 'Ordered',
        time,
        tags: ['a', 'b'],
        metadata: { user: 'me' },
        data: { sku: 'a', nested: [1, null, { b: true }] },
      },
    )
    const [fromAll] = await store.all.read({ from: position }).toArray()
    assert.deepEqual(fromAll!.toJSON(), event.toJSON())
  })

  law('data and metadata may be left out, and are undefined then', async ({ store }) => {
    await store.stream('s').append([{ type: 'A' }, { type: 'A', data: undefined, metadata: undefined }])
    for (const event of await store.stream('s').read().toArray()) {
      assert.deepEqual([event.data, event.metadata, event.tags], [undefined, undefined, []])
      assert.ok(!('data' in event.toJSON()) && !('metadata' in event.toJSON()))
    }
  })

  law('data is any JSON value, null and empty ones included', async ({ store }) => {
    const values: JsonValue[] = [
      null,
      0,
      -1.5,
      1e300,
      '',
      'x',
      true,
      false,
      [],
      {},
      [[]],
      { '': { ' ': '' } },
    ]
    await store.stream('s').append(values.map((value) => ({ type: 'A', data: value, metadata: value })))
    const events = await store.stream('s').read().toArray()
    assert.deepEqual(
      events.map(({ data }) => data),
      values,
    )
    assert.deepEqual(
      events.map(({ metadata }) => metadata),
      values,
    )
  })

  law('data and metadata that are bytes come back as the same bytes', async ({ store }) => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const payloads = [
      new Uint8Array(0),
      all,
      all.subarray(10, 20),
      Buffer.from('text'),
      new Uint8Array(70_000),
    ]
    await store.stream('s').append(payloads.map((bytes) => ({ type: 'A', data: bytes, metadata: bytes })))
    const events = await store.stream('s').read().toArray()
    for (const [index, bytes] of payloads.entries()) {
      for (const found of [events[index]!.data, events[index]!.metadata]) {
        assert.ok(found instanceof Uint8Array)
        assert.equal(Object.getPrototypeOf(found), Uint8Array.prototype)
        assert.deepEqual(found, new Uint8Array(bytes))
      }
    }
  })

  law(
    'append() keeps what its events were when it was called, whatever the caller changes then',
    async ({ store }) => {
      const [bytes, data, tags] = [Uint8Array.of(1, 2, 3), { list: [1] }, ['a']]
      const events: NewEvent[] = [
        { type: 'A', data, metadata: bytes, tags },
        { type: 'A', data: bytes, metadata: data },
      ]
      const appending = store.stream('s').append(events)
      bytes.fill(9)
      data.list.push(2)
      tags.push('b')
      events.push({ type: 'C', data, metadata: data })
      await appending
      const [first, second, third] = await store.stream('s').read().toArray()
      assert.deepEqual(
        [first!.data, first!.metadata, first!.tags],
        [{ list: [1] }, Uint8Array.of(1, 2, 3), ['a']],
      )
      assert.deepEqual([second!.data, second!.metadata], [Uint8Array.of(1, 2, 3), { list: [1] }])
      assert.equal(third, undefined)
    },
  )

  law('what a reader changes in an event changes nothing for the next reader', async ({ store }) => {
    const payload = { list: [1] }
    await store.stream('s').append([
      { type: 'A', data: Uint8Array.of(1, 2, 3), tags: ['a'] },
      { type: 'A', data: payload },
    ])
    await store.transact(async (tx) => {
      await tx.stream('t').append({ type: 'A', data: Uint8Array.of(1, 2, 3) })
      const own = (await tx.stream('t').event(1))!
      ;(own.data as Uint8Array).fill(9)
      assert.deepEqual((await tx.stream('t').event(1))!.data, Uint8Array.of(1, 2, 3))
    })
    assert.deepEqual((await store.stream('t').event(1))!.data, Uint8Array.of(1, 2, 3))
    const [one, other] = await store.stream('s').read().toArray()
    ;(one!.data as Uint8Array).fill(9)
    ;(one!.tags as string[]).push('b')
    ;(other!.data as { list: number[] }).list.push(2)
    const [first, second] = await store.stream('s').read().toArray()
    assert.deepEqual([first!.data, first!.tags, second!.data], [Uint8Array.of(1, 2, 3), ['a'], payload])
    assert.deepEqual((await store.all.read().first())!.data, Uint8Array.of(1, 2, 3))
  })

  law('data is decoded when it is first looked at, and only once', async ({ store }) => {
    await store.stream('s').append({ type: 'A', data: { marker: 'data' }, metadata: { marker: 'metadata' } })
    const parse = JSON.parse
    const parsed: string[] = []
    JSON.parse = (text: string, ...rest) => {
      if (text.includes('marker')) parsed.push(text)
      return parse(text, ...rest)
    }
    try {
      const [event] = await store.stream('s').read().toArray()
      void [
        event!.type,
        event!.id,
        event!.version,
        event!.streamId,
        event!.position,
        event!.tags,
        event!.time,
      ]
      assert.deepEqual(parsed, [])
      assert.deepEqual(event!.data, { marker: 'data' })
      assert.equal(event!.data, event!.data)
      assert.deepEqual(parsed, ['{"marker":"data"}'])
      void event!.metadata
      assert.equal(event!.metadata, event!.metadata)
      assert.equal(parsed.length, 2)
    } finally {
      JSON.parse = parse
    }
  })

  law(
    'toJSON() gives plain JSON, with the position as a decimal string and bytes in base64',
    async ({ store }) => {
      const { position } = await store.stream('s').append([
        { type: 'B', id: uuidOf(2), time: new Date(0), data: Uint8Array.of(255, 0), metadata: { a: 1 } },
        { type: 'A', id: uuidOf(1), time: new Date(5), tags: ['t'], data: { x: [1] } },
      ])
      const [bytes, plain] = await store.stream('s').read().toArray()
      assert.deepEqual(JSON.parse(JSON.stringify(plain)), {
        position: String(position),
        streamId: 's',
        version: 2,
        id: uuidOf(1),
        type: 'A',
        time: '1970-01-01T00:00:00.005Z',
        recordedAt: plain!.recordedAt.toISOString(),
        tags: ['t'],
        data: { x: [1] },
      })
      assert.deepEqual(bytes!.toJSON().data, { $base64: '/wA=' })
      assert.deepEqual(bytes!.toJSON().metadata, { a: 1 })
      const pending = await store.transact(async (tx) => {
        await tx.stream('t').append({ type: 'C', id: uuidOf(3), data: 1 })
        return (await tx.stream('t').event(1))!.toJSON()
      })
      assert.deepEqual(pending, { streamId: 't', version: 1, id: uuidOf(3), type: 'C', data: 1 })
    },
  )
}
