import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import {
  type BackedUpEngine,
  countOn,
  ENGINES_HERE,
  fill,
  lookAtCount,
  openWith,
} from '../support/counting-store.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

type Counter = Child<{ readonly event: string; readonly count?: number }>

describe.each(ENGINES_HERE)('a backup by %s', (engine) => {
  test('holds one moment of what other processes write, and all that was acknowledged before', async () => {
    await using folder = await temporaryFolder()
    const [source, target] = [join(folder.path, 'store'), join(folder.path, 'copy')]
    await using kv = await openWith(engine, source)
    await fill(kv)
    await using first = startCounting(engine, source)
    await using second = startCounting(engine, source)
    for (const counter of [first, second]) await counter.reported(({ count = 0 }) => count > 50)
    const before = newest(first, second)
    await kv.backup(target)
    const after = newest(first, second)
    for (const counter of [first, second]) await finish(counter)
    const copied = await lookAt(engine, target)
    expect(copied).toBeGreaterThanOrEqual(before)
    expect(after).toBeGreaterThan(before)
    expect(await lookAtCount(kv)).toBe(newest(first, second))
  })

  test('that is killed leaves the store whole, nothing at its path, and the next one undisturbed', async () => {
    await using folder = await temporaryFolder()
    const [source, backups] = [join(folder.path, 'store'), join(folder.path, 'backups')]
    const target = join(backups, 'copy')
    await using kv = await openWith(engine, source)
    await fill(kv)
    await mkdir(backups)
    for (let kill = 1; kill <= 3; kill += 1) {
      await using child: Counter = startChild('backup-child.ts', source, engine, 'backup', target)
      await child.reported(({ event }) => event === 'copying')
      await countOn(kv)
      child.signal('SIGKILL')
      await child.ended
      const left = await readdir(backups)
      expect(left).toHaveLength(kill)
      for (const name of left) expect(name).toMatch(/^\.eventdb-backup-/)
      expect(await lookAtCount(kv)).toBe(kill)
    }
    await kv.backup(target)
    await countOn(kv)
    expect(await lookAt(engine, target)).toBe(3)
    expect(await readdir(backups)).toHaveLength(4)
  })
})

function startCounting(engine: BackedUpEngine, folder: string): Counter {
  return startChild('backup-child.ts', folder, engine, 'count')
}

async function finish(counter: Counter): Promise<void> {
  counter.tell('finish')
  await counter.reported(({ event }) => event === 'done')
}

function newest(...counters: readonly Counter[]): number {
  return Math.max(...counters.flatMap(({ reports }) => reports.map(({ count = 0 }) => count)))
}

async function lookAt(engine: BackedUpEngine, folder: string): Promise<number> {
  await using kv = await openWith(engine, folder)
  return await lookAtCount(kv)
}
