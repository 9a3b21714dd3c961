import type { SkipOptions } from 'eventdb'
import { type Arguments, textOption } from '../../arguments.ts'
import { withProjection } from '../../chosen-projection.ts'
import type { Command } from '../../command.ts'
import { UsageError } from '../../errors.ts'
import { printProjectionState } from '../../print-projection.ts'
import { faultText, skippedJson } from '../../projection-fields.ts'
import { printable } from '../../text-width.ts'

/** `eventdb projections pause`: no more events. */
export const pause: Command = {
  name: 'projections pause',
  form: 'NAME',
  summary: 'Stop a projection in all processes',
  details: `
It goes on answering with what it holds. Resume goes on.`,
  options: [],
  run: (invocation) =>
    withProjection(invocation, async (projection) => {
      await projection.pause()
      return printProjectionState(projection, (await projection.status()).state, invocation)
    }),
}

/** `eventdb projections resume`: events again. */
export const resume: Command = {
  name: 'projections resume',
  form: 'NAME',
  summary: 'Go on after pause, and try at once what a projection stopped at',
  details: '',
  options: [],
  run: (invocation) =>
    withProjection(invocation, async (projection) => {
      await projection.resume()
      return printProjectionState(projection, (await projection.status()).state, invocation)
    }),
}

/** `eventdb projections skip`: past the event that cannot be handled. */
export const skip: Command = {
  name: 'projections skip',
  form: 'NAME [--position P] [--building]',
  summary: 'Move past the event, or drop the timer, that a projection stopped at',
  details: `
What it has missed stays missed, but for a rebuild, which stops there again. Prints what was
skipped.

Examples:
  eventdb projections skip sales-per-day --position 1790268180496384 --store shop`,
  options: [
    { name: 'position', value: 'P', about: 'Only if it stopped at this position' },
    { name: 'building', about: 'The copy that is being built, not the one that serves' },
  ],
  run: (invocation) => {
    const options = skipOptions(invocation.args)
    return withProjection(invocation, async (projection) => {
      const fault = await projection.skip(options)
      const { out, json } = invocation
      const why = printable(`${fault.error.name}: ${fault.error.message}`)
      await out.line(json ? skippedJson(projection.name, fault) : `Skipped ${faultText(fault)}: ${why}`)
      return 0
    })
  },
}

/** `eventdb projections delete`: the end of a projection. */
export const deleteProjection: Command = {
  name: 'projections delete',
  form: 'NAME [--emitted-streams]',
  summary: 'Remove a projection with all that it holds; it ends wherever it runs',
  details: `
What it has emitted stays, and is remembered: one of the same name that comes later does not
emit it again. With --emitted-streams the streams that it has written to are deleted, as a
whole, also what others have written to them; eventdb restore brings them back.

Examples:
  eventdb projections delete sales-per-day --store shop`,
  options: [{ name: 'emitted-streams', about: 'Delete the streams that it has written to, too' }],
  run: (invocation) =>
    withProjection(invocation, async (projection) => {
      await projection.delete({ emittedStreams: invocation.args.flags.has('emitted-streams') })
      return printProjectionState(projection, 'deleted', invocation)
    }),
}

function skipOptions(args: Arguments): SkipOptions {
  const position = textOption(args, 'position')
  if (position !== undefined && !/^\d{1,19}$/.test(position)) {
    throw new UsageError(`--position takes a position, not ${JSON.stringify(position)}`)
  }
  return {
    ...(position !== undefined && { position: BigInt(position) }),
    building: args.flags.has('building'),
  }
}
