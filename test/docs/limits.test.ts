import { expect, test } from 'vitest'
import * as limits from '../../src/limits.ts'
import * as tupleLimits from '../../src/tuple/limits.ts'
import { codeIn, readPage, tableRows } from './markdown.ts'

const rows = tableRows(readPage('docs/limits.md')).map(({ cells }) => ({
  name: codeIn(cells[0]),
  cells,
}))
const constants = [
  ...Object.entries(limits).map(([name, value]) => ({ name, value, file: 'src/limits.ts' })),
  ...Object.entries(tupleLimits).map(([name, value]) => ({ name, value, file: 'src/tuple/limits.ts' })),
]
const numbers = new Intl.NumberFormat('en-US')

/** What the name of a constant says of its unit; `undefined` if it counts things. */
function unitOf(name: string): string | undefined {
  if (/(^|_)BYTES(_|$)/.test(name)) return 'bytes'
  return /(^|_)MS(_|$)/.test(name) ? 'ms' : undefined
}

test('limits are found by these tests', () => {
  expect(constants).toContainEqual({ name: 'KEY_BYTES_MAX', value: 1_024, file: 'src/limits.ts' })
})

test.each(constants.map((it) => [it.name, it] as const))(
  '%s is in docs/limits.md as it is',
  (name, constant) => {
    const { value, file } = constant
    const found = rows.filter((row) => row.name === name)
    const [, written, unit, meaning, beyond] = found[0]?.cells ?? []
    const expected = numbers.format(value)
    expect(
      found.length,
      `${file} has ${name}: docs/limits.md needs one row "| \`${name}\` | ${expected} | ${unitOf(name) ?? 'of what'} | … | … |"`,
    ).toBe(1)
    expect(written, `docs/limits.md must give ${name} of ${file} as ${expected}`).toBe(expected)
    expect(unit, `docs/limits.md must give the unit of ${name}`).toMatch(/\w/)
    expect(unit, `docs/limits.md must give ${name} in the unit that its name says`).toBe(unitOf(name) ?? unit)
    expect(meaning, `docs/limits.md must say what ${name} bounds`).toMatch(/\w{3}/)
    expect(beyond, `docs/limits.md must say what happens beyond ${name}`).toMatch(/\w{3}/)
  },
)

test.each(rows.map(({ name }) => name))(
  '%s, in a table of docs/limits.md, is a constant of the code',
  (name) => {
    expect(
      constants.map((it) => it.name),
      `docs/limits.md has a row for ${name}, which neither src/limits.ts nor src/tuple/limits.ts has: take it out, or correct its name`,
    ).toContain(name)
  },
)
