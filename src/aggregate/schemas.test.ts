import * as v from 'valibot'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { openMemory } from '../drivers/memory/index.ts'
import { UnknownEventError, ValidationError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import type { KeyValueStore } from '../kv/contract.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import type { EventStore } from '../store/contract.ts'
import type { StandardSchema } from '../store/contract-event-types.ts'
import type { NewEvent } from '../store/event.ts'
import { defineAggregate } from './define-aggregate.ts'

// A program changes over the years, and its events stay: what one wrote is read by the next.

/** How many events were folded, by version of the program. */
interface Folds {
  first: number
  third: number
}

const settings = { category: 'cart', snapshots: { every: 1 } } as const

/** The first program. */
const firstCart = (folds: Folds) =>
  defineAggregate(
    defineEvents({
      ItemAdded: z.object({ name: z.string() }),
      AddedAndPaid: z.object({ name: z.string(), euros: z.number() }),
      Viewed: eventType(),
    }),
    {
      ...settings,
      initialState: () => ({ names: [] as string[] }),
      evolve: (state, event) => {
        folds.first += 1
        const isItem = event.type === 'ItemAdded' || event.type === 'AddedAndPaid'
        return isItem ? { names: [...state.names, event.data.name] } : state
      },
      commands: {
        add: (_state, name: string) => ({ type: 'ItemAdded', data: { name } }),
        addAndPay: (_state, data: { name: string; euros: number }) => ({ type: 'AddedAndPaid', data }),
        view: () => ({ type: 'Viewed' }),
      },
    },
  )

const thirdEvents = defineEvents(
  {
    ItemAdded: eventType({
      schema: v.object({ sku: v.string(), quantity: v.optional(v.number(), 1) }),
      version: 3,
      upcast: {
        1: ({ name }: { name: string }) => ({ sku: name.toLowerCase() }),
        2: ({ sku }: { sku: string }) => ({ sku, quantity: 1 }),
      },
    }),
    Paid: z.object({ cents: z.number().int() }),
  },
  {
    retired: {
      AddedAndPaid: ({ data }: { data: { name: string; euros: number } }) => [
        { type: 'ItemAdded', data: { sku: data.name.toLowerCase(), quantity: 1 } },
        { type: 'Paid', data: { cents: data.euros * 100 } },
      ],
      Viewed: () => [],
    },
    validateOnRead: true,
  },
)

/** The third one. */
const thirdCart = (folds: Folds) =>
  defineAggregate(thirdEvents, {
    ...settings,
    exhaustive: true,
    initialState: () => ({ lines: [] as string[], cents: 0 }),
    evolve: (state, { type, data, version }) => {
      folds.third += 1
      return type === 'Paid'
        ? { ...state, cents: state.cents + data.cents }
        : { ...state, lines: [...state.lines, `${version}: ${data.quantity} ${data.sku}`] }
    },
    commands: {
      add: (_state, sku: string, _context) => ({ type: 'ItemAdded', data: { sku, quantity: 2 } }),
      addSomehow: (_state, data: object) => ({ type: 'ItemAdded', data: data as never }),
      pay: (_state, cents: number) => ({ type: 'Paid', data: { cents } }),
    },
  })

/** A key-value store, and programs that use it one after the other; closing one lets its snapshots be saved. */
async function openPrograms(): Promise<{
  readonly folds: Folds
  run<T>(program: (store: EventStore) => Promise<T>): Promise<T>
}> {
  const kv: KeyValueStore = await openMemory()
  onTestFinished(() => kv.close())
  return {
    folds: { first: 0, third: 0 },
    run: async (program) => {
      await using store = await openEventStore(kv)
      const result = await program(store)
      expect((await store.check()).problems).toEqual([])
      return result
    },
  }
}

async function writeWithTheFirst(store: EventStore, folds: Folds): Promise<void> {
  const carts = store.aggregate(firstCart(folds))
  await carts.execute('1', 'add', 'TEA')
  await carts.execute('1', 'view')
  await carts.execute('1', 'addAndPay', { name: 'CUP', euros: 3 })
}

test('a later program reads what earlier ones wrote, as if it had been written today', async () => {
  const { run, folds } = await openPrograms()
  await run((store) => writeWithTheFirst(store, folds))
  const state = { lines: ['1: 1 tea', '3: 1 cup'], cents: 300 }
  await run(async (store) => {
    const carts = store.aggregate(thirdCart(folds))
    expect(await carts.load('1')).toMatchObject({ state, version: 3 })
    expect((await carts.load('1', { version: 2 })).state).toEqual({ lines: ['1: 1 tea'], cents: 0 })
    const after = { lines: [...state.lines, '4: 2 pot'], cents: 300 }
    expect(await carts.execute('1', 'add', 'pot')).toMatchObject({ state: after, version: 4 })
    const inTransaction = await store.transact(async (tx) => {
      await carts.within(tx).execute('1', 'pay', 50)
      return (await carts.within(tx).load('1')).state
    })
    expect(inTransaction).toEqual({ ...after, cents: 350 })
  })
})

test('an earlier program refuses what a later one wrote, and reads what came before', async () => {
  const { run, folds } = await openPrograms()
  await run((store) => writeWithTheFirst(store, folds))
  await run((store) => store.aggregate(thirdCart(folds)).execute('1', 'add', 'pot'))
  await run(async (store) => {
    const carts = store.aggregate(firstCart(folds))
    await expect(carts.load('1')).rejects.toThrow(UnknownEventError)
    await expect(carts.execute('1', 'view')).rejects.toMatchObject({
      details: { version: 4, schemaVersion: 3 },
    })
    expect((await carts.load('1', { version: 3 })).state).toEqual({ names: ['TEA', 'CUP'] })
  })
})

test('snapshots are used by programs with the same versions, and by no others', async () => {
  const { run, folds } = await openPrograms()
  const foldsOf = (load: (store: EventStore) => Promise<unknown>): Promise<Folds> =>
    run(async (store) => {
      folds.first = 0
      folds.third = 0
      await load(store)
      return { ...folds }
    })
  const withTheFirst = () => foldsOf((store) => store.aggregate(firstCart(folds)).load('1'))
  const withTheThird = () => foldsOf((store) => store.aggregate(thirdCart(folds)).load('1'))
  await run((store) => writeWithTheFirst(store, folds))
  expect(await withTheFirst()).toEqual({ first: 0, third: 0 })
  expect(await withTheThird()).toEqual({ first: 0, third: 3 })
  await run((store) => store.aggregate(thirdCart(folds)).execute('1', 'pay', 50))
  expect(await withTheThird()).toEqual({ first: 0, third: 0 })
  // The newest one is not its own, the one before is.
  expect(await withTheFirst()).toEqual({ first: 1, third: 0 })
})

test('what schemas make of data is what is written, what they refuse is not written', async () => {
  const { run, folds } = await openPrograms()
  await run(async (store) => {
    const carts = store.aggregate(thirdCart(folds))
    const { events, state } = await carts.execute('1', 'addSomehow', { sku: 'tea', color: 'red' })
    expect(events[0]!.data).toEqual({ sku: 'tea', quantity: 1 })
    expect(state.lines).toEqual(['1: 1 tea'])
    await expect(carts.execute('1', 'addSomehow', { sku: 7 })).rejects.toMatchObject({
      code: 'validation-failed',
      details: { eventType: 'ItemAdded', issues: [{ path: 'sku' }] },
    })
    const stored = await store.stream('cart-1').read().toArray()
    expect(stored.map(({ data, metadata }) => ({ data, metadata }))).toEqual([
      { data: { sku: 'tea', quantity: 1 }, metadata: { $schemaVersion: 3 } },
    ])
  })
})

test('what is read is held against the schemas, if that is wanted', async () => {
  const { run, folds } = await openPrograms()
  await run(async (store) => {
    await store.stream('cart-1').append({ type: 'Paid', data: { cents: 0.5 } })
    await expect(store.aggregate(thirdCart(folds)).load('1')).rejects.toMatchObject({
      constructor: ValidationError,
      details: { eventType: 'Paid', streamId: 'cart-1', version: 1, issues: [{ path: 'cents' }] },
    })
  })
})

test('events are written by hand and followed with the same definitions', async () => {
  const { run, folds } = await openPrograms()
  await run((store) => writeWithTheFirst(store, folds))
  await run(async (store) => {
    const event: NewEvent<{ type: 'ItemAdded'; data: { sku: string; quantity: number } }> = {
      type: 'ItemAdded',
      data: { sku: 'pot', quantity: 4 },
      tags: ['by-hand'],
    }
    await store.stream('cart-1').append(await thirdEvents.checked(event))
    const followed: unknown[] = []
    for await (const stored of store.category('cart').read()) {
      for (const { type, data, version, position, tags } of await thirdEvents.upToDate(stored)) {
        expect(position).toBe(stored.position)
        followed.push([version, type, data, ...tags])
      }
    }
    expect(followed).toEqual([
      [1, 'ItemAdded', { sku: 'tea', quantity: 1 }],
      [3, 'ItemAdded', { sku: 'cup', quantity: 1 }],
      [3, 'Paid', { cents: 300 }],
      [4, 'ItemAdded', { sku: 'pot', quantity: 4 }, 'by-hand'],
    ])
    expect((await store.aggregate(thirdCart(folds)).load('1')).state.lines.at(-1)).toBe('4: 4 pot')
  })
})

test('an event of today is shown and written as JSON like the one that was read', async () => {
  const { run } = await openPrograms()
  const events = defineEvents(
    {
      Renamed: eventType<{ name: string }>({ version: 2, upcast: { 1: (name: string) => ({ name }) } }),
      Attached: eventType<Uint8Array>(),
    },
    { retired: { Enclosed: ({ data }: { data: Uint8Array }) => ({ type: 'Attached', data }) } },
  )
  await run(async (store) => {
    await store.stream('s').append([
      { type: 'Renamed', data: 'a', tags: ['t'] },
      { type: 'Enclosed', data: Uint8Array.of(1, 2) },
    ])
    await store.stream('links').linkTo((await store.stream('s').event(1))!)
    const stored = await store.stream('s').read().toArray()
    const [renamed, attached] = stored.flatMap((event) => events.upToDate(event) as readonly object[])
    expect(JSON.parse(JSON.stringify(renamed))).toEqual({ ...stored[0]!.toJSON(), data: { name: 'a' } })
    expect(JSON.parse(JSON.stringify(attached))).toEqual({ ...stored[1]!.toJSON(), type: 'Attached' })
    const shown = Symbol.for('nodejs.util.inspect.custom')
    const inspected = (event: object): unknown => (event as Record<symbol, () => unknown>)[shown]!()
    expect(inspected(renamed!)).toEqual({ ...(inspected(stored[0]!) as object), data: { name: 'a' } })
    const linked = await store.stream('links').event(1)
    expect(events.upToDate(linked!)).toMatchObject([
      { type: 'Renamed', link: { streamId: 'links', version: 1 } },
    ])
  })
})

test('a schema that gives out a date promises what is not read: a text', async () => {
  const { run } = await openPrograms()
  const dueBy = (validateOnRead: boolean) =>
    defineAggregate(defineEvents({ Due: z.object({ at: z.date() }) }, { validateOnRead }), {
      category: 'task',
      initialState: (): unknown => undefined,
      evolve: { Due: (_state, { data }) => data.at },
      commands: { due: (_state, at: Date) => ({ type: 'Due', data: { at } }) },
    })
  const text = '2026-01-02T00:00:00.000Z'
  await run(async (store) => {
    expect((await store.aggregate(dueBy(false)).execute('1', 'due', new Date(text))).state).toBe(text)
    await expect(store.aggregate(dueBy(true)).load('1')).rejects.toMatchObject({
      details: { eventType: 'Due', streamId: 'task-1', version: 1, issues: [{ path: 'at' }] },
    })
  })
})

test.each([
  ['a map', z.map(z.string(), z.number()), new Map([['a', 1]])],
  ['a set', z.set(z.string()), new Set(['a'])],
  ['a bigint', z.bigint(), 1n],
])('what a schema gives out as %s cannot be written', async (_what, schema, data) => {
  const { run } = await openPrograms()
  const kind = defineAggregate(defineEvents({ Noted: schema as StandardSchema }), {
    category: 'note',
    initialState: () => 0,
    evolve: {},
    commands: { note: () => ({ type: 'Noted', data }) },
  })
  await run(async (store) => {
    await expect(store.aggregate(kind).execute('1', 'note')).rejects.toMatchObject({
      code: 'unserializable',
      details: { path: 'data' },
    })
  })
})
