import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** An empty project into which the package was put as npm would put it: packed, unpacked, with what it depends on. */
let project: string

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'eventdb-package-'))
  const packed = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', project], { encoding: 'utf8' }),
  )
  const [{ filename }] = (Array.isArray(packed) ? packed : Object.values(packed)) as [{ filename: string }]
  execFileSync('tar', ['-xzf', join(project, filename), '-C', project])
  mkdirSync(join(project, 'node_modules'))
  cpSync(join(project, 'package'), join(project, 'node_modules/eventdb'), { recursive: true })
  // Symbolic links to the very packages that the lock file names spare a minute of compiling.
  for (const name of ['sorted-btree', 'better-sqlite3', 'lmdb']) {
    symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name))
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

const program = (code: string): string => {
  writeFileSync(join(project, 'program.js'), code)
  return execFileSync(process.execPath, ['program.js'], { cwd: project, encoding: 'utf8' })
}

test('the packed package stores and reads events in an empty project', () => {
  const output = program(`
    import { openEventStore } from 'eventdb'
    const store = await openEventStore('./data')
    await store.stream('cart-1').append({ type: 'ItemAdded', data: { sku: 'a' } })
    await store.close()
    const again = await openEventStore('./data', { create: false })
    for await (const { type, version, data } of again.all.read()) console.log(type, version, data.sku)
    await again.close()
  `)
  expect(output).toBe('ItemAdded 1 a\n')
})

test('the packed package opens every public entry', () => {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
  const imports = entries.map((entry) => `await import(${JSON.stringify(entry.replace('.', 'eventdb'))})`)
  expect(program(`${imports.join('\n')}\nconsole.log('all there')`)).toBe('all there\n')
})

test('the packed package brings the command line', () => {
  const bin = join(project, 'node_modules/eventdb/dist/cli/main.js')
  const run = (...args: string[]): string =>
    execFileSync(process.execPath, [bin, ...args, '--store', join(project, 'cli')], { encoding: 'utf8' })
  run('append', 'order-1', '--type', 'OrderPlaced', '--data', '{"total":42}')
  expect(JSON.parse(run('read', 'order-1', '--json'))).toMatchObject({
    type: 'OrderPlaced',
    data: { total: 42 },
  })
})

test('the packed package brings the pages and examples that its pages lead to', () => {
  const packed = join(project, 'package')
  const pages = ['README.md', 'ARCHITECTURE.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
  // Others lead to sources, for who has the repository.
  const links = pages.flatMap((page) =>
    [...readFileSync(join(packed, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, path]) => join(dirname(page), path!))
      .filter((path) => /^(docs|examples)\//.test(path)),
  )
  expect(links).toEqual(expect.arrayContaining(['docs/aggregates.md', 'examples/cart.ts']))
  expect(links.filter((path) => !existsSync(join(packed, path)))).toEqual([])
})

test('the packed package leaves sources and tests at home', () => {
  const files = execFileSync('find', [join(project, 'package'), '-type', 'f'], { encoding: 'utf8' })
  expect(files).not.toMatch(/\.test\.|\/src\/|\/test\//)
})
