import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import type { OpenProgram } from '../program.ts'
import { grouped } from './grouping.ts'
import { rowsFrom } from './rows.ts'

/** The physical limit: the same bytes at the end of one file, one flush a group, nothing to find them by. */
export const fileByHand: OpenProgram = async (folder) => {
  const file = openSync(`${folder}/by-hand.log`, 'a')
  const rows = rowsFrom(new Map(), 0n)
  const append = grouped((group) => {
    const parts: Buffer[] = []
    for (const { streamId, events } of group)
      for (const event of events) rows.event(streamId, event, (key, value) => parts.push(key, value))
    writeSync(file, Buffer.concat(parts))
    fdatasyncSync(file)
  })
  const unreadable = async (): Promise<number> => {
    throw new Error('An append-only file alone cannot be read back by stream')
  }
  return {
    append: (streamId, event) => append(streamId, [event]),
    appendBatch: append,
    readStream: unreadable,
    readLog: unreadable,
    close: async () => closeSync(file),
  }
}
