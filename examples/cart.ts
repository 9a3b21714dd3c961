/**
 * A shopping cart, the smallest aggregate that is worth one. Its state is stored nowhere: it is what its events come to. Commands look at
 * the state and say which events follow; they change nothing themselves.
 */
import { defineAggregate, defineEvents, openEventStore } from 'eventdb'

interface Item {
  readonly name: string
  readonly price: number
}

// What can happen to a cart …
type CartEvent =
  | { type: 'ItemAdded'; data: Item }
  | { type: 'ItemRemoved'; data: { name: string } }
  | { type: 'CheckedOut'; data: { total: number } }

// … what it is …
interface Cart {
  readonly isOpen: boolean
  readonly items: readonly Item[]
}

// … and what people can do with it.
const cart = defineAggregate(defineEvents<CartEvent>(), {
  category: 'cart',
  initialState: (): Cart => ({ isOpen: true, items: [] }),
  evolve: {
    ItemAdded: (cart, { data }) => ({ ...cart, items: [...cart.items, data] }),
    ItemRemoved: (cart, { data }) => ({
      ...cart,
      items: cart.items.filter(({ name }) => name !== data.name),
    }),
    CheckedOut: (cart) => ({ ...cart, isOpen: false }),
  },
  commands: {
    add: (cart, item: Item) => {
      mustBeOpen(cart)
      return { type: 'ItemAdded', data: item }
    },
    remove: (cart, name: string) => {
      mustBeOpen(cart)
      // What is not there need not be removed: no event.
      if (!cart.items.some((item) => item.name === name)) return
      return { type: 'ItemRemoved', data: { name } }
    },
    checkout: (cart) => {
      mustBeOpen(cart)
      if (cart.items.length === 0) throw new Error('The cart is empty')
      return { type: 'CheckedOut', data: { total: totalOf(cart) } }
    },
  },
})

await using store = await openEventStore(':memory:')
const carts = store.aggregate(cart)

// A command loads the cart, decides, and appends. What it resolves to is the cart as it is then.
await carts.execute('ada', 'add', { name: 'teapot', price: 18 })
await carts.execute('ada', 'add', { name: 'kettle', price: 35 })
const { state, version } = await carts.execute('ada', 'remove', 'kettle')
console.log(`at version ${version}, the cart holds ${describe(state)}`)

const again = await carts.execute('ada', 'remove', 'kettle')
console.log(`removing the kettle again makes ${again.events.length} events`)

// Two at once: nobody's item is lost, as each is decided upon what the other has made of the cart.
await Promise.all([
  carts.execute('ada', 'add', { name: 'cup', price: 4 }),
  carts.execute('ada', 'add', { name: 'saucer', price: 3 }),
])
const paid = await carts.execute('ada', 'checkout')
console.log(`checked out: ${describe(paid.state)}`)

// A command refuses by throwing, and then nothing is written.
await carts.execute('ada', 'add', { name: 'spoon', price: 2 }).catch((error: Error) => {
  console.log(`a spoon is too late: ${error.message}`)
})

// Nothing is overwritten, so the cart can be had as it was.
for (let past = 0; past <= paid.version; past += 1) {
  const { state } = await carts.load('ada', { version: past })
  console.log(`version ${past}: ${describe(state)}`)
}

// And this is all that is stored.
for await (const { type, data } of carts.stream('ada').read()) {
  console.log(`${type} ${JSON.stringify(data)}`)
}

function mustBeOpen({ isOpen }: Cart): void {
  if (!isOpen) throw new Error('The cart is checked out')
}

function totalOf({ items }: Cart): number {
  return items.reduce((total, { price }) => total + price, 0)
}

function describe(cart: Cart): string {
  const names = cart.items.map(({ name }) => name).join(', ') || 'nothing'
  return `${names} (${totalOf(cart)} €${cart.isOpen ? '' : ', checked out'})`
}
