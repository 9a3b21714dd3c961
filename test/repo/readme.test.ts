import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { COMMON_OPTIONS } from '../../src/cli/arguments.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { blocksOf } from '../format/vectors.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { readRepositoryFile } from './source-text.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const page = readRepositoryFile('README.md')

/** Code that imports is a program. The rest is one program, too: the tour, which goes on from block to block. */
const blocks = blocksOf(page, 'ts').map(({ text }) => text)
const isProgram = (block: string): boolean => /^import /m.test(block)
const TOUR_BEGIN = `import { openEventStore, WrongExpectedVersionError } from 'eventdb'
await using store = await openEventStore(':memory:')
`
const sources = [
  ...blocks.filter(isProgram),
  [TOUR_BEGIN, ...blocks.filter((it) => !isProgram(it))].join('\n'),
]

/** What each of them prints. */
const PRINTED = [
  /^1 ItemAdded \{ item: 'teapot' \}\n$/,
  /^1 10 5\n$/,
  /^\{ euros: 18 \}\n$/,
  /^true\n$/,
  new RegExp(
    [
      '^The order is at version 2 meanwhile.*',
      'true 1',
      '18 .*',
      'The latest event is ItemAdded',
      '3 events',
      'order-1 2',
      "\\[\n[^]*type: 'OrderPaid'[^]*\n\\]",
      "\\[ 'course:1', 'student:ada' \\]",
      '1',
      '9 teapots are left',
      "\\{ item: 'teapot' \\}",
      'bill \\{ amount: 18 \\}',
      '0 events wait to be billed',
      '\\{ limit: 100 \\} .*',
      '18 0\n$',
    ].join('\n'),
  ),
]

/** Makes a project that has installed this package, with its sources in the place of what is built from them. */
function makeProject(folder: string): void {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/eventdb'))
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'))
  const tsconfig = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  for (const [index, source] of sources.entries()) writeFileSync(join(folder, `program-${index}.ts`), source)
}

test('README.md reaches a working program within its first 20 lines', () => {
  const beginning = page.split('\n').slice(0, 20).join('\n')
  expect(blocksOf(beginning, 'sh')[0]?.text).toBe('npm install eventdb\n')
  expect(isProgram(blocksOf(beginning, 'ts')[0]?.text ?? '')).toBe(true)
})

test('the code of README.md compiles', async () => {
  await using folder = await temporaryFolder()
  makeProject(folder.path)
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const outcome = await run(process.execPath, [compiler, '-p', folder.path]).catch((error) => error)
  expect(outcome.stdout).toBe('')
})

test.each(PRINTED.map((printed, index) => [index + 1, printed] as const))(
  'program %i of README.md prints what it should',
  async (number, printed) => {
    await using folder = await temporaryFolder()
    makeProject(folder.path)
    const args = [
      '--conditions=eventdb-source',
      '--import',
      import.meta.resolve('tsx'),
      `program-${number - 1}.ts`,
    ]
    const { stdout, stderr } = await run(process.execPath, args, { cwd: folder.path })
    expect(stderr).toBe('')
    expect(stdout).toMatch(printed)
  },
)

test('every program of README.md is run by this test', () => {
  expect(sources.length).toBe(PRINTED.length)
})

test('every npm script that README.md names is there', () => {
  const { scripts } = JSON.parse(readRepositoryFile('package.json')) as { scripts: Record<string, string> }
  const named = [...page.matchAll(/npm (?:run )?(test|(?<=run )[\w:]+)/g)].map(([, name]) => name!)
  expect(named).toEqual(expect.arrayContaining(['demo', 'test', 'eventdb']))
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
})

test('every command and option of the command line in README.md is there', () => {
  const lines = [...page.matchAll(/^npx eventdb (\w+) (.*)$/gm)]
  const unknown = lines.flatMap(([, name, rest]) => {
    const command = COMMANDS.find((it) => it.name === name)
    if (command === undefined) return [name]
    const known = [...COMMON_OPTIONS, ...command.options].map((option) => `--${option.name}`)
    return [...rest!.matchAll(/--[\w-]+/g)]
      .map(([option]) => option)
      .filter((option) => !known.includes(option))
  })
  expect(lines.map(([, name]) => name)).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name)))
  expect(unknown).toEqual([])
})

test.each(['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'CONTRIBUTING.md'])(
  'every link of %s leads to a file of the repository',
  (name) => {
    const links = [...readRepositoryFile(name).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(
      ([, path]) => path!,
    )
    expect(links.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  },
)
