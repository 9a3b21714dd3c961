import type { RestartOptions } from 'eventdb'
import type { OptionSpec } from '../../arguments.ts'
import { type StoredProjection, withProjection } from '../../chosen-projection.ts'
import type { Command, Invocation } from '../../command.ts'
import { placeOption, type TypedPlace } from '../../place.ts'
import { printProjection } from '../../print-projection.ts'

const FORM = 'NAME [--from P]'

const FROM_OPTION: OptionSpec = {
  name: 'from',
  value: 'P',
  about: 'Begin at this position (version, if its source is a stream), or at this time (default the start)',
}

/** `eventdb projections reset`: everything anew, from nothing. */
export const reset: Command = {
  name: 'projections reset',
  form: FORM,
  summary: 'Forget everything a projection holds, and begin again',
  details: `
Until it has caught up it answers with less than before; rebuild does not. Nothing is emitted
twice. Prints what is known of it afterwards.

Examples:
  eventdb projections reset sales-per-day --store shop
  eventdb projections reset sales-per-day --from 2024-05-01 --store shop`,
  options: [FROM_OPTION],
  run: (invocation) => restart(invocation, (projection, options) => projection.reset(options)),
}

/** `eventdb projections rebuild`: everything anew, beside what is there. */
export const rebuild: Command = {
  name: 'projections rebuild',
  form: FORM,
  summary: 'Make a projection anew beside what it holds, which answers until then',
  details: `
A program that runs the projection does the work; status shows how far it is. Nothing is
emitted twice. Prints what is known of it afterwards.

Examples:
  eventdb projections rebuild sales-per-day --store shop
  eventdb projections rebuild sales-per-day --from 2024-05-01 --store shop`,
  options: [FROM_OPTION],
  run: (invocation) => restart(invocation, (projection, options) => projection.rebuild(options)),
}

function restart(
  invocation: Invocation,
  begin: (projection: StoredProjection, options: RestartOptions) => Promise<void>,
): Promise<number> {
  const from = placeOption(invocation.args, FROM_OPTION.name)
  return withProjection(invocation, async (projection) => {
    await begin(projection, from === undefined ? {} : { from: await placeOf(projection, from) })
    return printProjection(projection, invocation)
  })
}

/** The place as the projection counts, which only one of a stream does by versions. */
async function placeOf(projection: StoredProjection, from: TypedPlace): Promise<number | bigint | Date> {
  if (from instanceof Date) return from
  const { streamVersion } = await projection.status()
  return streamVersion === undefined ? from.number : Number(from.number)
}
