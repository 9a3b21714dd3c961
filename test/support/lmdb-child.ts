/**
 * A second process with the same LMDB store: does one task and ends. `lmdb-child.ts <folder> <task> [argument]`; what it has to
 * say goes to standard output, as JSON.
 */
import { writeSync } from 'node:fs'
import { prepareDatabaseFiles } from '../../src/drivers/lmdb/database-files.ts'
import { openLmdbEngine } from '../../src/drivers/lmdb/lmdb-engine.ts'
import { loadLmdb } from '../../src/drivers/lmdb/lmdb-library.ts'
import type { Engine } from '../../src/kv/engine.ts'

/** Small, so that it has to grow. */
const MAP_BYTES = 64 * 1_024

const [folder, task, argument = '1'] = process.argv.slice(2) as [string, string, string?]
const library = await loadLmdb()
const files = prepareDatabaseFiles(folder, {})
const open = (): Promise<Engine> => openLmdbEngine(library, files, MAP_BYTES)

const TASKS: Readonly<Record<string, () => Promise<unknown>>> = {
  /** Sets one key. */
  set: async () => {
    const engine = await open()
    engine.write((writer) => {
      writer.set(Buffer.from(argument), Buffer.from('by the child'))
      return true
    })
    await engine.close()
    return 'set'
  },
  /** Opens and closes the store so many times. */
  openings: async () => {
    for (let left = Number(argument); left > 0; left -= 1) await (await open()).close()
    return 'opened'
  },
  /** Adds so many rows of its own, a few a commit. */
  rows: async () => {
    const engine = await open()
    for (let next = 0; next < Number(argument); next += 10) {
      engine.write((writer) => {
        for (let row = next; row < next + 10; row += 1)
          writer.set(Buffer.from(`child ${row}`), Buffer.alloc(1_000, 'c'))
        return true
      })
    }
    await engine.close()
    return 'written'
  },
  /** Dies within a write, having set a key. */
  die: async () => {
    const engine = await open()
    engine.write((writer) => {
      writer.set(Buffer.from(argument), Buffer.from('never to be seen'))
      process.kill(process.pid, 'SIGKILL')
      // The signal arrives while this waits.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000)
      return true
    })
  },
  /** Dies with a snapshot open. */
  pin: async () => {
    const engine = await open()
    engine.openSnapshot()
    process.kill(process.pid, 'SIGKILL')
  },
}

writeSync(1, JSON.stringify(await TASKS[task]!()))
