import assert from 'node:assert/strict'
import { JSON_DEPTH_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import { refuses, type StoreLaws } from './laws.ts'

const cyclic: Record<string, unknown> = { list: [] }
cyclic.self = cyclic
const cyclicList: unknown[] = [1]
cyclicList.push({ back: cyclicList })
const sparse: unknown[] = [0]
sparse[2] = 1

/** What JSON cannot hold, and the way to it. */
const CULPRITS: readonly (readonly [string, unknown])[] = [
  ['', () => 1],
  ['', Symbol('s')],
  ['', 1n],
  ['', Number.NaN],
  ['', Number.POSITIVE_INFINITY],
  ['', new Map()],
  ['', new Set()],
  ['', /x/],
  ['', new Error('e')],
  ['', Promise.resolve()],
  ['', new ArrayBuffer(1)],
  ['', new Number(1)],
  ['', new Date(Number.NaN)],
  ['.f', { f: () => 1 }],
  ['.bytes', { bytes: new Uint8Array(1) }],
  ['.at', { at: new Date(Number.NaN) }],
  ['.items[1].price', { items: [{ price: 1 }, { price: 2n }] }],
  ['[0]', [undefined]],
  ['[1]', sparse],
  ['[2][1]', [1, 2, [3, Symbol('s')]]],
  ['.a.b.c', { a: { b: { c: new Map() } } }],
  ['["odd key"]', { 'odd key': Number.NaN }],
  ['["a.b"]["c[0]"]', { 'a.b': { 'c[0]': 1n } }],
  ['["say \\"x\\""]', { 'say "x"': 1n }],
  ['[""].$ok_1', { '': { $ok_1: 1n } }],
  ['["1"]', { 1: 1n }],
  ['["é"]', { é: 1n }],
  ['.__proto__.x', JSON.parse('{"__proto__":{"x":1}}', (key, value) => (key === 'x' ? 1n : value))],
  ['.self', cyclic],
  ['[1].back', cyclicList],
  ['', { toJSON: () => 1n }],
  ['.deep.x', { deep: { toJSON: () => ({ x: () => 1 }) } }],
]

/** Data and metadata: JSON, and nothing that JSON would drop, distort or choke on. */
export function jsonLaws({ law }: StoreLaws): void {
  for (const [path, value] of CULPRITS) {
    law(
      `append() refuses ${describe(value)}${path && ` at ${path}`}, and names the path to it`,
      async ({ store }) => {
        await assertRefused(store, value, path)
      },
    )
  }

  law(`append() takes nesting of ${JSON_DEPTH_MAX} levels, and refuses one more`, async ({ store }) => {
    const [lists, objects] = [
      nested(JSON_DEPTH_MAX, (inner) => [inner]),
      nested(JSON_DEPTH_MAX, (a) => ({ a })),
    ]
    await store.stream('s').append([
      { type: 'A', data: lists, metadata: objects },
      { type: 'A', data: objects },
    ])
    const event = (await store.stream('s').event(1))!
    assert.equal(JSON.stringify([event.data, event.metadata]), JSON.stringify([lists, objects]))
    const error = await refuses(store, 'unserializable', () =>
      store.stream('s').append({ type: 'A', data: [lists] }),
    )
    assert.deepEqual(error.details, {
      path: `data${'[0]'.repeat(JSON_DEPTH_MAX)}`,
      problem: `it is nested more than ${JSON_DEPTH_MAX} levels deep`,
    })
    await refuses(store, 'unserializable', () =>
      store.stream('s').append({ type: 'A', metadata: nested(100_000, (inner) => [inner]) }),
    )
  })

  law('append() takes the same object in several places, which is no cycle', async ({ store }) => {
    const shared = { list: [1] }
    const data = { a: shared, b: [shared, { c: shared, at: new Date(0) }] }
    await store.stream('s').append({ type: 'A', data })
    assert.deepEqual((await store.stream('s').event(1))!.data, JSON.parse(JSON.stringify(data)))
  })

  law('append() writes dates and other objects as their toJSON() says', async ({ store }) => {
    class Money {
      readonly cents = 5
      toJSON(): unknown {
        return { amount: this.cents, at: new Date(1) }
      }
    }
    await store.stream('s').append([
      { type: 'A', data: new Date(0) },
      { type: 'A', data: { price: new Money(), list: [new Money()] } },
    ])
    const [date, money] = await store.stream('s').read().toArray()
    const price = { amount: 5, at: '1970-01-01T00:00:00.001Z' }
    assert.deepEqual([date!.data, money!.data], ['1970-01-01T00:00:00.000Z', { price, list: [price] }])
  })

  law(
    'append() takes class instances and objects without a prototype by their own properties',
    async ({ store }) => {
      class Point {
        readonly x = 1
        get y(): number {
          return 2
        }
      }
      const bare = Object.assign(Object.create(null), { z: 3 })
      await store.stream('s').append({ type: 'A', data: { point: new Point(), bare } })
      assert.deepEqual((await store.stream('s').event(1))!.data, { point: { x: 1 }, bare: { z: 3 } })
    },
  )

  law('append() leaves out properties that are undefined', async ({ store }) => {
    await store
      .stream('s')
      .append({ type: 'A', data: { a: undefined, b: { c: undefined }, d: [new Date(0)] } })
    assert.deepEqual((await store.stream('s').event(1))!.data, { b: {}, d: ['1970-01-01T00:00:00.000Z'] })
  })

  law('append() keeps __proto__ and other odd keys as data, and no prototype changes', async ({ store }) => {
    const text =
      '{"__proto__":{"polluted":1},"constructor":2,"":3,"toString":"x","é😀":4,"\\ud800":"\\udc00"}'
    await store.stream('s').append({ type: 'A', data: JSON.parse(text), metadata: JSON.parse(text) })
    const { data, metadata } = (await store.stream('s').event(1))!
    for (const found of [data, metadata] as object[]) {
      assert.equal(JSON.stringify(found), JSON.stringify(JSON.parse(text)))
      assert.equal(Object.getPrototypeOf(found), Object.prototype)
      assert.equal((found as { polluted?: number }).polluted, undefined)
    }
    await store.stream('s').setMetadata(JSON.parse(text))
    assert.equal(JSON.stringify(await store.stream('s').metadata()), JSON.stringify(JSON.parse(text)))
  })
}

async function assertRefused(store: EventStore, value: unknown, path: string): Promise<void> {
  const append = (events: object): Promise<unknown> => store.stream('s').append(events as never)
  const attempts: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['data', () => append({ type: 'A', data: value })],
    ['metadata', () => append({ type: 'A', metadata: value })],
    ['events[1].data', () => append([{ type: 'A' }, { type: 'A', data: value }])],
    ['events[0].metadata', () => append([{ type: 'A', metadata: value }, { type: 'A' }])],
    ['metadata.x', () => store.stream('s').setMetadata({ x: value } as never)],
    ['metadata.x', () => store.createStream('new', { metadata: { x: value } as never })],
    ['value', () => store.transact((tx) => tx.kv.set(['k'], value as never))],
  ]
  for (const [root, attempt] of attempts) {
    const error = await refuses(store, 'unserializable', attempt, root)
    assert.equal((error.details as { path: string }).path, root + path)
    assert.ok(error.message.startsWith(`${root}${path} `), error.message)
  }
}

function nested(levels: number, wrap: (inner: unknown) => object): unknown {
  let value: unknown = wrap(1)
  for (let level = 1; level < levels; level += 1) value = wrap(value)
  return value
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value} (${String(value)})`
  return Array.isArray(value) ? 'an array' : `a ${value.constructor.name}`
}
