import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { KeyValueStore } from 'eventdb/kv'
import { openMemory } from 'eventdb/memory'
import { openSqlite } from 'eventdb/sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClosedError, InvalidArgumentError, StorageError } from '../../src/errors.ts'
import { countOn, ENGINES_HERE, fill, lookAtCount, openWith, stateOf } from '../support/counting-store.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

describe.each(ENGINES_HERE)('backup by %s', (engine) => {
  let folder: TemporaryFolder
  let kv: KeyValueStore
  let target: string
  let targets = 0

  beforeAll(async () => {
    folder = await temporaryFolder()
    kv = await openWith(engine, join(folder.path, 'store'))
    await fill(kv)
  })

  afterAll(async () => {
    await kv.close()
    await folder.remove()
  })

  /** A path two folders below one that is not there yet. */
  function nextTarget(): string {
    targets += 1
    target = join(folder.path, `backups-${targets}`, 'today', 'store')
    return target
  }

  function nothingIsLeft(): void {
    expect(existsSync(dirname(dirname(target)))).toBe(false)
  }

  async function lookAtCopy<T>(look: (copy: KeyValueStore) => Promise<T>): Promise<T> {
    const copy = await openWith(engine, target)
    try {
      return await look(copy)
    } finally {
      await copy.close()
    }
  }

  test('shows one moment while others write, and everything that was acknowledged before', async () => {
    await using writers = startWriters(kv, 8)
    await writers.reached(20)
    const before = writers.acknowledged()
    await kv.backup(nextTarget())
    const after = writers.acknowledged()
    const copied = await lookAtCopy(lookAtCount)
    expect(copied).toBeGreaterThanOrEqual(before)
    expect(copied).toBeLessThanOrEqual(after + 8)
    expect(after).toBeGreaterThan(before)
    expect(await readdir(dirname(target))).toEqual(['store'])
  })

  test('leaves the store as it is', async () => {
    const before = [await stateOf(kv), await lookAtCount(kv)]
    await kv.backup(nextTarget())
    expect([await stateOf(kv), await lookAtCount(kv)]).toEqual(before)
    expect(await countOn(kv)).toBe(Number(before[1]) + 1)
  })

  test('can be written to, and goes on with commits and stamps where the store was', async () => {
    await countOn(kv)
    const atBackup = await stateOf(kv)
    await kv.backup(nextTarget())
    await kv.createOrOpenDirectory(['only', 'in the store'])
    await lookAtCopy(async (copy) => {
      expect(await stateOf(copy)).toEqual(atBackup)
      const count = await lookAtCount(copy)
      expect(await countOn(copy)).toBe(count + 1)
      const later = await stateOf(copy)
      expect(later.version).toBe(atBackup.version + 1)
      expect(later.stamp > atBackup.stamp).toBe(true)
      expect(await copy.listDirectories()).toEqual([])
    })
    expect(await kv.listDirectories()).toEqual(['only'])
    await kv.removeDirectory(['only'])
  })

  test('holds a copy of its own copy', async () => {
    await kv.backup(nextTarget())
    const first = target
    const copy = await openWith(engine, first)
    await copy.backup(nextTarget())
    const states = [await stateOf(copy), await lookAtCopy(stateOf)]
    await copy.close()
    expect(states[1]).toEqual(states[0])
  })

  test('reports how far it is, in ascending order up to all of it', async () => {
    const reports: [number, number][] = []
    await kv.backup(nextTarget(), { onProgress: (...report) => reports.push(report) })
    const done = reports.map(([bytes]) => bytes)
    expect(reports.length).toBeGreaterThan(1)
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(reports.every(([bytes, bytesTotal]) => bytes <= bytesTotal)).toBe(true)
    const [file] = (await readdir(target)).filter((name) => /sqlite$|mdb$/.test(name))
    const { size } = await stat(join(target, file!))
    expect(reports.at(-1)).toEqual([size, size])
  })

  test('keeps the permissions of the store', async () => {
    await using place = await temporaryFolder()
    const source = join(place.path, 'store')
    const open = engine === 'lmdb' ? (await import('eventdb/lmdb')).openLmdb : openSqlite
    await using small = await open(source, { mode: 0o640 })
    await small.backup(join(place.path, 'copy'))
    const [file] = (await readdir(join(place.path, 'copy'))).filter((name) => /sqlite$|mdb$/.test(name))
    expect((await stat(join(place.path, 'copy'))).mode & 0o777).toBe(0o750)
    expect((await stat(join(place.path, 'copy', file!))).mode & 0o777).toBe(0o640)
  })

  test('refuses a path at which there is anything, and does not touch it', async () => {
    const place = join(folder.path, 'taken')
    await mkdir(join(place, 'folder'), { recursive: true })
    await writeFile(join(place, 'file'), 'mine')
    await symlink('nowhere', join(place, 'link'))
    for (const name of ['folder', 'file', 'link', '.'])
      await expect(kv.backup(join(place, name))).rejects.toMatchObject({ details: { problem: 'exists' } })
    await expect(kv.backup(join(place, 'file', 'below'))).rejects.toMatchObject({
      details: { problem: 'not-a-folder' },
    })
    expect((await readdir(place)).toSorted()).toEqual(['file', 'folder', 'link'])
    expect(await readdir(join(place, 'folder'))).toEqual([])
    expect(await readFile(join(place, 'file'), 'utf8')).toBe('mine')
  })

  test('lets only one of two at a time have the path, and both if there are two', async () => {
    const outcomes = await Promise.allSettled([kv.backup(nextTarget()), kv.backup(target)])
    const [refused] = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(refused).toBeInstanceOf(StorageError)
    expect(refused).toMatchObject({ details: { problem: 'exists' } })
    await lookAtCopy(lookAtCount)
    await Promise.all([kv.backup(nextTarget()), kv.backup(`${target}-2`)])
    expect((await readdir(dirname(target))).toSorted()).toEqual(['store', 'store-2'])
  })

  test('stops when it is given up, and leaves nothing behind', async () => {
    const giveUp = new AbortController()
    const calls: number[] = []
    const onProgress = (bytes: number): void => {
      calls.push(bytes)
      giveUp.abort('no time')
    }
    await expect(kv.backup(nextTarget(), { signal: giveUp.signal, onProgress })).rejects.toBe('no time')
    expect(calls).toHaveLength(1)
    nothingIsLeft()
    await expect(kv.backup(nextTarget(), { signal: giveUp.signal })).rejects.toBe('no time')
    nothingIsLeft()
    const soon = new AbortController()
    const backup = kv.backup(nextTarget(), { signal: soon.signal })
    soon.abort('at once')
    await expect(backup).rejects.toBe('at once')
    nothingIsLeft()
  })

  test('fails with what onProgress throws, and leaves nothing behind', async () => {
    const onProgress = (): void => {
      throw new RangeError('mine')
    }
    await expect(kv.backup(nextTarget(), { onProgress })).rejects.toThrow(RangeError)
    nothingIsLeft()
  })

  test('is given up when its store is closed, and refused afterwards', async () => {
    const second = await openWith(engine, join(folder.path, 'store'))
    const refused = second
      .backup(nextTarget(), { onProgress: () => void second.close() })
      .catch((error) => error)
    expect(await refused).toBeInstanceOf(ClosedError)
    nothingIsLeft()
    await expect(second.backup(nextTarget())).rejects.toThrow(ClosedError)
    nothingIsLeft()
    await lookAtCount(kv)
  })
})

test('a store in memory refuses to be backed up', async () => {
  await using folder = await temporaryFolder()
  const kv = await openMemory()
  const refused = await kv.backup(join(folder.path, 'copy')).catch((error) => error)
  expect(refused).toBeInstanceOf(InvalidArgumentError)
  expect(refused).toMatchObject({ details: { engine: 'memory' } })
  await kv.close()
  await expect(kv.backup(join(folder.path, 'copy'))).rejects.toThrow(ClosedError)
  expect(await readdir(folder.path)).toEqual([])
})

interface Writers extends AsyncDisposable {
  acknowledged(): number
  /** Resolves when so many commits were acknowledged. */
  reached(count: number): Promise<void>
}

/** Counts on until it is disposed of, with several transactions in flight. */
function startWriters(kv: KeyValueStore, count: number): Writers {
  let stopped = false
  let acknowledged = 0
  const work = async (): Promise<void> => {
    while (!stopped) acknowledged = Math.max(acknowledged, await countOn(kv))
  }
  const working = Promise.all(Array.from({ length: count }, work))
  const reached = async (wanted: number): Promise<void> => {
    while (acknowledged < wanted) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    acknowledged: () => acknowledged,
    reached,
    [Symbol.asyncDispose]: async () => {
      stopped = true
      await working
    },
  }
}
