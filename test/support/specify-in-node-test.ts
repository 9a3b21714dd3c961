import { test } from 'node:test'
import { defineAggregate, defineEvents } from 'eventdb'
import { specify } from 'eventdb/testing'

// Run by src/testing/specify-async.test.ts under `node --test`: what is to pass passes there, and what is to fail fails.

const counter = defineAggregate(defineEvents<{ type: 'Counted'; data: { by: number } }>(), {
  category: 'counter',
  initialState: () => 0,
  evolve: { Counted: (sum, { data }) => sum + data.by },
  commands: {
    count: (_sum, by: number) => ({ type: 'Counted', data: { by } }),
    countLater: async (_sum, by: number) => ({ type: 'Counted', data: { by } }),
  },
})
const { given } = specify(counter)

void test('passes', () =>
  given([])
    .when('count', 2)
    .then({ type: 'Counted', data: { by: 2 } }))

void test('passes later', async () => {
  await given([]).when('countLater', 2).thenState(2)
})

void test('fails', () =>
  given([])
    .when('count', 2)
    .then({ type: 'Counted', data: { by: 3 } }))

void test('fails later', () => given([]).when('countLater', 2).thenState(3))

void test('fails if it is awaited too soon', async () => {
  // @ts-expect-error it is no promise
  await given([]).when('countLater', 2)
})
