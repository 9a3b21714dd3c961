import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { openMemory } from '../drivers/memory/index.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import { Codecs, jsonCodec } from './codecs.ts'
import type { DataCodec } from './contract-codec.ts'

const packr = new Packr({ useRecords: false, moreTypes: true })
const msgpack: DataCodec = {
  name: 'msgpack',
  encode: (data) => packr.pack(data),
  decode: (bytes) => packr.unpack(bytes),
}

const SEEN = { at: new Date(0), tags: new Set(['a']), amount: 12n ** 12n, list: [1, { two: 2 }] }

test('data is written with the first codec, and read with whichever wrote it', async () => {
  await using kv = await openMemory()
  {
    await using store = await openEventStore(kv)
    await store.stream('s').append({ type: 'Seen', data: { by: 'json' } })
  }
  {
    await using store = await openEventStore(kv, { codecs: [msgpack] })
    await store
      .stream('s')
      .append([
        { type: 'Seen', data: SEEN, metadata: { by: 'me' } },
        { type: 'Seen', data: Uint8Array.of(1, 2) },
        { type: 'Seen' },
      ])
  }
  await using store = await openEventStore(kv, { codecs: [jsonCodec, msgpack] })
  await store.stream('s').append({ type: 'Seen', data: { by: 'json again' } })
  const events = await store.stream('s').read().toArray()
  expect(events.map(({ data }) => data)).toEqual([
    { by: 'json' },
    SEEN,
    Uint8Array.of(1, 2),
    undefined,
    { by: 'json again' },
  ])
  expect(events[1]!.metadata).toEqual({ by: 'me' })
  expect((await store.check()).problems).toEqual([])
})

test('data of a codec that is not there is an error when it is looked at, and nowhere else', async () => {
  await using kv = await openMemory()
  {
    await using store = await openEventStore(kv, { codecs: [msgpack] })
    await store.stream('s').append({ type: 'Seen', data: { a: 1 } })
  }
  await using store = await openEventStore(kv)
  const event = (await store.stream('s').event(1))!
  expect(event.type).toBe('Seen')
  expect(() => event.data).toThrow(
    expect.objectContaining({ code: 'codec-missing', details: { codec: 'msgpack' } }),
  )
  const base64 = Buffer.from(packr.pack({ a: 1 })).toString('base64')
  expect(event.toJSON()).toMatchObject({ data: { $codec: 'msgpack', $base64: base64 } })
  expect((await store.check()).problems).toEqual([])
})

test('transactions, idempotency keys and large events go through the codec, too', async () => {
  await using store = await openEventStore(':memory:', { codecs: [msgpack] })
  const large = { bytes: new Uint8Array(200_000).fill(7) }
  await store.transact(async (tx) => {
    await tx.stream('s').append({ type: 'Seen', data: SEEN })
    expect((await tx.stream('s').event(1))!.data).toEqual(SEEN)
    await tx.append([{ streamId: 't', events: { type: 'Large', data: large } }])
  })
  const append = (): ReturnType<typeof store.append> =>
    store.append([{ streamId: 'u', events: { type: 'Seen', data: SEEN } }], { idempotencyKey: 'k' })
  await append()
  expect((await append())[0]!.idempotent).toBe(true)
  expect((await store.stream('t').event(1))!.data).toEqual(large)
})

test('data that a codec refuses, or makes no bytes of, is an UnserializableError with its path', async () => {
  const refusing: DataCodec = {
    name: 'refusing',
    encode: (data) => {
      if (data === 1) throw new Error('not this one')
      return 'text' as unknown as Uint8Array
    },
    decode: () => 0,
  }
  await using store = await openEventStore(':memory:', { codecs: [refusing] })
  const append = (data: number): Promise<unknown> =>
    store.stream('s').append([{ type: 'T' }, { type: 'T', data }])
  await expect(append(1)).rejects.toThrow(
    expect.objectContaining({ code: 'unserializable', message: expect.stringContaining('not this one') }),
  )
  await expect(append(2)).rejects.toThrow(
    expect.objectContaining({ details: expect.objectContaining({ path: 'events[1].data' }) }),
  )
  expect(await store.stream('s').exists()).toBe(false)
})

test('data that its codec cannot decode is damaged', async () => {
  await using kv = await openMemory()
  {
    await using store = await openEventStore(kv, {
      codecs: [{ ...msgpack, encode: () => Uint8Array.of(0x92, 0x01) }],
    })
    await store.stream('s').append({ type: 'Seen', data: { a: 1 } })
  }
  await using store = await openEventStore(kv, { codecs: [msgpack] })
  const event = (await store.stream('s').event(1))!
  expect(() => event.data).toThrow(expect.objectContaining({ code: 'corruption' }))
})

test.each([
  [{}, 'codecs must be an array'],
  [[{ ...msgpack, name: '' }], 'The name of a codec consists of'],
  [[{ ...msgpack, name: 'a b' }], 'The name of a codec consists of'],
  [[{ ...msgpack, name: 'a'.repeat(33) }], 'The name of a codec consists of'],
  [[{ name: 'a', encode: msgpack.encode }], 'decode of the codec a must be a function'],
  [[{ ...msgpack, more: 1 }], 'A codec cannot have "more"'],
  [[msgpack, msgpack], 'There are two codecs with the name msgpack'],
])('Codecs refuses %j', (codecs, message) => {
  expect(() => new Codecs(codecs as readonly DataCodec[])).toThrow(message)
})
