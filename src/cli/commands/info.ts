import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { StoreInfo } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
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
    const bytes = await bytesIn(folder)
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
  const rows: readonly (readonly [string, string])[] = [
    ['store', printable(folder)],
    ['engine', `${found.engine}, format ${found.format}`],
    ['streams', formatCount(found.streams)],
    ['events', formatCount(found.events)],
    ['system events', formatCount(found.systemEvents)],
    ['last position', String(found.lastPosition ?? '–')],
    ['first recorded', timeOf(found.firstRecordedAt)],
    ['last recorded', timeOf(found.lastRecordedAt)],
    ['on disk', formatBytes(bytes)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${out.paint.ink('dim', name.padEnd(width))}  ${value}\n`).join('')
}

function timeOf(time: Date | undefined): string {
  return time === undefined ? '–' : `${formatTime(time)} UTC`
}

/** Size of the files in a folder. A file may go while we look: an engine removes its log when it is closed. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (file) => (file.isFile() ? file.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
