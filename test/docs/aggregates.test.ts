import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { blocksOf } from '../format/vectors.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { readPage } from './markdown.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** What the page takes for granted, in front of its code; and what it comes to, behind it. */
const BEFORE = `import { z } from 'zod'
import { eventType } from 'eventdb'
type Moved = { type: 'Moved'; data: { by: number } }
`
const ACCOUNTS = `
const moved = (by: number) => ({ type: 'Moved' as const, data: { by } })
const accounts = store.aggregate(
  defineAggregate(defineEvents<Moved>(), {
    category: 'account',
    initialState: () => 100,
    evolve: { Moved: (sum, { data }) => sum + data.by },
    commands: {
      withdraw: (_sum, { amount }: { amount: number }) => moved(-amount),
      deposit: (_sum, { amount }: { amount: number }) => moved(amount),
    },
  }),
)
`
const AFTER = `
const ada = await accounts.load('ada')
const code = events.upToDate((await store.stream('x').event(1))!)
console.log(state.items, version, past.state.isOpen, ada.state, (await code)[0]!.data)
`

test('the code of docs/aggregates.md compiles, and does what it says', async () => {
  const [first, ...others] = blocksOf(readPage('docs/aggregates.md'), 'ts').map(({ text }) => text)
  const event = `await store.stream('x').append({ type: 'CouponUsed', data: { code: 'a' } })\n`
  const program = [BEFORE, first, ACCOUNTS, event, ...others, AFTER].join('\n')
  await using folder = await temporaryFolder()
  mkdirSync(join(folder.path, 'node_modules'))
  symlinkSync(ROOT, join(folder.path, 'node_modules/eventdb'))
  for (const name of ['zod', '@types']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder.path, 'node_modules', name))
  }
  writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(folder.path, 'program.ts'), program)
  const tsconfig = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] }
  writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(tsconfig))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const compiled = await run(process.execPath, [compiler, '-p', folder.path]).catch((error) => error)
  expect(compiled.stdout).toBe('')
  const args = ['--conditions=eventdb-source', '--import', import.meta.resolve('tsx'), 'program.ts']
  const { stdout } = await run(process.execPath, args, { cwd: folder.path })
  expect(stdout).toBe("[ 'a' ] 1 true 90 { code: 'a', percent: 10 }\n")
})
