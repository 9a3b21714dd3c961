import { expect, test } from 'vitest'
import { blocksOf } from '../format/vectors.ts'
import { runPage } from '../support/run-page.ts'
import { readPage } from './markdown.ts'

/** What the page takes for granted, in front of its code; and what it comes to, behind it. */
const BEFORE = `import { z } from 'zod'
import { eventType } from 'eventdb'
`
const AFTER = `
console.log(state.items, version, past.state.isOpen)
console.log((await accounts.load('ada')).state, (await doors.load('front')).state)
await store.stream('old').append([
  { type: 'CouponUsed', data: { code: 'a' } },
  { type: 'ProductAdded', data: { name: 'b' } },
])
for await (const event of store.stream('old').read()) {
  for (const { type, data } of await events.upToDate(event)) console.log(type, data)
}
await store.stream('cart-1').append(await events.checked({ type: 'ItemAdded', data: { sku: 'z' } }))
const { encode, decode } = visits.snapshots!
console.log(decode!(encode!({ pages: 1, last: new Date(5) }) as never))
`
const PRINTED = `[ 'a' ] 1 true
Account { balance: 90 } { isOpen: true }
CouponUsed { code: 'a', percent: 10 }
ItemAdded { sku: 'b' }
{ pages: 1, last: 1970-01-01T00:00:00.005Z }
`

test('the code of docs/aggregates.md compiles, and does what it says', async () => {
  const blocks = blocksOf(readPage('docs/aggregates.md'), 'ts').map(({ text }) => text)
  const program = [BEFORE, ...blocks, AFTER].join('\n')
  expect(await runPage(program, { packages: ['zod'] })).toBe(PRINTED)
})
