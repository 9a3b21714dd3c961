import { describe, expect, test } from 'vitest'
import { definingFiles, layers } from './layers.ts'
import {
  docstrings,
  exportedNames,
  fileNames,
  fileSizes,
  layerIntroductions,
  namedExports,
  nodeAtTheEdges,
  timeAndChance,
} from './source-rules.ts'
import type { Rule, SourceFile } from './source-text.ts'

// That each rule of tidy.test.ts can fail. Those on package.json and on machines are in package-rules.test.ts.

const file = (path: string, text = ''): SourceFile => ({ path, text })
const first = (rule: Rule, path: string, text: string): string | undefined => rule([file(path, text)])[0]

const OPENER = '../drivers/open-folder.ts'

describe('layers', () => {
  test.each([
    ['upwards', 'src/kv/x.ts', "import { y } from '../store/y.ts'"],
    ['upwards for a type', 'src/kv/x.ts', "import type { Y } from '../store/y.ts'"],
    ['upwards by re-export', 'src/kv/x.ts', "export { y } from '../store/y.ts'"],
    ['upwards dynamically', 'src/kv/x.ts', "const y = await import('../store/y.ts')"],
    ['above the leaves', 'src/runtime.ts', "import { pack } from './tuple/pack.ts'"],
    ['across the top', 'src/aggregate/x.ts', "import { y } from '../projection/y.ts'"],
    ['the surface', 'src/store/x.ts', "import { y } from '../index.ts'"],
    ['the test kit', 'src/store/x.ts', "import { y } from '../testing/y.ts'"],
    ['the store from a driver', 'src/drivers/lmdb/x.ts', "import { y } from '../../store/y.ts'"],
    ['another driver', 'src/drivers/lmdb/x.ts', "import { y } from '../sqlite/y.ts'"],
    ['a driver from the library', 'src/store/x.ts', "const y = await import('../drivers/sqlite/y.ts')"],
    ['a driver from the surface', 'src/index.ts', "export { y } from './drivers/memory/y.ts'"],
    ['a driver from the cli', 'src/cli/x.ts', "import { y } from '../drivers/sqlite/y.ts'"],
    ['the opener from elsewhere', 'src/store/x.ts', `const y = await import('${OPENER}')`],
    ['the opener at once', 'src/opening/open-event-store.ts', `import { y } from '${OPENER}'`],
    ['another file beside the opener', 'src/opening/open-event-store.ts', "await import('../drivers/x.ts')"],
    ['an engine at once from the opener', 'src/drivers/open-folder.ts', "import { y } from './lmdb/y.ts'"],
    ['the library from the cli by path', 'src/cli/x.ts', "import { y } from '../store/y.ts'"],
    ['a package from the cli', 'src/cli/x.ts', "import { y } from 'commander'"],
    ['the cli from the test kit', 'src/testing/x.ts', "import { y } from '../cli/y.ts'"],
    ['a public name', 'src/kv/x.ts', "import { y } from 'eventdb/sqlite'"],
    ['outside of src', 'src/kv/x.ts', "import { y } from '../../test/y.ts'"],
    ['a computed name', 'src/store/x.ts', 'const y = await import(name)'],
    ['upwards in a unit test', 'src/kv/x.test.ts', "import { y } from '../store/y.ts'"],
    ['a durable driver in a unit test', 'src/kv/x.test.ts', "import { y } from '../drivers/sqlite/y.ts'"],
  ])('refuses to import %s', (_name, path, text) => {
    expect(first(layers, path, text)).toMatch(new RegExp(`^${path}:1 imports .+: .+`))
  })

  test.each([
    ['its own layer', 'src/kv/x.ts', "import { y } from './y.ts'"],
    ['a layer below', 'src/store/x.ts', "import { y } from '../tuple/y.ts'"],
    ['the leaves', 'src/tuple/x.ts', "import { y } from '../limits.ts'"],
    ['what a driver stands on', 'src/drivers/lmdb/x.ts', "import { y } from '../../directory/y.ts'"],
    ['what drivers share', 'src/drivers/lmdb/x.ts', "import { y } from '../folder.ts'"],
    ['the opener when it is needed', 'src/opening/open-event-store.ts', `await import('${OPENER}')`],
    ['an engine when it is needed', 'src/drivers/open-folder.ts', "await import('./lmdb/index.ts')"],
    ['the types of an engine', 'src/drivers/open-folder.ts', "import type { Y } from './lmdb/index.ts'"],
    ['a driver from the test kit', 'src/testing/x.ts', "import { y } from '../drivers/memory/index.ts'"],
    ['the library from the cli', 'src/cli/x.ts', "import { y } from 'eventdb'\nimport 'eventdb/kv'"],
    [
      'the memory driver in a unit test',
      'src/kv/x.test.ts',
      "import { y } from '../drivers/memory/index.ts'",
    ],
    ['a test framework', 'src/kv/x.test.ts', "import { test } from 'vitest'"],
    ['a computed name in a driver', 'src/drivers/lmdb/x.ts', 'await import(name)'],
  ])('lets a file import %s', (_name, path, text) => {
    expect(layers([file(path, text)])).toEqual([])
  })

  test('says what to do', () => {
    expect(first(layers, 'src/kv/x.ts', "import { y } from '../store/y.ts'")).toBe(
      'src/kv/x.ts:1 imports src/store/y.ts: kv may not know store, move what it needs to kv or below, or turn the dependency round',
    )
  })

  test.each(['src/utilities.ts', 'src/session/x.ts'])('refuses %s, which has no layer', (path) => {
    expect(first(layers, path, '')).toContain(`${path} belongs to no layer`)
  })
})

describe('definingFiles', () => {
  test.each([
    ['src/store/x.ts', "import { y } from '../kv/index.ts'"],
    ['src/store/x.ts', "import { y } from './index.ts'"],
    ['src/index.ts', "export type { Y } from './kv/index.ts'"],
    ['src/drivers/lmdb/x.ts', "import { y } from './index.ts'"],
  ])('refuses an index.ts in %s: %s', (path, text) => {
    expect(first(definingFiles, path, text)).toContain('import the file that defines the thing')
  })

  test.each([
    ['src/index.ts', "export type { Y } from './kv/contract.ts'"],
    ['src/drivers/open-folder.ts', "await import('./sqlite/index.ts')"],
    ['src/testing/x.ts', "import { openMemory } from '../drivers/memory/index.ts'"],
    ['src/kv/x.test.ts', "import { y } from './index.ts'"],
  ])('allows in %s: %s', (path, text) => {
    expect(definingFiles([file(path, text)])).toEqual([])
  })
})

describe('namedExports', () => {
  test.each([
    "export * from './b.ts'",
    "export * as b from './b.ts'",
    "export type * from './b.ts'",
    'export default 1',
    'export { a as default }',
  ])('refuses %s', (text) => {
    expect(first(namedExports, 'src/kv/x.ts', text)).toMatch(
      /^src\/kv\/x.ts:1 (exports \*|has a default export)/,
    )
  })

  test('allows names', () => {
    expect(namedExports([file('src/kv/index.ts', "export { a, type B } from './b.ts'")])).toEqual([])
  })
})

describe('nodeAtTheEdges', () => {
  test.each([
    "import { join } from 'node:path'",
    "import { join } from 'path'",
    'Buffer.from(a)',
    'new globalThis.Buffer(1)',
  ])('refuses %s in the core', (text) => {
    expect(first(nodeAtTheEdges, 'src/store/x.ts', text)).toMatch(
      /^src\/store\/x.ts:1 .*only drivers, testing and cli/,
    )
  })

  test.each([
    ['src/drivers/sqlite/x.ts', "import { join } from 'node:path'"],
    ['src/cli/x.ts', 'Buffer.from(a)'],
    ['src/store/x.test.ts', "import { join } from 'node:path'"],
    ['src/store/x.ts', 'const a: ArrayBuffer = b // not a Buffer'],
  ])('allows in %s: %s', (path, text) => {
    expect(nodeAtTheEdges([file(path, text)])).toEqual([])
  })
})

describe('timeAndChance', () => {
  test.each([
    'Date.now()',
    'new Date()',
    'new Date',
    'Date()',
    'Math.random()',
    'crypto.randomUUID()',
    'randomUUID()',
    'crypto.getRandomValues(a)',
    'performance.now()',
    'process.hrtime.bigint()',
    'AbortSignal.timeout(5)',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'globalThis.setTimeout(f, 1)',
    'console.log(1)',
  ])('refuses %s', (text) => {
    for (const path of ['src/store/x.ts', 'src/drivers/lmdb/x.ts', 'src/testing/x.ts'])
      expect(first(timeAndChance, path, text)).toMatch(/:1 uses .*take a Runtime$/)
  })

  test.each([
    ['src/store/x.ts', 'new Date(ms)'],
    ['src/store/x.ts', "new Date('2026-01-01')"],
    ['src/store/x.ts', '// Date.now() is forbidden'],
    ['src/store/x.ts', "const thread = 'setTimeout(f, 1)'"],
    ['src/store/x.ts', 'runtime.setTimeout(f)'],
    ['src/store/x.ts', 'const a: Date = b'],
    ['src/runtime.ts', 'Date.now()'],
    ['src/cli/x.ts', 'console.log(1)'],
    ['src/store/x.test.ts', 'Date.now()'],
  ])('allows in %s: %s', (path, text) => {
    expect(timeAndChance([file(path, text)])).toEqual([])
  })
})

describe('fileSizes', () => {
  test('allows 400 lines and no more', () => {
    expect(fileSizes([file('src/kv/x.ts', 'a\n'.repeat(400))])).toEqual([])
    expect(first(fileSizes, 'src/kv/x.ts', 'a\n'.repeat(401))).toContain('src/kv/x.ts has 401 lines')
  })
})

describe('fileNames', () => {
  test.each([
    'src/kv/writeBuffer.ts',
    'src/kv/Write.ts',
    'src/kv/write_buffer.ts',
    'src/eventStore/x.ts',
    'src/kv/a.b.ts',
  ])('refuses %s', (path) => {
    expect(first(fileNames, path, '')).toContain('kebab-case')
  })

  test.each(['src/kv/utils.ts', 'src/kv/util.ts', 'src/kv/helpers.test.ts', 'src/kv/key-utils.ts'])(
    'refuses %s',
    (path) => {
      expect(first(fileNames, path, '')).toContain('says nothing')
    },
  )

  test.each([
    'src/kv/write-buffer.ts',
    'src/kv/write-buffer.test.ts',
    'src/kv/infer.test-d.ts',
    'src/cli/common-words.ts',
    'src/kv/utilisation.ts',
  ])('allows %s', (path) => {
    expect(fileNames([file(path)])).toEqual([])
  })
})

describe('layerIntroductions', () => {
  const paragraph = '/** The layer of this and that. It knows bytes; it must not know events. */\n'
  const surface = file('src/index.ts', paragraph)

  test.each(['src/kv', 'src/drivers/lmdb', 'src/testing'])('refuses %s without an index.ts', (folder) => {
    expect(layerIntroductions([surface, file(`${folder}/x.ts`)])).toEqual([
      expect.stringContaining(`${folder} has no index.ts`),
    ])
  })

  test.each([
    "export { a } from './a.ts'",
    '/** Short. */',
    `export { a } from './a.ts'\n${paragraph}`,
    '// A line.',
  ])('refuses an index.ts that begins with %j', (text) => {
    expect(layerIntroductions([surface, file('src/kv/index.ts', text)])).toEqual([
      expect.stringContaining('src/kv/index.ts does not say what it is'),
    ])
  })

  test('allows an index.ts with a paragraph, and a cli and an opener without', () => {
    const files = [
      surface,
      file('src/kv/index.ts', paragraph),
      file('src/cli/main.ts'),
      file('src/drivers/open.ts'),
    ]
    expect(layerIntroductions(files)).toEqual([])
  })
})

describe('docstrings', () => {
  test.each([
    'export const a = 1',
    'export function a() {}',
    'export async function a() {}',
    'export abstract class A {}',
    'export interface A {}',
    'export type A = string',
    'export const { a } = b',
    '// Not a docstring.\nexport const a = 1',
    '/* Not a docstring. */\nexport const a = 1',
    '/** */\nexport const a = 1',
    '/** Too far away. */\n\nexport const a = 1',
    '/** One for two. */\nexport const b = 1\nexport const a = 1',
  ])('refuses %j', (text) => {
    expect(docstrings([file('src/kv/x.ts', text)])).toEqual([expect.stringContaining('without a docstring')])
  })

  test('refuses a list of exports', () => {
    expect(first(docstrings, 'src/kv/x.ts', 'const a = 1\nexport { a }')).toContain('exports a list')
  })

  test.each([
    '/** What it is. */\nexport const a = 1',
    '/**\n * What it does, /here/ and there.\n */\nexport function a() {}',
    '/** What it is. */\n// biome-ignore lint/x: because\nexport const a = 1',
    '/** What it does. */\nexport function a(b: 1): 1\nexport function a(b: 2): 2\nexport function a(b) {}',
    "export { a } from './a.ts'",
    "const text = 'export const a = 1'",
  ])('allows %j', (text) => {
    expect(docstrings([file('src/kv/x.ts', text)])).toEqual([])
  })
})

describe('exportedNames', () => {
  test.each([
    'export interface IStore {}',
    'export class StoreImpl {}',
    'export abstract class BaseStore {}',
    'export class StoreManager {}',
    'export const storeHelper = 1',
    'export const storeUtils = 1',
  ])('refuses %s', (text) => {
    expect(first(exportedNames, 'src/kv/x.ts', text)).toMatch(
      /^src\/kv\/x.ts:1 exports \w+, which (begins|ends) with/,
    )
  })

  test.each([
    'export interface Index {}',
    'export class IOQueue {}',
    'export const base64 = 1',
    'class StoreImpl {}',
  ])('allows %s', (text) => {
    expect(exportedNames([file('src/kv/x.ts', text)])).toEqual([])
  })
})
