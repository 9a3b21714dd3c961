import type { Command } from './command.ts'
import { append } from './commands/append.ts'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { consume } from './commands/consume.ts'
import { deleteCommand } from './commands/delete.ts'
import { exportCommand } from './commands/export.ts'
import { importCommand } from './commands/import.ts'
import { info } from './commands/info.ts'
import { metadata } from './commands/metadata.ts'
import { projections } from './commands/projections.ts'
import { query } from './commands/query.ts'
import { read } from './commands/read.ts'
import { reindex } from './commands/reindex.ts'
import { restore } from './commands/restore.ts'
import { scavenge } from './commands/scavenge.ts'
import { streams } from './commands/streams.ts'
import { subscriptions } from './commands/subscriptions.ts'
import { tail } from './commands/tail.ts'
import { tombstone } from './commands/tombstone.ts'

/** Every command, in the order of the help: events, streams, files, the store as a whole. */
export const COMMANDS: readonly Command[] = [
  append,
  read,
  query,
  tail,
  subscriptions,
  consume,
  projections,
  streams,
  metadata,
  deleteCommand,
  restore,
  tombstone,
  importCommand,
  exportCommand,
  info,
  check,
  scavenge,
  reindex,
  backup,
]
