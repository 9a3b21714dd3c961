// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings here are source text, substitutions included
import { describe, expect, test } from 'vitest'
import { declaredPackages, packageExports, pinnedVersions, tracesOfMachines } from './package-rules.ts'
import type { SourceFile } from './source-text.ts'

const file = (path: string, text: string): SourceFile => ({ path, text })

describe('pinnedVersions', () => {
  test.each(['^1.2.3', '~1.2.3', '1.2', '*', 'latest', '>=1.2.3', 'file:../x'])('refuses %s', (version) => {
    for (const group of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'])
      expect(pinnedVersions({ [group]: { lmdb: version } })).toEqual([
        expect.stringContaining(`${group} for lmdb`),
      ])
  })

  test('allows exact versions', () => {
    expect(pinnedVersions({ dependencies: { a: '1.2.3' }, devDependencies: { b: '1.0.0-beta.1' } })).toEqual(
      [],
    )
  })
})

describe('packageExports', () => {
  const good = {
    'eventdb-source': './src/kv/index.ts',
    types: './dist/kv/index.d.ts',
    default: './dist/kv/index.js',
  }
  const { 'eventdb-source': source, types, default: built } = good

  test.each([
    ['a missing source', { types, default: built }, 'without "eventdb-source"'],
    ['a string', './dist/kv/index.js', 'without "eventdb-source"'],
    ['missing types', { 'eventdb-source': source, default: built }, 'make it'],
    ['a missing build', { 'eventdb-source': source, types }, 'make it'],
    ['the build of something else', { ...good, default: './dist/tuple/index.js' }, 'make it'],
    [
      'an order in which the source is shadowed',
      { default: built, types, 'eventdb-source': source },
      'make it',
    ],
  ])('refuses %s', (_name, entry, complaint) => {
    expect(packageExports({ exports: { './kv': entry } }, () => true)).toEqual([
      expect.stringContaining(complaint),
    ])
  })

  test('refuses a source that does not exist', () => {
    expect(packageExports({ exports: { './kv': good } }, () => false)).toEqual([
      expect.stringContaining('there is no ./src/kv/index.ts'),
    ])
  })

  test('allows entries with all three, and package.json', () => {
    const exports = { './kv': good, './package.json': './package.json' }
    expect(packageExports({ exports }, (path) => path === 'src/kv/index.ts')).toEqual([])
  })
})

describe('declaredPackages', () => {
  const files = [
    file('src/kv/x.ts', "import { a } from '@scope/pack/part'\nimport 'node:fs'\nimport './y.ts'"),
  ]

  test('refuses a package that users do not have', () => {
    expect(declaredPackages(files, { devDependencies: { '@scope/pack': '1.0.0' } })).toEqual([
      expect.stringContaining('src/kv/x.ts:1 imports @scope/pack/part'),
    ])
  })

  test('allows one that is declared', () => {
    expect(declaredPackages(files, { peerDependencies: { '@scope/pack': '1.0.0' } })).toEqual([])
  })
})

describe('tracesOfMachines', () => {
  // Put together here, so that this file does not break the rule.
  const path = (...parts: string[]): string => ['', ...parts].join('/')
  const host = (...parts: string[]): string => parts.join('.')

  test.each([
    path('home', 'ada', 'eventdb'),
    path('Users', 'ada'),
    path('root', '.npmrc'),
    path('work', 'main'),
    `file://${path('home', 'ada')}`,
    `'${path('work', '')}'`,
    ['C:', 'Users', 'ada'].join('\\'),
    host('registry', 'npmjs', 'org'),
    `https://${host('npm-registry', 'example', 'com')}/x`,
    `http://${host('nexus', 'local')}:8081`,
    ['registry', 'anything'].join('='),
  ])('refuses %s', (text) => {
    expect(tracesOfMachines([file('docs/x.md', `see\n${text}`)])[0]).toMatch(/^docs\/x.md:2 contains /)
  })

  test.each([
    'https://example.com/root/x',
    './home/ada',
    '~/root/',
    '`${folder}/root/`',
    'a homework/rootless idea',
    'publish to the npm registry',
    'save-exact=true',
  ])('allows %s', (text) => {
    expect(tracesOfMachines([file('docs/x.md', text)])).toEqual([])
  })

  test('leaves package-lock.json to npm', () => {
    expect(tracesOfMachines([file('package-lock.json', host('registry', 'npmjs', 'org'))])).toEqual([])
  })
})
