import { resolve } from 'node:path'
import type { EventStore } from 'eventdb'
import { onePositional } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { folderBytes } from '../folder-bytes.ts'
import { formatBytes, formatDuration, formatShare } from '../format.ts'
import { INTERRUPTED } from '../interruption.ts'
import { longWork } from '../long-work.ts'
import { withExistingStore } from '../open-store.ts'
import { printable } from '../text-width.ts'

/** `eventdb backup`: a copy of the store. */
export const backup: Command = {
  name: 'backup',
  form: 'FOLDER',
  summary: 'Copy the store into a new folder, as of one moment',
  details: `
The store may be in use meanwhile. FOLDER must not exist: it appears when the copy is
complete and flushed to the disk, and is then a store like any other. Ctrl-C leaves
nothing behind.

Examples:
  eventdb backup backups/2024-05-01 --store shop
  eventdb check --store backups/2024-05-01`,
  options: [],
  run: (invocation) => {
    const folder = resolve(onePositional(invocation.args, 'FOLDER'))
    return withExistingStore(invocation, (store) => backUp(store, folder, invocation))
  },
}

async function backUp(store: EventStore, folder: string, { out, err, json }: Invocation): Promise<number> {
  const started = performance.now()
  const { interrupted } = await longWork(err, ({ signal, line }) =>
    store.backup(folder, {
      signal,
      onProgress: (bytes, bytesTotal) => line.update(() => progressOf(bytes, bytesTotal)),
    }),
  )
  if (interrupted) {
    err.note('interrupted: nothing was left behind\n')
    return INTERRUPTED
  }
  const bytes = await folderBytes(folder)
  const took = formatDuration(performance.now() - started)
  const summary = `${printable(folder)}: ${formatBytes(bytes)} backed up (${took})`
  await out.line(json ? JSON.stringify({ folder, bytes }) : summary)
  return 0
}

function progressOf(bytes: number, bytesTotal: number): string {
  const share = bytesTotal === 0 ? 0 : bytes / bytesTotal
  return `${formatShare(share)}  ${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`
}
