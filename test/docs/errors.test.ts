import { describe, expect, test } from 'vitest'
import * as exported from '../../src/errors.ts'
import { EventDbError } from '../../src/errors.ts'
import { codeIn, readPage, sectionsOf, tableRows } from './markdown.ts'

type ErrorClass = new (...args: readonly unknown[]) => EventDbError

/**
 * Stands for any argument of any constructor: it is a string, a function, an object with every property, and an
 * empty list. So an error of each class can be made here without knowing its parameters.
 */
const ANYTHING: object = new Proxy(() => ANYTHING, {
  get: (_target, key) => {
    if (key === Symbol.toPrimitive) return () => 'anything'
    return key === Symbol.iterator ? () => [].values() : ANYTHING
  },
})

const page = readPage('docs/errors.md')
const source = readPage('src/errors.ts')
const rows = tableRows(page).map(({ section, cells }) => ({
  section,
  name: codeIn(cells[0]),
  code: codeIn(cells[1]),
  retryable: cells[2],
  cells,
}))
const errors = Object.entries(exported)
  .filter(([, it]) => isErrorClass(it))
  .map(([name, it]) => ({ name, error: made(name, it as unknown as ErrorClass) }))

function isErrorClass(it: unknown): boolean {
  return typeof it === 'function' && it.prototype instanceof EventDbError
}

function made(name: string, Class: ErrorClass): EventDbError {
  try {
    return new Class(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING)
  } catch (cause) {
    throw new Error(
      `This test cannot make a ${name}: let ANYTHING in test/docs/errors.test.ts pass for more`,
      {
        cause,
      },
    )
  }
}

/** The group of an error: the last `// ── Title ───` above its class. */
function groupOf(name: string): string | undefined {
  const above = source.slice(0, source.search(new RegExp(`^export (abstract )?class ${name}\\b`, 'm')))
  return groupsOf(above).at(-1)
}

function groupsOf(text: string): string[] {
  return [...text.matchAll(/^\/\/ ── (.+?) ─+$/gm)].map(([, title]) => title!)
}

test('errors are found by these tests', () => {
  expect(errors.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['ConflictError', 'InvalidArgumentError']),
  )
})

describe.each(errors.map((it) => [it.name, it.error] as const))('%s', (name, error) => {
  test('is in docs/errors.md as it is', () => {
    const found = rows.filter((it) => it.name === name)
    expect(
      found.map(({ section }) => section),
      `src/errors.ts has ${name} under "${groupOf(name)}": docs/errors.md needs one row in the section of that name, "| \`${name}\` | \`${error.code}\` | ${yesOrNo(error.retryable)} | … | … | … |"`,
    ).toEqual([groupOf(name)])
    const { code, retryable, cells } = found[0]!
    const [, , , when, details, task] = cells
    expect(code, `docs/errors.md must give the code of ${name}`).toBe(error.code)
    expect(retryable, `docs/errors.md must say whether ${name} is retryable`).toBe(yesOrNo(error.retryable))
    expect(when, `docs/errors.md must say when a ${name} happens`).toMatch(/\w{3}/)
    for (const key of Object.keys(error.details))
      expect(details, `docs/errors.md must name the detail ${key} of ${name}`).toContain(`\`${key}\``)
    expect(task, `docs/errors.md must say what to do about a ${name}`).toMatch(/\w{3}/)
  })

  test('has a code of its own, in kebab-case', () => {
    expect(error.code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    const sharing = errors.filter((it) => it.error.code === error.code).map((it) => it.name)
    expect(sharing, `${sharing.join(' and ')} share the code ${error.code}`).toEqual([name])
  })

  test('carries its own name', () => {
    expect(error.name).toBe(name)
  })
})

describe('docs/errors.md', () => {
  test('has the groups of src/errors.ts as sections, in their order', () => {
    const groups = groupsOf(source)
    const sections = sectionsOf(page).filter((title) => rows.some(({ section }) => section === title))
    expect(sections, 'docs/errors.md must have the groups of src/errors.ts as sections').toEqual(groups)
  })

  test.each(rows.map(({ name }) => name))('%s, in a table, is a class of src/errors.ts', (name) => {
    expect(
      errors.map((it) => it.name),
      `docs/errors.md has a row for ${name}, which src/errors.ts does not have: take it out, or correct its name`,
    ).toContain(name)
  })

  test('names no class that does not exist', () => {
    const named = [...page.matchAll(/\b[A-Z]\w*Error\b/g)].map(([name]) => name)
    const unknown = [...new Set(named)].filter((name) => !(name in exported))
    expect(unknown, 'docs/errors.md names classes that src/errors.ts does not have').toEqual([])
  })

  test('names no code that does not exist', () => {
    const compared = [...page.matchAll(/\bcode (?:===|!==) '([^']*)'|\bcase '([^']*)':/g)]
    const named = [...rows.map(({ code }) => code), ...compared.map(([, left, right]) => left ?? right)]
    const codes: readonly (string | undefined)[] = errors.map(({ error: { code } }) => code)
    expect(
      named.filter((code) => !codes.includes(code)),
      'docs/errors.md names codes that no class has',
    ).toEqual([])
  })

  test('names every problem of a StorageError, and no other', () => {
    const [, union = ''] = /type StorageProblem =([^/]*?)\n\n/.exec(source) ?? []
    const problems = [...union.matchAll(/'([^']+)'/g)].map(([, problem]) => problem)
    const list = [...page.matchAll(/^- `([a-z-]+)`: /gm)].map(([, problem]) => problem)
    expect(list.toSorted(), 'docs/errors.md must list every StorageProblem of src/errors.ts').toEqual(
      problems.toSorted(),
    )
  })
})

function yesOrNo(flag: boolean): string {
  return flag ? 'yes' : 'no'
}
