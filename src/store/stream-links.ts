import { EventNotFoundError, InvalidArgumentError } from '../errors.ts'
import { checkLinkOptions, type PreparedRequest, requestOf } from './append-options.ts'
import type { EventPlace, LinkOptions } from './contract-appending.ts'
import { eventAt } from './links.ts'
import { checkStreamId, checkWritableStreamId, type LinkTarget, prepareLink } from './prepared-event.ts'
import { checkVersion } from './read-options.ts'
import type { View } from './reading.ts'
import { linkTargetOf } from './stored-event.ts'
import { numberOf } from './stream-rows.ts'
import { Visibility } from './visibility.ts'

/**
 * Makes the append that links an event into a stream. A link to a link points to what that points to. One that was made before is
 * recognised also when its event cannot be read any more. @throws EventNotFoundError if there never was such an event; InvalidArgumentError
 */
export async function linkRequest(
  view: View,
  streamId: string,
  event: EventPlace,
  options: LinkOptions,
): Promise<Awaited<PreparedRequest>> {
  checkLinkOptions(options)
  checkWritableStreamId(streamId)
  const { streamId: target, version } = checkedPlace(event)
  const number = await numberOf(view.tx, view.keys, target)
  if (number === undefined) throw new EventNotFoundError(target, version)
  const place: LinkTarget = { number, version, streamId: target }
  const found = await readableTarget(view, place)
  const link = prepareLink(found ?? place, options.id)
  const { expectedVersion = 'any' } = options
  const request = await requestOf([{ streamId, events: [link], expectedVersion }], [], options)
  return found === undefined ? { ...request, missing: { streamId: target, version } } : request
}

function checkedPlace(place: unknown): EventPlace {
  if (typeof place !== 'object' || place === null) {
    throw new InvalidArgumentError('A link points to an event, or to its streamId and version', { place })
  }
  const { streamId, version } = place as EventPlace
  checkStreamId(streamId)
  checkVersion(version)
  return { streamId, version }
}

/** What a link to an event points to: the event itself, or what that is a link to. `undefined` if either cannot be read. */
async function readableTarget(view: View, place: LinkTarget): Promise<LinkTarget | undefined> {
  const visibility = new Visibility(view)
  await visibility.meet([place.number])
  const event = await eventAt(view, visibility, place.number, place.version)
  const target = event && linkTargetOf(event)
  if (event === undefined || target === undefined) return event && place
  await visibility.meet([target.number])
  return (await eventAt(view, visibility, target.number, target.version)) && target
}
