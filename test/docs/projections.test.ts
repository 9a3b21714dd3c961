import { expect, test } from 'vitest'
import { blocksOf } from '../format/vectors.ts'
import { runPage } from '../support/run-page.ts'
import { readPage } from './markdown.ts'

const BEFORE = `import { defineCorrelation, defineInlineProjection, hours, matchesOf, sequence } from 'eventdb'
`
/** What the page takes for granted of its second and third definition. */
const STOCK = `
const orderEvents = defineEvents<{ type: 'OrderPlaced'; data: { sku: string; count: number; total: number } }>()
`
const DECLARATIONS = `
const events = defineEvents<{ type: 'DeclarationSubmitted' | 'DeclarationRejected' | 'DeclarationWithdrawn'; data: null }>()
await store.stream('declaration-7').append([
  { type: 'DeclarationRejected', data: null },
  { type: 'DeclarationSubmitted', data: null },
])
`

test('the code of docs/projections.md compiles, and does what it says', async () => {
  const [use, example, inline, question, ...others] = blocksOf(readPage('docs/projections.md'), 'ts')
  expect(others).toEqual([])
  const program = [
    BEFORE,
    use!.text,
    'console.log(today)',
    example!.text,
    `{ ${STOCK} ${inline!.text}`,
    "const order = (count: number) => store.stream('order-2').append({ type: 'OrderPlaced', data: { sku: 'a', count, total: 1 } })",
    'await order(60)',
    'await order(50).catch((error) => console.log(error.message))',
    "console.log(await projection.state('a')) }",
    `{ ${DECLARATIONS} ${question!.text} }`,
  ]
  const printed = await runPage(program.join('\n'), { packages: [] })
  expect(printed.replace(/ \d+\n$/, ' …\n')).toBe(`{ orders: 1, total: 5 }
The projection "stock" refused version 2 of stream "order-2" (OrderPlaced): Only 40 left
{ left: 40 }
declaration-7 …
`)
})
