import type { BenchEvent } from './program.ts'

/** A small seeded generator (mulberry32), so that all programs get the same work. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

const TYPES = ['OrderPlaced', 'ItemAdded', 'ItemRemoved', 'PaymentReceived', 'OrderShipped']

/** Makes events whose data is about 256 bytes of JSON. */
export function eventSource(seed: number, withIds: boolean): () => BenchEvent {
  const random = randomOf(seed)
  let count = 0
  return () => {
    count += 1
    const event = { type: TYPES[count % TYPES.length]!, data: dataOf(count, random) }
    return withIds ? { ...event, id: uuidOf(seed, count, random) } : event
  }
}

function dataOf(count: number, random: () => number): object {
  return {
    orderId: `order-${count}`,
    customer: { id: Math.floor(random() * 100_000), name: 'Ada Lovelace', city: 'London' },
    items: [
      { sku: `sku-${Math.floor(random() * 1_000)}`, quantity: 1 + (count % 5), price: 19.95 },
      { sku: `sku-${Math.floor(random() * 1_000)}`, quantity: 2, price: 5.5 },
    ],
    total: Math.round(random() * 10_000) / 100,
    note: 'please leave it at the door',
  }
}

function uuidOf(seed: number, count: number, random: () => number): string {
  const hex = (value: number, digits: number): string =>
    Math.floor(value).toString(16).padStart(digits, '0').slice(-digits)
  const [a, b] = [random() * 0x1_0000_0000, random() * 0x1_0000_0000_0000]
  return `${hex(a, 8)}-${hex(seed, 4)}-7${hex(count >>> 20, 3)}-8${hex(count >>> 8, 3)}-${hex(b, 12)}`
}
