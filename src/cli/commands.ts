import type { Command } from './command.ts'
import { append } from './commands/append.ts'
import { check } from './commands/check.ts'
import { exportCommand } from './commands/export.ts'
import { importCommand } from './commands/import.ts'
import { info } from './commands/info.ts'
import { read } from './commands/read.ts'
import { streams } from './commands/streams.ts'

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [append, read, streams, info, importCommand, exportCommand, check]
