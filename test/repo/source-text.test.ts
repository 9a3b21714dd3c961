// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings here are source text, substitutions included
import { describe, expect, test } from 'vitest'
import { importsOf } from './imports.ts'
import { type SourceFile, stripped } from './source-text.ts'

const file = (path: string, text = ''): SourceFile => ({ path, text })

describe('stripped', () => {
  test.each([
    ['a line comment', "f() // it's g()", 'f()'],
    ['a block comment', 'f() /* g() */', 'f()'],
    ['a string', "f('g() // `')", "f('········')"],
    ['a string with an escaped quote', String.raw`f('\'g()')`, "f('·····')"],
    [
      'a template but not what it substitutes',
      '`g() ${h({ a: `${i}` })} g()`',
      '`·····{h({ a: `·{i}` })}····`',
    ],
    ['a regular expression', "s.replace(/['/*]/g, f)", 's.replace(/······g, f)'],
  ])('blanks %s', (_name, text, code) => {
    expect(stripped(text).code.trimEnd().replaceAll('·', ' ')).toBe(code.replaceAll('·', ' '))
  })

  test('takes a division for what it is', () => {
    expect(stripped('a / b / c').code).toBe('a / b / c')
  })

  test('keeps strings where only comments are blank', () => {
    expect(stripped("import 'a' // b").withoutComments).toBe("import 'a'     ")
  })

  test('keeps every line and every place', () => {
    const text = '/* a\nb */ c `\n${d}`\n// e'
    expect(
      stripped(text)
        .code.split('\n')
        .map((line) => line.length),
    ).toEqual(text.split('\n').map((line) => line.length))
  })
})

describe('importsOf', () => {
  test.each([
    ["import { a } from './b.ts'", 'static', './b.ts'],
    ["import {\n  type A,\n  b as c,\n} from './b.ts'", 'static', './b.ts'],
    ["import a, { b } from './b.ts'", 'static', './b.ts'],
    ["import * as a from './b.ts'", 'static', './b.ts'],
    ["import './b.ts'", 'static', './b.ts'],
    ['import { a } from "./b.ts"', 'static', './b.ts'],
    ["import type { A } from './b.ts'", 'types', './b.ts'],
    ["export { a } from './b.ts'", 'static', './b.ts'],
    ["export type { A } from './b.ts'", 'types', './b.ts'],
    ["export * from './b.ts'", 'static', './b.ts'],
    ["export * as b from './b.ts'", 'static', './b.ts'],
    ["const a = await import('./b.ts')", 'dynamic', './b.ts'],
    ["const a: import('./b.ts').A = f()", 'dynamic', './b.ts'],
    ["const a = require('./b.ts')", 'dynamic', './b.ts'],
    ['const a = await import(name)', 'dynamic', undefined],
    ['const a = await import(`./${name}.ts`)', 'dynamic', undefined],
  ])('finds %j', (text, kind, specifier) => {
    expect(importsOf(file('src/kv/a.ts', text))).toMatchObject([{ kind, specifier }])
  })

  test('resolves what is relative, and says where it is', () => {
    expect(importsOf(file('src/kv/a.ts', "\nimport { b } from '../tuple/b.ts'"))).toMatchObject([
      { target: 'src/tuple/b.ts', at: 'src/kv/a.ts:2' },
    ])
  })

  test.each([
    "// import { a } from './b.ts'",
    "/* import './b.ts' */",
    'const text = "import { a } from \'./b.ts\'"',
    "loader.import('./b.ts')",
  ])('finds nothing in %j', (text) => {
    expect(importsOf(file('src/kv/a.ts', text))).toEqual([])
  })
})
