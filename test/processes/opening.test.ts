import { join } from 'node:path'
import { openEventStore } from 'eventdb'
import { expect, test } from 'vitest'
import { type ProgramRun, runProgram } from '../support/run-program.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const PROCESSES = 3
const ROUNDS = 25
/** Until then all have been started: only how often they meet depends on it. */
const START_MS = 4_000

test.each(['sqlite', 'lmdb'] as const)(
  'several processes may make a %s store at the same moment',
  async (engine) => {
    await using folder = await temporaryFolder()
    const from = String(Date.now() + START_MS)
    const openAll = (): Promise<ProgramRun> =>
      runProgram('test/support/opening-child.ts', folder.path, engine, from, String(ROUNDS))
    const ended = await Promise.all(Array.from({ length: PROCESSES }, openAll))
    for (const { exitCode, stderr } of ended)
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    for (let round = 0; round < ROUNDS; round += 1) {
      await using store = await openEventStore(join(folder.path, String(round)), { create: false })
      expect((await store.info()).events).toBe(PROCESSES)
    }
  },
)
