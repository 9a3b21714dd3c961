import { expect, test } from 'vitest'
import { definingFiles, layers } from './layers.ts'
import {
  declaredPackages,
  type Manifest,
  packageExports,
  pinnedVersions,
  tracesOfMachines,
} from './package-rules.ts'
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
import { isFile, readRepository, readRepositoryFile } from './source-text.ts'

// The architecture of ARCHITECTURE.md, as a test. That each rule can fail is shown in tidy-rules.test.ts and package-rules.test.ts.

const repository = readRepository()
const manifest = JSON.parse(readRepositoryFile('package.json')) as Manifest

function expectNone(complaints: readonly string[]): void {
  if (complaints.length > 0) expect.fail(`\n${complaints.join('\n')}`)
}

test('src is read by these rules', () => {
  expect(repository.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['src/errors.ts', 'src/kv/engine.ts']),
  )
})

test.each([
  ['layers: each file imports its own layer and those below', layers],
  ['imports name the file that defines the thing', definingFiles],
  ['exports have names: no export *, no default', namedExports],
  ['Node is known to drivers, testing and cli only', nodeAtTheEdges],
  ['time, chance and output come from runtime.ts', timeAndChance],
  ['files have at most 400 lines', fileSizes],
  ['files are in kebab-case and named after what they export', fileNames],
  ['every layer introduces itself in its index.ts', layerIntroductions],
  ['every export has a docstring', docstrings],
  ['exported names say what a thing is', exportedNames],
  ['nothing in the repository names a machine or a registry', tracesOfMachines],
])('%s', (_name, rule) => {
  expectNone(rule(repository))
})

test('package.json pins every version', () => {
  expectNone(pinnedVersions(manifest))
})

test('package.json exports sources that exist, their types and their builds', () => {
  expectNone(packageExports(manifest, isFile))
})

test('src imports no package that users do not have', () => {
  expectNone(declaredPackages(repository, manifest))
})
