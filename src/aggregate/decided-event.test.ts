import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import { openMemory } from '../drivers/memory/index.ts'
import { defineEvents } from '../events/define-events.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import type { DataCodec } from '../store/contract-codec.ts'
import { defineAggregate } from './define-aggregate.ts'

const packr = new Packr({ useRecords: false, moreTypes: true })
const msgpack: DataCodec = {
  name: 'msgpack',
  encode: (data) => packr.pack(data),
  decode: (bytes) => packr.unpack(bytes),
}

test('evolve sees the same data of a codec whether it was just decided or read', async () => {
  await using kv = await openMemory()
  type Seen = { type: 'Seen'; data: { at: Date; nothing: undefined } }
  const seen = defineAggregate(defineEvents<Seen>(), {
    category: 'seen',
    initialState: () => [] as unknown[],
    evolve: { Seen: (state, { data }) => [...state, data] },
    commands: { see: (_state, at: Date) => ({ type: 'Seen', data: { at, nothing: undefined } }) },
  })
  await using store = await openEventStore(kv, { codecs: [msgpack] })
  const { state } = await store.aggregate(seen).execute('1', 'see', new Date(5))
  await using other = await openEventStore(kv, { codecs: [msgpack] })
  expect((await other.aggregate(seen).load('1')).state).toEqual(state)
  expect(state).toEqual([{ at: new Date(5), nothing: undefined }])
})
