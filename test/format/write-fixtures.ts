/**
 * Writes the fixtures of the present format. Run by hand, once, before a version with a new format is released:
 *
 *   node --conditions=eventdb-source --import tsx test/format/write-fixtures.ts
 *
 * A fixture that was released is never written again: it stands for the files that are out there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { openLmdb } from '../../src/drivers/lmdb/index.ts'
import { openSqlite } from '../../src/drivers/sqlite/index.ts'
import { FORMAT } from '../../src/store/settings.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { allRows, databaseWith, fixedRuntime } from './fixed-world.ts'
import { openGoldenStore, writeGoldenStore } from './golden-store.ts'
import { formatRows } from './vectors.ts'

await rowsOf(`format-${FORMAT}.txt`)
await fileOf(openSqlite, 'eventdb.sqlite', `sqlite-${FORMAT}.txt`)
await fileOf(openLmdb, 'eventdb.mdb', `lmdb-${FORMAT}.txt`)

async function rowsOf(name: string): Promise<void> {
  const { engine, kv } = databaseWith()
  const store = await openGoldenStore(kv)
  await writeGoldenStore(store)
  write(
    name,
    `# The rows of a store in format ${FORMAT}. Never change this file.\n\n${formatRows(allRows(engine))}`,
  )
  await store.close()
  await kv.close()
}

async function fileOf(open: typeof openSqlite | typeof openLmdb, file: string, name: string): Promise<void> {
  await using folder = await temporaryFolder()
  const kv = await open(folder.path, { runtime: fixedRuntime() })
  const store = await openGoldenStore(kv)
  await writeGoldenStore(store)
  await store.close()
  await kv.close()
  const packed = gzipSync(readFileSync(`${folder.path}/${file}`), { level: 9 })
  const lines = packed
    .toString('base64')
    .match(/.{1,120}/g)!
    .join('\n')
  write(name, `# ${file} of a store in format ${FORMAT}, gzip, base64. Never change this file.\n\n${lines}\n`)
}

function write(name: string, text: string): void {
  const file = new URL(`fixtures/${name}`, import.meta.url)
  if (existsSync(file))
    throw new Error(`${name} is there already. If it was not released yet, remove it first`)
  writeFileSync(file, text)
}
