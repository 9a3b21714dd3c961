import type { StoredProjection } from './chosen-projection.ts'
import type { Invocation } from './command.ts'
import { formatProjection, projectionJson } from './projection-fields.ts'
import { printable } from './text-width.ts'

/** Prints what is known of a projection. */
export async function printProjection(
  projection: Pick<StoredProjection, 'status'>,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
): Promise<number> {
  const status = await projection.status()
  await out.write(json ? `${projectionJson(status)}\n` : formatProjection(status, out.paint))
  return 0
}

/** Prints in which state a projection is now. */
export async function printProjectionState(
  { name }: Pick<StoredProjection, 'name'>,
  state: string,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
): Promise<number> {
  const pretty = `${out.paint.ink('stream', printable(name))}  ${state}`
  await out.line(json ? JSON.stringify({ projection: name, state }) : pretty)
  return 0
}
