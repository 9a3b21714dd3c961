import assert from 'node:assert/strict'
import { aggregateFromClass } from '../../aggregate/aggregate-from-class.ts'
import { aggregateFromDecider } from '../../aggregate/aggregate-from-decider.ts'
import { defineAggregate } from '../../aggregate/define-aggregate.ts'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import type { EventStore } from '../../store/contract.ts'
import type { CommandContext, FoldedEvent, LoadedAggregate } from '../../store/contract-aggregates.ts'
import { besideIt, ofAggregates, Refusal, through } from './aggregate-examples.ts'
import { failureOf, numbers, refuses, type StoreLaws } from './laws.ts'

/** The three ways to say what an aggregate is: by itself, by a decider from elsewhere, by a class. */
export function aggregateKindLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  for (const [way, make] of Object.entries(WAYS)) {
    law(`an aggregate made ${way} decides and folds as all others`, async ({ store }) => {
      const carts = make(store)
      assert.deepEqual(seenOf(await carts.load('1')), [[], true, 0, false])
      assert.deepEqual(seenOf(await carts.add('1', ['a', 'b'])), [['a', 'b'], true, 2, true])
      assert.deepEqual(seenOf(await carts.checkout('1')), [['a', 'b'], false, 3, true])
      assert.deepEqual(seenOf(await carts.checkout('1')), [['a', 'b'], false, 3, true])
      await assert.rejects(carts.add('1', ['c']), new Refusal('closed'))
      assert.deepEqual(seenOf(await carts.load('1', 1)), [['a'], true, 1, true])
      assert.deepEqual(seenOf(await make(store).load('1')), [['a', 'b'], false, 3, true])
      const events = await store.stream('cart-1').read().toArray()
      assert.deepEqual(
        events.map(({ type, data }) => [type, data]),
        [
          ['ItemAdded', { sku: 'a' }],
          ['ItemAdded', { sku: 'b' }],
          ['CheckedOut', { items: 2 }],
        ],
      )
      await store.stream('cart-1').delete()
      assert.deepEqual(seenOf(await carts.add('1', ['x'])), [['x'], true, 4, true])
    })

    law(`many commands at once, ${way}`, async ({ store }) => {
      const carts = make(store)
      const results = await Promise.all(numbers(1, 20).map((n) => carts.add('1', [`${n}`])))
      for (const [at, result] of results.entries()) {
        const items = numbers(1, at + 1).map(String)
        // What was handed out has not changed since.
        assert.deepEqual(seenOf(result), [items, true, at + 1, true])
      }
    })
  }

  law('states of a class that were handed out do not change any more', async ({ store }) => {
    const of = store.aggregate(cartClass())
    const handedOut: (readonly [LoadedAggregate<Cart>, unknown])[] = []
    const keep = (loaded: LoadedAggregate<Cart>): void => {
      handedOut.push([loaded, seenOf(loaded)])
    }
    keep(await of.load('1'))
    keep(await of.execute('1', 'add', ['a']))
    keep(await of.load('1'))
    await Promise.all(numbers(1, 5).map(async (n) => keep(await of.execute('1', 'add', [`${n}`, `${n}!`]))))
    keep(await of.load('1', { version: 3 }))
    await store.stream('cart-1').append({ type: 'ItemAdded', data: { sku: 'by hand' } })
    keep(await of.load('1'))
    await assert.rejects(of.execute('1', 'fail'), Refusal)
    await store.transact(async (tx) => {
      keep(await of.within(tx).load('1'))
      keep(await of.within(tx).execute('1', 'add', ['in tx']))
      keep(await of.within(tx).execute('1', 'checkout'))
    })
    keep(await of.load('1'))
    for (const [loaded, before] of handedOut) assert.deepEqual(seenOf(loaded), before)
    assert.equal(new Set(handedOut.map(([{ state }]) => state)).size > 5, true)
  })

  law('a decision of a class that is not written leaves its state alone', async ({ store }) => {
    const of = store.aggregate(cartClass())
    const { state } = await of.execute('1', 'add', ['a'])
    await failureOf('unserializable', () => of.execute('1', 'odd', 1n))
    await assert.rejects(of.execute('1', 'add', ['b', 'forbidden', 'c']), new Refusal('forbidden'))
    assert.deepEqual([state.items, (await of.load('1')).state.items], [['a'], ['a']])
    assert.deepEqual((await of.execute('1', 'add', ['d'])).state.items, ['a', 'd'])
  })

  law(
    'methods of a class are commands, also those that it inherits, with input and context',
    async ({ store }) => {
      const contexts: CommandContext[] = []
      class Base {
        seen = 0

        inherited(by: number, context: CommandContext): object {
          contexts.push(context)
          return { type: 'Seen', data: this.seen + by }
        }
      }
      class Counter extends Base {
        #secret = 1

        later = async (): Promise<object> => ({ type: 'Seen', data: this.seen + this.#secret })

        copy(): Counter {
          const copy = new Counter()
          copy.seen = this.seen
          return copy
        }
      }
      type Seen = { readonly type: 'Seen'; readonly data: number }
      const kind = aggregateFromClass(defineEvents<Seen>(), {
        category: 'counter',
        create: () => new Counter(),
        apply: (counter, { data }) => {
          counter.seen = data
        },
        copy: (counter) => counter.copy(),
      })
      const of = store.aggregate(kind) as unknown as {
        execute(id: string, name: string, input?: unknown): Promise<LoadedAggregate<Counter>>
      }
      assert.equal((await of.execute('1', 'inherited', 5)).state.seen, 5)
      assert.equal((await of.execute('1', 'later')).state.seen, 6)
      assert.deepEqual([contexts[0]!.id, contexts[0]!.version], ['1', 0])
      for (const name of ['constructor', 'toString', 'seen', 'hasOwnProperty', '__proto__']) {
        await refuses(store, 'invalid-argument', () => of.execute('1', name))
      }
    },
  )

  law('a decider may have a value as its initial state, and be asynchronous', async ({ store }) => {
    type Counted = { readonly type: 'Counted'; readonly data: number }
    const kind = aggregateFromDecider(
      {
        initialState: 10,
        evolve: (state: number, { data }: Counted) => state + data,
        decide: async (by: number, state: number) =>
          state > 20 ? [] : ({ type: 'Counted', data: by } as const),
      },
      { category: 'counter' },
    )
    const of = store.aggregate(kind)
    assert.equal((await of.load('1')).state, 10)
    assert.equal((await of.execute('1', 5)).state, 15)
    assert.equal((await of.execute('1', 7, { correlationId: 'c' })).state, 22)
    assert.deepEqual((await of.execute('1', 1)).events, [])
    assert.equal((await of.create('2', 1)).state, 11)
    await failureOf('stream-exists', () => of.create('2', 1))
    await store.transact(async (tx) => {
      assert.equal((await of.within(tx).execute('2', 3)).state, 14)
    })
    assert.deepEqual((await store.stream('counter-1').event(2))?.metadata, { $correlationId: 'c' })
  })

  law('the command of a decider is known by its type, and a key stands for all of it', async ({ store }) => {
    const names: string[] = []
    const of = store.aggregate(deciderOf(), {
      middleware: [
        ({ name }, next) => {
          names.push(name)
          return next()
        },
      ],
    })
    const options = { idempotencyKey: 'k' }
    await of.execute('1', { type: 'Add', items: ['a'] }, options)
    assert.equal((await of.execute('1', { items: ['a'], type: 'Add' }, options)).idempotent, true)
    await failureOf('idempotency-conflict', () => of.execute('1', { type: 'Add', items: ['b'] }, options))
    await failureOf('idempotency-conflict', () => of.execute('1', { type: 'Checkout' }, options))
    assert.deepEqual(names, ['Add', 'Add', 'Add', 'Checkout'])
  })

  law('a decider may take texts as commands, whatever they are', async ({ store }) => {
    type Said = { readonly type: 'Said'; readonly data: string }
    const kind = aggregateFromDecider(
      {
        initialState: [] as readonly string[],
        evolve: (state: readonly string[], { data }: Said) => [...state, data],
        decide: (text: string) => ({ type: 'Said', data: text }) as const,
      },
      { category: 'said' },
    )
    const of = store.aggregate(kind)
    for (const text of ['hello', '', 'decide', 'constructor']) {
      const { state } = await of.execute('1', text)
      assert.equal(state.at(-1), text)
    }
  })

  law('a kind with one command called decide is called by that name', async ({ store }) => {
    const kind = defineAggregate(defineEvents<{ readonly type: 'Said'; readonly data: string }>(), {
      category: 'said',
      initialState: () => [] as readonly string[],
      evolve: { Said: (state, { data }) => [...state, data] },
      commands: { decide: (_state, text: string) => ({ type: 'Said', data: text }) },
    })
    const of = store.aggregate(kind)
    assert.deepEqual((await of.execute('1', 'decide', 'a')).state, ['a'])
    await refuses(store, 'invalid-argument', () => of.execute('1', 'decied' as 'decide', 'b'))
    await refuses(store, 'invalid-argument', () =>
      of.execute('1', ...(['decied'] as never as ['decide', string])),
    )
  })

  law('a decider may have events with schemas', async ({ store }) => {
    const events = defineEvents({
      ItemAdded: eventType<{ sku: string }>(),
      CheckedOut: eventType<{ items: number }>(),
    })
    const kind = aggregateFromDecider(decider, { category: 'cart', events: events as never })
    const of = store.aggregate(kind)
    await of.execute('1', { type: 'Add', items: ['a'] })
    await store
      .stream('cart-1')
      .append({ type: 'CheckedOut', data: { items: 9 }, metadata: { $schemaVersion: 2 } })
    await failureOf('unknown-event', () => of.load('1'))
  })

  simulatedLaw('states of a class are saved with encode, and made again by decode', async (scene) => {
    let applied = 0
    const kind = cartClass(
      {
        every: 2,
        encode: ({ items, isOpen }) => ({ items: [...items], isOpen }),
        decode: ({ items, isOpen }: { readonly items: readonly string[]; readonly isOpen: boolean }) => {
          const cart = new Cart()
          cart.items.push(...items)
          cart.isOpen = isOpen
          return cart
        },
      },
      () => {
        applied += 1
      },
    )
    await through(scene, kind, (of) => of.execute('1', 'add', ['a', 'b']))
    applied = 0
    const { state } = await through(scene, kind, (of) => of.load('1'))
    assert.deepEqual([state instanceof Cart, state.items, applied], [true, ['a', 'b'], 0])
    assert.deepEqual((await through(scene, kind, (of) => of.execute('1', 'add', ['c']))).state.items, [
      'a',
      'b',
      'c',
    ])
  })

  simulatedLaw('a class in two stores at once', async (scene) => {
    await using other = await besideIt(scene)
    const kind = cartClass()
    const each = [scene.store, other].map((store) => store.aggregate(kind))
    const results = await Promise.all(
      numbers(1, 20).map((n) => each[n % 2]!.execute('1', 'add', [`${n}`], { retriesMax: 99 })),
    )
    for (const { state, version } of results) assert.equal(state.items.length, version)
    assert.equal((await each[0]!.load('1')).state.items.length, 20)
  })
}

type CartEvent =
  | { readonly type: 'ItemAdded'; readonly data: { readonly sku: string } }
  | { readonly type: 'CheckedOut'; readonly data: { readonly items: number } }

/** A cart that changes as it goes. */
class Cart {
  readonly items: string[] = []
  isOpen = true

  add(items: readonly string[]): CartEvent[] {
    if (!this.isOpen) throw new Refusal('closed')
    return items.map((sku) => ({ type: 'ItemAdded', data: { sku } }))
  }

  checkout(): CartEvent[] {
    return this.isOpen ? [{ type: 'CheckedOut', data: { items: this.items.length } }] : []
  }

  odd(data: unknown): CartEvent {
    return { type: 'ItemAdded', data } as CartEvent
  }

  fail(): CartEvent[] {
    throw new Refusal('fails')
  }

  apply(event: CartEvent): void {
    if (event.type === 'CheckedOut') this.isOpen = false
    else if (event.data.sku === 'forbidden') throw new Refusal('forbidden')
    else this.items.push(event.data.sku)
  }

  copy(): Cart {
    const copy = new Cart()
    copy.items.push(...this.items)
    copy.isOpen = this.isOpen
    return copy
  }
}

function cartClass(
  snapshots?: NonNullable<Parameters<typeof aggregateFromClass<CartEvent, Cart>>[1]['snapshots']>,
  look = (): void => {},
): ReturnType<typeof aggregateFromClass<CartEvent, Cart>> {
  return aggregateFromClass(defineEvents<CartEvent>(), {
    category: 'cart',
    create: () => new Cart(),
    apply: (cart, event: FoldedEvent<CartEvent>) => {
      look()
      cart.apply(event)
    },
    copy: (cart) => cart.copy(),
    ...(snapshots && { snapshots }),
  })
}

interface CartState {
  readonly items: readonly string[]
  readonly isOpen: boolean
}

type CartCommand = { readonly type: 'Add'; readonly items: readonly string[] } | { readonly type: 'Checkout' }

const initialState = (): CartState => ({ items: [], isOpen: true })

function evolve(state: CartState, event: CartEvent): CartState {
  if (event.type === 'CheckedOut') return { ...state, isOpen: false }
  return { ...state, items: [...state.items, event.data.sku] }
}

function decide(command: CartCommand, { items, isOpen }: CartState): CartEvent[] {
  if (command.type === 'Checkout')
    return isOpen ? [{ type: 'CheckedOut', data: { items: items.length } }] : []
  if (!isOpen) throw new Refusal('closed')
  return command.items.map((sku) => ({ type: 'ItemAdded', data: { sku } }))
}

const decider = { initialState, evolve, decide }

function deciderOf(): ReturnType<typeof aggregateFromDecider<CartCommand, CartEvent, CartState>> {
  return aggregateFromDecider(decider, { category: 'cart' })
}

interface Carts {
  load(id: string, version?: number): Promise<LoadedAggregate<CartState>>
  add(id: string, items: readonly string[]): Promise<LoadedAggregate<CartState>>
  checkout(id: string): Promise<LoadedAggregate<CartState>>
}

/** The same carts, said in different ways. */
const WAYS: Readonly<Record<string, (store: EventStore) => Carts>> = {
  'by defineAggregate': (store) => {
    const of = store.aggregate(
      defineAggregate(defineEvents<CartEvent>(), {
        category: 'cart',
        initialState,
        evolve: {
          ItemAdded: (state, { data }) => ({ ...state, items: [...state.items, data.sku] }),
          CheckedOut: (state) => ({ ...state, isOpen: false }),
        },
        commands: {
          add: (state, items: readonly string[]) => decide({ type: 'Add', items }, state),
          checkout: (state) => decide({ type: 'Checkout' }, state),
        },
      }),
    )
    return {
      load: (id, version) => of.load(id, { version }),
      add: (id, items) => of.execute(id, 'add', items),
      checkout: (id) => of.execute(id, 'checkout'),
    }
  },
  'by aggregateFromDecider': (store) => {
    const of = store.aggregate(deciderOf())
    return {
      load: (id, version) => of.load(id, { version }),
      add: (id, items) => of.execute(id, { type: 'Add', items }),
      checkout: (id) => of.execute(id, { type: 'Checkout' }),
    }
  },
  'by aggregateFromClass': (store) => {
    const of = store.aggregate(cartClass())
    return {
      load: (id, version) => of.load(id, { version }),
      add: (id, items) => of.execute(id, 'add', items),
      checkout: (id) => of.execute(id, 'checkout'),
    }
  },
}

function seenOf({ state, version, exists }: LoadedAggregate<CartState>): readonly unknown[] {
  return [[...state.items], state.isOpen, version, exists]
}
