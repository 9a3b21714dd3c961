import type { Transaction } from '../kv/contract.ts'
import { positionOf, stampOf } from '../kv/stamp.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Projection } from '../store/contract-projections.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import { quietViewOf } from '../store/reading.ts'
import {
  type InlineEntry,
  readSettings,
  type Settings,
  withInline,
  writeSettings,
} from '../store/settings.ts'
import { endOf, sourceOf } from '../subscription/source.ts'
import type { ControlRow } from './projection-rows.ts'

/** What the store says of a projection that comes into force. */
export function entryOf<S>(
  { name, version, source, definition }: Projection<EventShape, S>,
  generation: number,
  copy: number,
): InlineEntry {
  return { name, generation, version, copy, source, hasDeleted: definition.deleted !== undefined }
}

/** Puts a copy into force, or takes whatever is of this name out of it. Returns what the store is from now on. @throws FormatError */
export async function changeForce(
  { keys, settings }: StoreHost,
  tx: Transaction,
  name: string,
  entry: InlineEntry | undefined,
): Promise<Settings> {
  const known = await readSettings(tx, keys)
  const changed = withInline(known, name, entry)
  writeSettings(tx, keys, changed)
  tx.afterCommit(() => settings.forget())
  return changed
}

/**
 * Takes a copy out of force, if it is in it. Returns its control row as it is then, with the end of the log as its checkpoint: whatever is
 * appended meanwhile makes the transaction be tried again. The row is not written. @throws FormatError
 */
export async function outOfForce(host: StoreHost, tx: Transaction, control: ControlRow): Promise<ControlRow> {
  if (!control.isInline) return control
  await changeForce(host, tx, control.name, undefined)
  return { ...control, ...(await endIn(host, tx, control)), isInline: false }
}

/** The end of the log and of a source, which must not move before the transaction is committed. */
export async function endIn(
  host: StoreHost,
  tx: Transaction,
  { source: name, isStream }: Pick<ControlRow, 'source' | 'isStream'>,
): Promise<{ readonly place: AnyPlace; readonly position: bigint; readonly eventPosition: bigint }> {
  const position = positionOf(await tx.readHorizon())
  tx.addReadConflictRange({
    begin: host.keys.logRange(stampOf(position + 1n), stampOf(position + 1n)).begin,
    end: host.keys.log().end,
  })
  const place = isStream
    ? await endOf(quietViewOf(tx, host), sourceOf(name, { resolveLinks: false, system: false }))
    : position
  return { place, position, eventPosition: position }
}
