import { resolve } from 'node:path'
import type { StoreInfo } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { type Field, formatFields } from '../fields.ts'
import { folderBytes } from '../folder-bytes.ts'
import { formatBytes, formatCount, formatTime } from '../format.ts'
import { storeFolder, withExistingStore } from '../open-store.ts'
import { printable } from '../text-width.ts'

/** `eventdb info`: what is known of a store. */
export const info: Command = {
  name: 'info',
  form: '',
  summary: 'Show what is known of a store',
  details: '',
  options: [],
  run: async (invocation) => {
    positionalsUpTo(invocation.args, 0)
    const found = await withExistingStore(invocation, (store) => store.info())
    const folder = resolve(storeFolder(invocation))
    const bytes = await folderBytes(folder)
    await invocation.out.write(
      invocation.json ? jsonOf(found, folder, bytes) : pretty(found, folder, bytes, invocation),
    )
    return 0
  },
}

function jsonOf(found: StoreInfo, folder: string, bytes: number): string {
  const lastPosition = found.lastPosition === undefined ? undefined : String(found.lastPosition)
  return `${JSON.stringify({ folder, ...found, lastPosition, bytesOnDisk: bytes })}\n`
}

function pretty(found: StoreInfo, folder: string, bytes: number, { out }: Invocation): string {
  const fields: readonly Field[] = [
    ['store', printable(folder)],
    ['engine', `${found.engine}, format ${found.format}`],
    ['indexes', found.indexes.join(', ') || 'none'],
    ['category separator', printable(JSON.stringify(found.categorySeparator))],
    ['streams', formatCount(found.streams)],
    ['events', formatCount(found.events)],
    ['system events', formatCount(found.systemEvents)],
    ['last position', String(found.lastPosition ?? '–')],
    ['first recorded', timeOf(found.firstRecordedAt)],
    ['last recorded', timeOf(found.lastRecordedAt)],
    ['on disk', formatBytes(bytes)],
  ]
  return formatFields(fields, out.paint)
}

function timeOf(time: Date | undefined): string {
  return time === undefined ? '–' : `${formatTime(time)} UTC`
}
