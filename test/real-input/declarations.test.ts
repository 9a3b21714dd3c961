import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import { eventdb, parseLines, spawned, test } from '../cli/eventdb.ts'
import { DECLARATIONS as LOG } from './declarations.ts'

const EVENTS = 55_628
const STREAMS = 10_357

describe.skipIf(!existsSync(LOG))(
  'expense declarations (../shared/data/expense-declarations.ndjson.gz)',
  () => {
    test('go in and come back as they were, and a second import changes nothing', async ({ folder }) => {
      const store = ['--store', folder]
      const first = await spawned(['import', LOG, ...store])
      expect({ code: first.code, stdout: first.stdout }).toEqual({ code: 0, stdout: '' })
      expect(first.stderr).toContain('55,628 events imported')
      expect(parseLines((await eventdb(['info', ...store])).stdout)).toMatchObject([
        { events: EVENTS, streams: STREAMS },
      ])

      const declaration = parseLines((await spawned(['read', 'declaration-86791', ...store])).stdout)
      expect(declaration.map(({ version, type, time }) => [version, type, time])).toEqual([
        [1, 'DeclarationSubmittedByEmployee', '2017-01-09T08:49:50.000Z'],
        [2, 'DeclarationFinalApprovedBySupervisor', '2017-01-09T10:27:48.000Z'],
        [3, 'RequestPayment', '2017-01-10T08:34:44.000Z'],
        [4, 'PaymentHandled', '2017-01-12T16:31:22.000Z'],
      ])

      const second = await spawned(['import', LOG, ...store])
      expect(second).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('nothing is new (lines 1 to 55,628 '),
      })

      const { code, stdout } = await spawned(['export', '--all', ...store])
      expect(code).toBe(0)
      const fields = parseLines(stdout).map(({ stream, type, time, data, metadata }) => ({
        ...{ stream, type, time, data, metadata },
      }))
      expect(fields).toHaveLength(EVENTS)
      expect(fields).toEqual(parseLines(gunzipSync(readFileSync(LOG)).toString()))

      const again = await eventdb(['import', '-', ...store], { input: stdout })
      expect(again.stderr).toContain('nothing is new (55,628 events were in their streams already)')
      const report = await spawned(['check', ...store])
      expect(report.code).toBe(0)
      expect(parseLines(report.stdout)).toMatchObject([{ problems: [], events: EVENTS, streams: STREAMS }])
    })

    test('with a corrupted line in the middle are refused from its batch on', async ({ folder }) => {
      const lines = gunzipSync(readFileSync(LOG)).toString().split('\n')
      const copy = join(folder, 'copy.ndjson.gz')
      const store = ['--store', join(folder, 'store')]
      const line = lines[27_813]!
      await writeFile(copy, gzipSync(lines.with(27_813, line.slice(0, 100)).join('\n')))
      const failed = await spawned(['import', copy, ...store])
      expect(failed.code).toBe(1)
      expect(failed.stderr.startsWith(`eventdb: ${copy}:27814: bad JSON: `), failed.stderr).toBe(true)
      expect(failed.stderr).toContain('27,000 events, up to line 27,000, are imported')
      expect(parseLines((await eventdb(['info', ...store])).stdout)).toMatchObject([{ events: 27_000 }])

      await writeFile(copy, gzipSync(lines.join('\n')))
      expect(await spawned(['import', copy, ...store])).toMatchObject({ code: 0 })
      expect(parseLines((await eventdb(['info', ...store])).stdout)).toMatchObject([
        { events: EVENTS, streams: STREAMS },
      ])
    })
  },
)
