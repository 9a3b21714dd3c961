import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { temporaryFolder } from './temporary-folder.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** What a program of a page needs beside the library: packages, and folders of this repository by the names that it knows them by. */
export interface PageNeeds {
  readonly packages: readonly string[]
  readonly folders?: Readonly<Record<string, string>>
}

/** Compiles and runs the code of a page, as a project would that has installed the library. Returns what it prints. */
export async function runPage(program: string, { packages, folders = {} }: PageNeeds): Promise<string> {
  await using folder = await temporaryFolder()
  const link = (from: string, to: string): void => {
    mkdirSync(dirname(join(folder.path, to)), { recursive: true })
    symlinkSync(join(ROOT, from), join(folder.path, to))
  }
  link('.', 'node_modules/eventdb')
  for (const name of ['@types', ...packages]) link(`node_modules/${name}`, `node_modules/${name}`)
  for (const [name, from] of Object.entries(folders)) link(from, name)
  writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ type: 'module' }))
  writeFileSync(join(folder.path, 'program.ts'), program)
  const tsconfig = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'] }
  writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(tsconfig))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const compiled = await run(process.execPath, [compiler, '-p', folder.path]).catch((error) => error)
  expect(compiled.stdout).toBe('')
  const args = ['--conditions=eventdb-source', '--import', import.meta.resolve('tsx'), 'program.ts']
  const { stdout } = await run(process.execPath, args, { cwd: folder.path })
  return stdout
}
