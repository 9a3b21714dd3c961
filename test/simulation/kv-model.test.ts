import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openMemory } from '../../src/drivers/memory/index.ts'
import { openSqlite } from '../../src/drivers/sqlite/index.ts'
import { bytesOf } from '../../src/kv/byte-string.ts'
import type { KeyValueStore, Reader, Transaction } from '../../src/kv/index.ts'
import { contents, digits, listing, text } from '../../src/testing/kv/laws.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** One operation of a transaction. Keys and values are byte strings. */
type Operation =
  | { readonly do: 'get'; readonly key: string; readonly snapshot: boolean }
  | {
      readonly do: 'range'
      readonly begin: string
      readonly end: string
      readonly limit: number | undefined
      readonly reverse: boolean
      readonly snapshot: boolean
    }
  | { readonly do: 'set'; readonly key: string; readonly value: string }
  | { readonly do: 'clear'; readonly key: string }
  | { readonly do: 'clear range'; readonly begin: string; readonly end: string }
  | { readonly do: 'fill'; readonly prefix: string; readonly rows: number; readonly every: number }

interface Run {
  readonly operations: readonly Operation[]
  readonly commits: boolean
}

/** A sorted array of rows, the oracle. */
type Model = readonly (readonly [key: string, value: string])[]

const key = fc
  .array(fc.constantFrom(0x00, 0x01, 0x61, 0x62, 0xfe, 0xff), { minLength: 1, maxLength: 3 })
  .filter(([first]) => first !== 0xff)
  .map((codes) => String.fromCharCode(...codes))
const end = fc.oneof(key, fc.constant('\xff'))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('get'), key, snapshot: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('range'),
      begin: fc.oneof(key, fc.constant('')),
      end,
      limit: fc.option(fc.oneof(fc.nat(5), fc.constantFrom(63, 64, 65, 512, 513, 600)), { nil: undefined }),
      reverse: fc.boolean(),
      snapshot: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set'), key, value: fc.constantFrom('', 'x', 'yz') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('clear'), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear range'), begin: key, end }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('fill'),
      prefix: fc.constantFrom('a', 'b'),
      rows: fc.constantFrom(10, 64, 130, 600),
      every: fc.constantFrom(1, 3),
    }),
  },
) as fc.Arbitrary<Operation>
const runs: fc.Arbitrary<Run[]> = fc.array(
  fc.record({
    operations: fc.array(operation, { minLength: 1, maxLength: 16 }),
    commits: fc.constantFrom(true, true, false),
  }),
  { minLength: 1, maxLength: 8 },
)

describe('a key-value store', () => {
  test('in memory behaves like a sorted array', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (all) => {
        await using kv = await openMemory()
        await compare(kv, all)
      }),
      { numRuns: 400 },
    )
  })

  test('on SQLite behaves like a sorted array', async () => {
    await fc.assert(
      fc.asyncProperty(runs, async (all) => {
        await using folder = await temporaryFolder()
        await using kv = await openSqlite(folder.path)
        await compare(kv, all)
      }),
      { numRuns: 40 },
    )
  })
})

class Cancelled extends Error {}

/** Runs the transactions one after the other, and compares every read, and all rows after each. */
async function compare(kv: KeyValueStore, all: readonly Run[]): Promise<void> {
  let committed: Model = []
  for (const { operations, commits } of all) {
    let model = committed
    const running = kv.transact(async (tx) => {
      for (const each of operations) model = await perform(tx, each, model)
      if (!commits) throw new Cancelled()
    })
    if (commits) await running
    else await expect(running).rejects.toThrow(Cancelled)
    if (commits) committed = model
    expect(await contents(kv)).toBe(show(committed))
  }
}

/** Does one operation to both; returns what the model is then. */
async function perform(tx: Transaction, operation: Operation, model: Model): Promise<Model> {
  switch (operation.do) {
    case 'get': {
      const reader: Reader = operation.snapshot ? tx.snapshot : tx
      const found = model.find(([key]) => key === operation.key)
      expect(text(await reader.get(bytesOf(operation.key)))).toBe(found?.[1])
      return model
    }
    case 'range':
      await compareRange(operation.snapshot ? tx.snapshot : tx, operation, model)
      return model
    case 'set':
      tx.set(bytesOf(operation.key), bytesOf(operation.value))
      return withRow(model, operation.key, operation.value)
    case 'clear':
      tx.clear(bytesOf(operation.key))
      return model.filter(([key]) => key !== operation.key)
    case 'clear range':
      tx.clearRange({ begin: bytesOf(operation.begin), end: bytesOf(operation.end) })
      return model.filter(([key]) => !(key >= operation.begin && key < operation.end))
    case 'fill': {
      const rows = new Map(model)
      for (let number = 0; number < operation.rows; number += operation.every) {
        const key = operation.prefix + digits(number)
        tx.set(bytesOf(key), bytesOf('fill'))
        rows.set(key, 'fill')
      }
      return sorted(rows)
    }
    default:
      return operation satisfies never
  }
}

async function compareRange(
  reader: Reader,
  { begin, end, limit, reverse }: Extract<Operation, { do: 'range' }>,
  model: Model,
): Promise<void> {
  const within = model.filter(([key]) => key >= begin && key < end)
  const expected = (reverse ? within.reverse() : within).slice(0, limit ?? within.length)
  const options = limit === undefined ? { reverse } : { limit, reverse }
  const rows = await reader.getRange({ begin: bytesOf(begin), end: bytesOf(end) }, options).toArray()
  expect(listing(rows)).toBe(show(expected))
}

function withRow(model: Model, key: string, value: string): Model {
  return sorted(new Map(model).set(key, value))
}

function sorted(rows: ReadonlyMap<string, string>): Model {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
}

function show(model: Model): string {
  return model.map(([key, value]) => `${key}=${value}`).join(' ')
}
