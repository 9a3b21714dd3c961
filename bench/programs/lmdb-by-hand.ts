import { open } from 'lmdb'
import type { OpenProgram } from '../program.ts'
import { grouped } from './grouping.ts'
import { type Head, look, rowsFrom } from './rows.ts'

const LOG_BEGIN = Buffer.from('15011501', 'hex')
const LOG_END = Buffer.from('15011502', 'hex')
const NAME_BEGIN = Buffer.from('15011503', 'hex')
const STREAM_BEGIN = Buffer.from('15011504', 'hex')
const STREAM_END = Buffer.from('15011505', 'hex')

/** The best program for LMDB that we could write: one thread, one synchronous transaction a group, heads in memory. */
export const lmdbByHand: OpenProgram = async (folder) => {
  const db = open<Buffer, Buffer>({
    path: `${folder}/by-hand.mdb`,
    noSubdir: true,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
    overlappingSync: false,
  })
  const scan = (start: Buffer, end: Buffer): Iterable<{ key: Buffer; value: Buffer }> =>
    db.getRange({ start, end }) as never
  const heads = readHeads(scan)
  let last = 0n
  for (const key of db.getKeys({ start: LOG_END, end: LOG_BEGIN, reverse: true, limit: 1 }))
    last = key.readBigUInt64BE(5)
  const rows = rowsFrom(heads, last)
  const append = grouped((group) => {
    db.transactionSync(() => {
      for (const { streamId, events } of group) {
        for (const event of events) rows.event(streamId, event, (key, value) => void db.put(key, value))
      }
    })
  })
  return {
    append: (streamId, event) => append(streamId, [event]),
    appendBatch: append,
    readStream: async (streamId, touch) => {
      const number = heads.get(streamId)?.number
      if (number === undefined) return 0
      const from = Buffer.alloc(8)
      STREAM_BEGIN.copy(from)
      from[4] = 0x17
      from.writeUIntBE(number, 5, 3)
      const to = Buffer.from(from)
      to.writeUIntBE(number + 1, 5, 3)
      let seen = 0
      for (const { value } of scan(from, to)) {
        const event = db.getBinary(Buffer.concat([LOG_BEGIN, Buffer.from([0x33]), value]))
        if (look(event!, touch)) seen += 1
      }
      return seen
    },
    readLog: async (touch) => {
      let seen = 0
      for (const { value } of scan(LOG_BEGIN, LOG_END)) if (look(value, touch)) seen += 1
      return seen
    },
    close: () => db.close(),
  }
}

function readHeads(
  scan: (from: Buffer, to: Buffer) => Iterable<{ key: Buffer; value: Buffer }>,
): Map<string, Head> {
  const versions = new Map<number, number>()
  for (const { key } of scan(STREAM_BEGIN, STREAM_END))
    versions.set(key.readUIntBE(5, 3), key.readUIntBE(9, 3))
  const heads = new Map<string, Head>()
  for (const { key, value } of scan(NAME_BEGIN, STREAM_BEGIN)) {
    const number = value.readUIntBE(1, 3)
    heads.set(key.toString('latin1', 5, key.length - 1), { number, version: versions.get(number) ?? 0 })
  }
  return heads
}
