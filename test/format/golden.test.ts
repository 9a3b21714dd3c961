import { readFileSync, writeFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openLmdb } from '../../src/drivers/lmdb/index.ts'
import { openSqlite } from '../../src/drivers/sqlite/index.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { databaseWith } from './fixed-world.ts'
import { expectGoldenStore, expectGoldenStoreToGoOn, openGoldenStore } from './golden-store.ts'
import { parseRows } from './vectors.ts'

/** Every format that was ever released. */
const FORMATS = [1]

test.each(FORMATS)('a store in format %i, row by row, is as it was written', async (format) => {
  const { kv } = databaseWith(parseRows(fixture(`format-${format}.txt`)))
  await using store = await openGoldenStore(kv)
  await expectGoldenStore(store)
  await expectGoldenStoreToGoOn(store)
})

const ENGINES = [
  ['sqlite', 'eventdb.sqlite', openSqlite],
  ['lmdb', 'eventdb.mdb', openLmdb],
] as const

test.each(FORMATS.flatMap((format) => ENGINES.map((engine) => [format, ...engine] as const)))(
  'a file in format %i of %s is as it was written',
  async (format, engine, file, open) => {
    await using folder = await temporaryFolder()
    const base64 = fixture(`${engine}-${format}.txt`).replace(/^#.*$/m, '')
    writeFileSync(`${folder.path}/${file}`, gunzipSync(Buffer.from(base64, 'base64')))
    await using kv = await open(folder.path, { create: false })
    await using store = await openGoldenStore(kv)
    await expectGoldenStore(store)
    await expectGoldenStoreToGoOn(store)
  },
)

test.each(FORMATS)('the fixtures of format %i hold the directories and commit records, too', (format) => {
  const firstBytes = parseRows(fixture(`format-${format}.txt`)).map(({ key }) => key[0])
  expect(new Set(firstBytes)).toEqual(new Set([0x15, 0xfe, 0xff]))
})

function fixture(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
}
