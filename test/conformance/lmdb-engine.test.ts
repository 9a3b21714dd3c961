import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CommitUnknownError, CorruptionError, FormatError, StorageError, StoreNotFoundError } from 'eventdb'
import { openLmdb } from 'eventdb/lmdb'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { prepareDatabaseFiles } from '../../src/drivers/lmdb/database-files.ts'
import { openLmdbEngine } from '../../src/drivers/lmdb/lmdb-engine.ts'
import { fromLmdb } from '../../src/drivers/lmdb/lmdb-errors.ts'
import { loadLmdb } from '../../src/drivers/lmdb/lmdb-library.ts'
import { encodeState } from '../../src/drivers/lmdb/state-row.ts'
import type { Engine, EngineSnapshot, EngineWriter } from '../../src/kv/engine.ts'

const CHILD = new URL('../support/lmdb-child.ts', import.meta.url).pathname
const NODE = ['--conditions=eventdb-source', '--import', 'tsx', CHILD]
/** In memory where that is possible: there, commits are so fast that races between processes are lost at once. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let folder: string
let engines: Engine[]

beforeEach(async () => {
  folder = await mkdtemp(join(PLACE, 'eventdb-lmdb-'))
  engines = []
})

afterEach(async () => {
  for (const engine of engines) await engine.close()
  await rm(folder, { recursive: true, force: true })
})

async function open(mapBytes?: number): Promise<Engine> {
  const engine = await openLmdbEngine(await loadLmdb(), prepareDatabaseFiles(folder, {}), mapBytes)
  engines.push(engine)
  return engine
}

async function reopen(): Promise<Engine> {
  await engines.pop()!.close()
  return open()
}

/** A child process that does one task; resolves with what it said. */
async function child(task: string, argument: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [...NODE, folder, task, argument])
  return JSON.parse(stdout)
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString('latin1')
const END = Buffer.alloc(1_024, 0xff)

function commit(engine: Engine, rows: Readonly<Record<string, string>>): void {
  engine.write((writer) => {
    for (const [key, value] of Object.entries(rows)) writer.set(bytes(key), bytes(value))
    return true
  })
}

function contents(view: Pick<EngineSnapshot, 'range'>): string {
  const rows = view.range(new Uint8Array(), END, 1_000_000, false)
  return rows.map(({ key, value }) => `${text(key)}=${text(value)}`).join(' ')
}

function newest(engine: Engine): string {
  const snapshot = engine.openSnapshot()
  const listing = contents(snapshot)
  snapshot.close()
  return listing
}

describe('openSnapshot', () => {
  test('pins versions, many at a time, while pages are used again', async () => {
    const engine = await open()
    const pinned: EngineSnapshot[] = []
    for (let version = 0; version < 60; version += 1) {
      commit(engine, { a: `${version}`, [`k${version % 7}`]: 'x'.repeat(2_000), z: `${version}` })
      pinned.push(engine.openSnapshot())
      if (version % 3 === 0) pinned[Math.floor(version / 2)]!.close()
    }
    const left = pinned.map((view, version) => ({ view, version })).filter(({ version }) => isOpen(version))
    for (const { view, version } of left) {
      expect(text(view.get(bytes('a')))).toBe(`${version}`)
      expect(text(view.range(bytes('l'), END, 1, true)[0]!.value)).toBe(`${version}`)
      view.close()
    }
    expect(left.length).toBeGreaterThan(30)
  })

  const closedAt = new Set(Array.from({ length: 20 }, (_, third) => Math.floor((third * 3) / 2)))
  const isOpen = (version: number): boolean => !closedAt.has(version)

  test('shows its own view even inside a write', async () => {
    const engine = await open()
    commit(engine, { a: 'old' })
    const snapshot = engine.openSnapshot()
    engine.write((writer) => {
      writer.set(bytes('a'), bytes('new'))
      expect(text(snapshot.get(bytes('a')))).toBe('old')
      expect(snapshot.get(bytes('b'))).toBeUndefined()
      expect(contents(snapshot)).toBe('a=old')
      return true
    })
    expect(text(snapshot.get(bytes('a')))).toBe('old')
    snapshot.close()
  })

  test('returns values that later reads leave alone', async () => {
    const engine = await open()
    commit(engine, { a: 'first', b: 'other', c: '' })
    const snapshot = engine.openSnapshot()
    const first = snapshot.get(bytes('a'))
    const [row] = snapshot.range(bytes('a'), END, 1, false)
    snapshot.get(bytes('b'))
    snapshot.range(bytes('b'), END, 10, true)
    expect([text(first), text(row!.key), text(row!.value)]).toEqual(['first', 'a', 'first'])
    snapshot.close()
  })

  test('shows what another process has committed, in the same turn of the event loop', async () => {
    const engine = await open()
    commit(engine, { a: '1' })
    const before = engine.openSnapshot()
    const counter = engine.changeCounter()
    expect(spawnSync(process.execPath, [...NODE, folder, 'set', 'b']).status).toBe(0)
    expect(engine.changeCounter()).not.toBe(counter)
    expect(newest(engine)).toBe('a=1 b=by the child')
    expect(contents(before)).toBe('a=1')
    before.close()
  })
})

describe('range', () => {
  const key = fc
    .array(fc.constantFrom(0x00, 0x01, 0x02, 0x61, 0xfe, 0xff), { maxLength: 3 })
    .map((list) => Uint8Array.from(list))
  const rows = fc.array(fc.tuple(key, fc.uint8Array({ maxLength: 5 })), { maxLength: 30 })
  const queries = fc.array(fc.tuple(key, key, fc.integer({ min: 0, max: 12 }), fc.boolean()), {
    minLength: 5,
  })

  test('agrees with a sorted list, in snapshots and inside a write', async () => {
    const engine = await open()
    fc.assert(
      fc.property(rows, fc.tuple(key, key), queries, (sets, [clearBegin, clearEnd], asked) => {
        const model = new Map(sets.map(([key, value]) => [text(key)!, value]))
        const check = (view: Pick<EngineSnapshot, 'range'>): void => {
          for (const query of asked) expect(view.range(...query)).toEqual(expected(model, query))
        }
        engine.write((writer) => {
          writer.clearRange(new Uint8Array(), END)
          for (const [key, value] of sets) writer.set(key, value)
          check(writer)
          writer.clearRange(clearBegin, clearEnd)
          for (const key of [...model.keys()])
            if (key >= text(clearBegin)! && key < text(clearEnd)!) model.delete(key)
          check(writer)
          return true
        })
        const snapshot = engine.openSnapshot()
        check(snapshot)
        for (const [key, value] of model) expect(snapshot.get(bytes(key))).toEqual(Buffer.from(value))
        snapshot.close()
      }),
      { numRuns: 100 },
    )
  })

  function expected(
    model: ReadonlyMap<string, Uint8Array>,
    [begin, end, limit, reverse]: readonly [Uint8Array, Uint8Array, number, boolean],
  ): unknown {
    const inside = [...model.keys()].filter((key) => key >= text(begin)! && key < text(end)!).sort()
    const chosen = (reverse ? inside.reverse() : inside).slice(0, limit)
    return chosen.map((key) => ({ key: bytes(key), value: Buffer.from(model.get(key)!) }))
  }
})

describe('write', () => {
  test('leaves nothing behind when apply returns false or throws', async () => {
    const engine = await open()
    commit(engine, { a: '1' })
    const counter = engine.changeCounter()
    const change = (writer: EngineWriter): void => {
      writer.set(bytes('a'), bytes('2'))
      writer.set(bytes('b'), bytes('2'))
      writer.clearRange(bytes('a'), bytes('b'))
    }
    const refused = engine.write((writer) => {
      change(writer)
      expect(contents(writer)).toBe('b=2')
      return false
    })
    const failure = new Error('of the body')
    const failing = (): unknown =>
      engine.write((writer) => {
        change(writer)
        throw failure
      })
    expect(refused).toBe(false)
    expect(failing).toThrow(failure)
    expect(newest(engine)).toBe('a=1')
    expect(engine.changeCounter()).toBe(counter)
    commit(engine, { c: '3' })
    expect(newest(engine)).toBe('a=1 c=3')
  })

  test('survives closing and opening', async () => {
    commit(await open(), { a: '1', b: '' })
    const engine = await reopen()
    expect(newest(engine)).toBe('a=1 b=')
  })

  test('takes empty values, the longest keys, and rows of many megabytes', async () => {
    const longest = '\xfe'.repeat(1_024)
    const sizes = [0, 1, 16_383, 16_384, 90_000, 131_072, 131_073, 5_000_000, 16_777_217, 40_000_000]
    const value = (size: number): Buffer => Buffer.alloc(size, `${size} `)
    let engine = await open(64 * 1_024)
    engine.write((writer) => {
      writer.set(bytes(longest), bytes('long'))
      for (const size of sizes) writer.set(bytes(`${size}`), value(size))
      return true
    })
    for (let opening = 0; opening < 2; opening += 1) {
      const snapshot = engine.openSnapshot()
      expect(text(snapshot.get(bytes(longest)))).toBe('long')
      for (const size of sizes) {
        expect(value(size).equals(snapshot.get(bytes(`${size}`))!)).toBe(true)
        const [row] = snapshot.range(bytes(`${size}`), END, 1, false)
        expect(value(size).equals(row!.value)).toBe(true)
      }
      snapshot.close()
      engine = await reopen()
      // The map moves as it grows, and what was read before must not be in the way.
      engine.write((writer) => {
        for (const size of sizes) writer.set(bytes(`again ${size}`), value(size))
        return true
      })
    }
  })

  test('clears very many rows in one go', async () => {
    const engine = await open()
    engine.write((writer) => {
      for (let row = 0; row < 5_000; row += 1) writer.set(bytes(`k${row}`), bytes('v'))
      writer.set(bytes('l'), bytes('last'))
      return true
    })
    engine.write((writer) => {
      writer.clearRange(bytes('k'), bytes('l'))
      return true
    })
    expect(newest(engine)).toBe('l=last')
  })
})

describe('changeCounter', () => {
  test('changes with commits of its own and of others, and only with them', async () => {
    const [first, second] = [await open(), await open()]
    const seen = [first.changeCounter()]
    const note = (): void => {
      expect(first.changeCounter()).toBe(first.changeCounter())
      expect(second.changeCounter()).toBe(first.changeCounter())
      seen.push(first.changeCounter())
    }
    commit(first, { a: '1' })
    note()
    commit(second, { a: '2' })
    note()
    await child('set', 'a')
    note()
    first.write(() => false)
    expect(first.changeCounter()).toBe(seen.at(-1))
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('goes on after four thousand million commits', async () => {
    const { decodeCommits } = await import('../../src/drivers/lmdb/state-row.ts')
    for (const commits of [0, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER])
      expect(decodeCommits(Buffer.from(encodeState(commits)), 9, 'file')).toBe(commits)
  })
})

describe('two processes', () => {
  test('write side by side, while each map grows and snapshots stay', async () => {
    const engine = await open(64 * 1_024)
    commit(engine, { a: '1' })
    const pinned = engine.openSnapshot()
    const other = child('rows', '2000')
    let mine = 0
    for (let done = false; !done; mine += 1) {
      commit(engine, { [`mine ${mine}`]: 'm'.repeat(1_000) })
      done = await Promise.race([other.then(() => true), new Promise<false>((go) => setImmediate(go, false))])
    }
    const snapshot = engine.openSnapshot()
    expect(snapshot.range(bytes('child '), bytes('child!'), 10_000, false)).toHaveLength(2_000)
    expect(snapshot.range(bytes('mine '), bytes('mine!'), 1_000_000, true)).toHaveLength(mine)
    expect(contents(pinned)).toBe('a=1')
    for (const view of [snapshot, pinned]) view.close()
  })

  test('lose no commit while one opens and closes the store', async () => {
    const engine = await open()
    const others = Promise.all([child('openings', '150'), child('openings', '150')])
    let commits = 0
    for (let done = false; !done; ) {
      for (let left = 100; left > 0; left -= 1) {
        engine.write((writer) => {
          const [row] = writer.range(bytes('count'), bytes('counu'), 1, false)
          expect(text(row?.value) ?? '0').toBe(`${commits}`)
          commits += 1
          writer.set(bytes('count'), bytes(`${commits}`))
          return true
        })
      }
      done = await Promise.race([
        others.then(() => true),
        new Promise<false>((go) => setImmediate(go, false)),
      ])
    }
    expect(newest(engine)).toBe(`count=${commits}`)
  })

  test('open the store although another is just closing it', async () => {
    await Promise.all([child('openings', '100'), child('openings', '100'), child('openings', '100')])
    expect(newest(await open())).toBe('')
  })

  test('go on when one is killed within a write', async () => {
    const engine = await open()
    commit(engine, { a: '1' })
    await expect(child('die', 'b')).rejects.toThrow()
    commit(engine, { c: '3' })
    expect(newest(engine)).toBe('a=1 c=3')
    expect(newest(await open())).toBe('a=1 c=3')
  })

  test('get the pages back that a killed one had pinned', async () => {
    const engine = await open()
    const churn = (commits: number): void => {
      for (let left = commits; left > 0; left -= 1) commit(engine, { a: `${left}`.repeat(10) })
    }
    churn(10)
    await expect(child('pin', '')).rejects.toThrow()
    churn(5_000)
    const { size } = await stat(join(folder, 'eventdb.mdb'))
    churn(2_000)
    expect((await stat(join(folder, 'eventdb.mdb'))).size).toBe(size)
  })
})

describe('fromLmdb', () => {
  const native = (code: number): Error => Object.assign(new Error('told by LMDB'), { code })
  const { errno } = constants

  test("names the problem by LMDB's number", () => {
    const problems = [
      [-30792, 'disk-full'],
      [errno.ENOSPC, 'disk-full'],
      [errno.EACCES, 'permission'],
      [errno.EROFS, 'read-only'],
      [errno.ENOTDIR, 'not-a-folder'],
      [-30793, 'not-a-database'],
      [errno.EIO, 'io'],
      [-30795, 'io'],
      [-30790, 'other'],
    ] as const
    for (const [code, problem] of problems)
      expect(fromLmdb(native(code), 'writing', folder)).toMatchObject({
        code: 'storage-failed',
        details: { problem },
      })
    expect(fromLmdb(native(-30796), 'reading', folder)).toBeInstanceOf(CorruptionError)
    expect(fromLmdb(native(-30794), 'opening', folder)).toBeInstanceOf(FormatError)
  })

  test('knows nothing of a commit whose end failed, and leaves other errors alone', () => {
    expect(fromLmdb(native(errno.EIO), 'ending a commit in', folder)).toBeInstanceOf(CommitUnknownError)
    const other = new TypeError('not LMDB')
    expect(fromLmdb(other, 'ending a commit in', folder)).toBe(other)
  })
})

describe('openLmdb', () => {
  test('makes folder and files with the mode that was asked for', async () => {
    const path = join(folder, 'a', 'b')
    await (await openLmdb(path, { mode: 0o640 })).close()
    for (const file of ['eventdb.mdb', 'eventdb.mdb-lock', 'eventdb.gate', 'eventdb.gate-lock'])
      expect((await stat(join(path, file))).mode & 0o777).toBe(0o640)
    expect((await stat(path)).mode & 0o777).toBe(0o750)
  })

  test('refuses a file where the folder should be', async () => {
    const file = join(folder, 'file')
    await writeFile(file, 'text')
    for (const path of [file, join(file, 'below')])
      await expect(openLmdb(path)).rejects.toMatchObject({ details: { problem: 'not-a-folder' } })
    expect(await readFile(file, 'utf8')).toBe('text')
  })

  test('finds nothing without create, and makes nothing', async () => {
    const path = join(folder, 'none')
    await expect(openLmdb(path, { create: false })).rejects.toThrow(StoreNotFoundError)
    expect(existsSync(path)).toBe(false)
  })

  test('refuses what is not a database, and leaves it as it is', async () => {
    const file = join(folder, 'eventdb.mdb')
    for (const garbage of [bytes('hello'), Buffer.alloc(8_192), Buffer.alloc(100_000, 'garbage')]) {
      await writeFile(file, garbage)
      const refusal = expect(openLmdb(folder)).rejects
      await refusal.toThrow(StorageError)
      await expect(openLmdb(folder)).rejects.toMatchObject({ details: { problem: 'not-a-database' } })
      expect(garbage.equals(await readFile(file))).toBe(true)
    }
  })

  test('refuses an LMDB database of somebody else, and one of a later layout', async () => {
    const { open } = await import('lmdb')
    const path = join(folder, 'eventdb.mdb')
    const foreign = open(path, { noSubdir: true, overlappingSync: false, keyEncoding: 'binary' })
    await foreign.put(Buffer.from([0]), 'theirs')
    await foreign.close()
    const before = await readFile(path)
    await expect(openLmdb(folder)).rejects.toMatchObject({ details: { problem: 'not-a-database' } })
    expect(before.equals(await readFile(path))).toBe(true)

    const { size } = await stat(path)
    await truncate(path, 2 * 4_096)
    await expect(openLmdb(folder)).rejects.toThrow(CorruptionError)
    await truncate(path, size)
    await writeFile(path, before)

    const later = open(path, {
      noSubdir: true,
      overlappingSync: false,
      keyEncoding: 'binary',
      encoding: 'binary',
    })
    await later.put(Buffer.from([2]), Buffer.from([9]))
    await later.close()
    await expect(openLmdb(folder)).rejects.toThrow(FormatError)
  })
})
