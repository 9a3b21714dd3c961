import { sinkConformance } from 'eventdb/testing'
import { test } from 'vitest'
import { sqliteSink } from '../../examples/sinks/sqlite-sink.ts'
import { sqliteReports } from '../support/sqlite-reports.ts'

sinkConformance({
  test: (name, verify) => test(`${name} (better-sqlite3)`, verify),
  open: async () => {
    const reports = await sqliteReports('create table texts (text text)')
    const [one, two] = [reports.connect(), reports.connect()]
    return {
      sink: sqliteSink(one),
      other: sqliteSink(two),
      put: (tx, text) => tx.prepare('insert into texts values (?)').run(text),
      rows: async () => one.prepare<[], string>('select text from texts').pluck().all(),
      dispose: async () => reports[Symbol.asyncDispose](),
    }
  },
})
