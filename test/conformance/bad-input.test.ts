import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  type EventDbError,
  FormatError,
  InvalidArgumentError,
  openEventStore,
  StorageError,
  StoreNotFoundError,
} from 'eventdb'
import { openMemory } from 'eventdb/memory'
import { openSqlite, type SqliteHandle, type SqliteLibrary } from 'eventdb/sqlite'
import { describe, test } from 'vitest'
import { loadSqlite } from '../../src/drivers/sqlite/libraries.ts'
import { keyspaceOf } from '../../src/store/keyspace.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ENGINES = ['sqlite', 'lmdb'] as const
const FILES = { sqlite: 'eventdb.sqlite', lmdb: 'eventdb.mdb' } as const

describe.each(ENGINES)('openEventStore() with %s', (engine) => {
  test('refuses a file where a folder should be', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'file')
    await writeFile(file, 'precious')
    for (const place of [file, join(file, 'below')]) {
      const error = await refuses(folder.path, () => openEventStore(place, { engine }))
      assertStorage(error, ['not-a-folder'])
      assert.equal((error.details as { path: string }).path, place)
    }
  })

  test('refuses a file that is no database', async () => {
    for (const content of [
      Buffer.from('just a text'),
      Buffer.alloc(100_000, 'no database '),
      Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7_919) % 251)),
    ]) {
      await using folder = await temporaryFolder()
      await writeFile(join(folder.path, FILES[engine]), content)
      const error = await refusesKeepingMainFile(folder.path, FILES[engine], () =>
        openEventStore(folder.path),
      )
      assertStorage(error, ['not-a-database'])
    }
  })

  test('refuses a store of a format that it does not know', async () => {
    for (const [record, found] of [
      ['{"format":2,"features":[]}', { format: 2, features: [] }],
      ['{"format":1,"features":["tags"]}', { format: 1, features: ['tags'] }],
      ['{"format":1}', { format: 1 }],
      ['garbage', 'garbage'],
    ] as const) {
      await using folder = await temporaryFolder()
      await makeStore(folder.path, engine, record)
      const error = await refuses(folder.path, () => openEventStore(folder.path))
      assert.ok(error instanceof FormatError, error.stack)
      assert.equal(error.code, 'format-unknown')
      assert.deepEqual(error.details.found, found)
      assert.deepEqual(error.details.supported, {
        format: 1,
        features: ['inline'],
        indexes: ['category', 'type', 'tag'],
      })
    }
  })

  test('makes nothing with create: false where there is none', async () => {
    await using folder = await temporaryFolder()
    const missing = join(folder.path, 'missing')
    for (const place of [folder.path, missing, join(missing, 'below')]) {
      const error = await refuses(folder.path, () => openEventStore(place, { engine, create: false }))
      assert.ok(error instanceof StoreNotFoundError, error.stack)
      assert.deepEqual([error.code, error.details], ['store-not-found', { path: place }])
    }
    await makeStore(folder.path, engine)
    await using store = await openEventStore(folder.path, { create: false })
    assert.equal((await store.stream('s').info()).version, 1)
  })

  test('refuses a folder that may not be written', async (context) => {
    await using empty = await temporaryFolder()
    await using full = await temporaryFolder()
    await makeStore(full.path, engine)
    for (const name of await readdir(full.path)) await chmod(join(full.path, name), 0o444)
    for (const { path } of [empty, full]) await chmod(path, 0o555)
    for (const place of [join(empty.path, 'below'), empty.path, full.path]) {
      const before = [await contentsOf(empty.path), await contentsOf(full.path)]
      const outcome = await openAsNobody(place, engine)
      if (outcome === undefined) return context.skip('no way to run a process as somebody without rights')
      assert.deepEqual(
        [outcome.name, outcome.code],
        ['StorageError', 'storage-failed'],
        JSON.stringify(outcome),
      )
      assert.ok(['permission', 'read-only'].includes(outcome.problem), JSON.stringify(outcome))
      assert.deepEqual([await contentsOf(empty.path), await contentsOf(full.path)], before)
    }
    for (const { path } of [empty, full]) await chmod(path, 0o755)
    await using store = await openEventStore(full.path)
    assert.equal((await store.stream('s').info()).version, 1)
  })
})

test('openEventStore() refuses what is no place for a store, and engines that there are not', async () => {
  for (const where of [undefined, 5, null, new URL('file:///x')] as unknown as string[]) {
    await assert.rejects(openEventStore(where), { code: 'invalid-argument' })
  }
  await using folder = await temporaryFolder()
  const engine = 'leveldb' as 'sqlite'
  await assert.rejects(openEventStore(folder.path, { engine }), { code: 'invalid-argument' })
  assert.deepEqual(await readdir(folder.path), [])
})

test('calls of a store refuse options that they do not know', async () => {
  await using store = await openEventStore(':memory:')
  const wrong = { attempts: 0 } as object
  await assert.rejects(
    store.transact(() => 1, wrong),
    { code: 'invalid-argument' },
  )
  await assert.rejects(store.info(wrong), { code: 'invalid-argument' })
  await assert.rejects(store.check(wrong), { code: 'invalid-argument' })
  await assert.rejects(store.scavenge(wrong), { code: 'invalid-argument' })
  await assert.rejects(store.reindex(wrong), { code: 'invalid-argument' })
  await assert.rejects(store.backup('nowhere', wrong), { code: 'invalid-argument' })
  await assert.rejects(store.backup(''), { code: 'invalid-argument' })
  assert.throws(() => store.all.read({ system: 'yes' as unknown as boolean }), { code: 'invalid-argument' })
  assert.throws(() => store.all.read({ resolveLinks: 'no' as unknown as boolean }), {
    code: 'invalid-argument',
  })
})

test('openEventStore() refuses an empty path', async () => {
  await assert.rejects(openEventStore(''), InvalidArgumentError)
})

test('openEventStore() refuses a directory that holds something else', async () => {
  await using kv = await openMemory()
  const directory = await kv.createOrOpenDirectory(['mine'])
  await kv.transact((tx) => tx.set(directory.pack(['key']), Uint8Array.of(1)))
  await assert.rejects(openEventStore(kv, { directory }), FormatError)
  const rows = await kv.readTransact((tx) => tx.getRange(directory.everything()).toArray())
  assert.equal(rows.length, 1)
})

describe('openEventStore() refuses a SQLite file', () => {
  for (const mode of ['DELETE', 'WAL']) {
    test(`of another program, in journal mode ${mode}`, async () => {
      await using folder = await temporaryFolder()
      runSql(
        folder.path,
        `PRAGMA journal_mode = ${mode}; CREATE TABLE notes (text); INSERT INTO notes VALUES ('precious')`,
      )
      const error = await refuses(folder.path, () => openEventStore(folder.path))
      assertStorage(error, ['not-a-database'])
    })
  }

  test('of a later layout', async () => {
    await using folder = await temporaryFolder()
    await makeStore(folder.path, 'sqlite')
    runSql(folder.path, 'PRAGMA user_version = 2')
    const error = await refuses(folder.path, () => openEventStore(folder.path))
    assert.ok(error instanceof FormatError, error.stack)
    assert.deepEqual(error.details, { found: 2, supported: 1 })
  })
})

describe('a disk that is full', () => {
  test('refuses the append with nothing of it visible, and the store goes on when there is space again', async () => {
    await using folder = await temporaryFolder()
    const disk = limitedSqlite()
    await using kv = await openSqlite(folder.path, { library: disk.library })
    await using store = await openEventStore(kv)
    await store.stream('s').append({ type: 'A', data: 1 })
    disk.leavePages(3)
    const large = [1, 2, 3].map((data) => ({ type: 'A', data: new Uint8Array(60_000).fill(data) }))
    for (const append of [
      () => store.stream('s').append(large),
      () => store.append([{ streamId: 'new', events: large }]),
      () => store.transact((tx) => tx.stream('s').append(large)),
      () => store.createStream('described', { metadata: { text: 'x'.repeat(60_000) } }),
    ]) {
      const error = await append().then(
        () => assert.fail('the disk is full'),
        (error: unknown) => error as EventDbError,
      )
      assertStorage(error, ['disk-full'])
      assert.equal((await store.all.read({ system: true }).toArray()).length, 1)
      assert.deepEqual((await store.check()).problems, [])
    }
    for (const id of ['new', 'described']) assert.equal(await store.stream(id).exists(), false)
    disk.leavePages(1_000)
    const { firstVersion } = await store.stream('s').append(large, { expectedVersion: 1 })
    assert.equal(firstVersion, 2)
    await store.createStream('described')
    assert.equal((await store.stream('s').read().toArray()).length, 4)
    assert.deepEqual((await store.check()).problems, [])
  })

  test.each(ENGINES)('loses nothing that was acknowledged when %s meets a real limit', async (engine) => {
    await using folder = await temporaryFolder()
    const outcome = await fillUntilLimit(folder.path, engine)
    assert.ok(outcome.acknowledged > 0, JSON.stringify(outcome))
    assert.ok(['storage-failed', 'commit-unknown'].includes(outcome.code), JSON.stringify(outcome))
    await using store = await openEventStore(folder.path)
    const { version } = await store.stream('s').info()
    const mayBeThere = outcome.code === 'commit-unknown' ? [0, 1] : [0]
    assert.ok(mayBeThere.includes(version - outcome.acknowledged), `${version} ${JSON.stringify(outcome)}`)
    assert.deepEqual((await store.check()).problems, [])
    await store.stream('s').append({ type: 'A' }, { expectedVersion: version })
  })
})

/** Makes sure that opening fails, and that nothing in the folder has changed then. Returns the error. */
async function refuses(folder: string, open: () => Promise<unknown>): Promise<EventDbError> {
  const before = await contentsOf(folder)
  const error = await failureOf(open)
  assert.deepEqual(await contentsOf(folder), before)
  return error
}

/** The same, but engines may leave files of their own beside the one that was not theirs. */
async function refusesKeepingMainFile(
  folder: string,
  file: string,
  open: () => Promise<unknown>,
): Promise<EventDbError> {
  const before = (await contentsOf(folder))[file]
  const error = await failureOf(open)
  assert.deepEqual((await contentsOf(folder))[file], before)
  return error
}

function failureOf(open: () => Promise<unknown>): Promise<EventDbError> {
  return open().then(
    () => assert.fail('it opens'),
    (error: EventDbError) => error,
  )
}

/** Checksum and permissions of everything below a folder, by path. */
async function contentsOf(folder: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {}
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    const { mode } = await stat(path)
    const hash = createHash('sha256')
    const isFile = (await stat(path)).isFile()
    contents[name] = isFile ? `${mode} ${hash.update(await readFile(path)).digest('hex')}` : `${mode}`
  }
  return contents
}

function assertStorage(error: EventDbError, problems: readonly string[]): void {
  assert.ok(error instanceof StorageError, error.stack)
  assert.equal(error.code, 'storage-failed')
  assert.ok(problems.includes(error.details.problem), `${error.details.problem}: ${error.message}`)
}

/** Makes a store with one event, and leaves it with another format record if one is given. */
async function makeStore(folder: string, engine: 'sqlite' | 'lmdb', format?: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await using store = await openEventStore(folder, { engine })
  await store.stream('s').append({ type: 'A' })
  if (format === undefined) return
  const { format: key } = keyspaceOf(await store.kv.openDirectory(['eventdb']))
  await store.kv.transact((tx) => tx.set(key, new TextEncoder().encode(format)))
}

/** Does something to a SQLite file that the driver does not do. */
function runSql(folder: string, sql: string): void {
  const db = loadSqlite().open(join(folder, FILES.sqlite))
  db.exec(sql)
  db.close()
}

/** SQLite on a disk that a test can fill: the number of pages that a file may have is limited. */
function limitedSqlite(): { readonly library: SqliteLibrary; leavePages(pages: number): void } {
  const real = loadSqlite()
  const handles: SqliteHandle[] = []
  const pragma = (handle: SqliteHandle, text: string): number =>
    Object.values(handle.prepare(`PRAGMA ${text}`).get() as Record<string, number>)[0]!
  return {
    library: {
      ...real,
      open: (file) => {
        const handle = real.open(file)
        handles.push(handle)
        return handle
      },
    },
    leavePages: (pages) => {
      // The writer is the first connection that the driver opens.
      const [writer] = handles
      pragma(writer!, `max_page_count = ${pragma(writer!, 'page_count') + pages}`)
    },
  }
}

interface ChildOutcome {
  readonly name: string
  readonly code: string
  readonly problem: string
  readonly acknowledged: number
}

const REPORT = `
const report = (error, acknowledged) => console.log(JSON.stringify({
  name: error?.constructor?.name, code: error?.code, problem: error?.details?.problem, message: error?.message, acknowledged,
}))
`

/** Opens a store as a user without rights. `undefined` if no process can be run as one. */
async function openAsNobody(folder: string, engine: string): Promise<ChildOutcome | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const program = `${REPORT}
    const { openEventStore } = await import('eventdb')
    await openEventStore(${JSON.stringify(folder)}, { engine: ${JSON.stringify(engine)} }).then(() => report(), report)
  `
  return runChild(['-c', 'exec "$@"'], program, { uid: 65_534, gid: 65_534 }).catch(() => undefined)
}

/** Appends until the operating system refuses to let a file grow. */
function fillUntilLimit(folder: string, engine: string): Promise<ChildOutcome> {
  const program = `${REPORT}
    process.on('SIGXFSZ', () => {})
    const { openEventStore } = await import('eventdb')
    const store = await openEventStore(${JSON.stringify(folder)}, { engine: ${JSON.stringify(engine)} })
    let acknowledged = 0
    try {
      for (; acknowledged < 1_000; acknowledged += 1)
        await store.stream('s').append({ type: 'A', data: new Uint8Array(30_000).fill(acknowledged) })
      report(undefined, acknowledged)
    } catch (error) {
      report(error, acknowledged)
    }
    process.exit()
  `
  return runChild(['-c', 'ulimit -f 8192; exec "$@"'], program, {})
}

async function runChild(
  shell: readonly string[],
  program: string,
  identity: { readonly uid?: number; readonly gid?: number },
): Promise<ChildOutcome> {
  const node = ['--conditions=eventdb-source', '--import', 'tsx', '--input-type=module', '-e', program]
  const root = new URL('../..', import.meta.url)
  const { stdout } = await promisify(execFile)('/bin/sh', [...shell, 'sh', process.execPath, ...node], {
    ...identity,
    cwd: root,
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}
