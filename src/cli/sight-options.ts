import type { SightOptions, SourceName } from 'eventdb'
import type { Arguments, OptionSpec } from './arguments.ts'
import { UsageError } from './errors.ts'

/** Whether events of system streams are there, too. */
export const SYSTEM_OPTION: OptionSpec = {
  name: 'system',
  about: 'With --all: events of system streams, too',
}

/** Whether links are seen themselves. */
export const NO_LINKS_OPTION: OptionSpec = {
  name: 'no-resolve-links',
  about: 'Links themselves, not the events that they point to',
}

/** Whether a stream may come later. */
export const MISSING_OK_OPTION: OptionSpec = { name: 'missing-ok', about: 'The STREAM need not exist yet' }

/** How the events of a source are seen; only what was given. @throws UsageError for what its source cannot have */
export function sightOf({ flags }: Arguments, { kind }: SourceName): SightOptions {
  if (flags.has('system') && kind !== 'all') throw new UsageError('--system goes with --all')
  if (flags.has('missing-ok') && kind !== 'stream') throw new UsageError('--missing-ok goes with a STREAM')
  return {
    ...(flags.has('no-resolve-links') && { resolveLinks: false }),
    ...(flags.has('system') && { system: true }),
    ...(flags.has('missing-ok') && { mustExist: false }),
  }
}
