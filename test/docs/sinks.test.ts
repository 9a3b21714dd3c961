import { expect, test } from 'vitest'
import { blocksOf } from '../format/vectors.ts'
import { runPage } from '../support/run-page.ts'
import { readPage } from './markdown.ts'

/** The contract that the page shows is that of the library; and what its program comes to. */
const AFTER = `
import type { ProjectionSink as RealSink } from 'eventdb'
const there = (sink: ProjectionSink<string>): RealSink<string> => sink
const back = (sink: RealSink<string>): ProjectionSink<string> => sink
console.log(best, typeof there, typeof back)
`

test('the code of docs/sinks.md compiles, and does what it says', async () => {
  const blocks = blocksOf(readPage('docs/sinks.md'), 'ts').map(({ text }) => text)
  const needs = { packages: ['better-sqlite3'], folders: { sinks: 'examples/sinks' } }
  expect(await runPage([...blocks, AFTER].join('\n'), needs)).toBe(
    `{ customer: 'ada', 'sum(total)': 5 } function function\n`,
  )
})
