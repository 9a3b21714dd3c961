import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import {
  changeMetadata,
  isChange,
  METADATA_OPTIONS,
  type MetadataChanges,
  metadataChanges,
} from '../metadata-changes.ts'
import { withExistingStore } from '../open-store.ts'
import { formatStream, streamJson } from '../stream-fields.ts'

/** `eventdb metadata`: what is known of a stream, and changes of it. */
export const metadata: Command = {
  name: 'metadata',
  form: 'STREAM [KEY=VALUE ...] [options]',
  summary: 'Show or change what is known of a stream: metadata and retention',
  details: `
Shows state, versions, times, retention and the map of a stream, after the changes if
there are any. They are made all or nothing, and create the stream if need be. A VALUE is
JSON, or else text: limit=100 is a number, owner=ada a string, and so is 'zip="100"'.

Retention hides events from readers for good; scavenge removes them.

Examples:
  eventdb metadata account-3 --store shop
  eventdb metadata account-3 owner=ada limit=100 --remove note --store shop
  eventdb metadata log-1 --max-count 1000 --max-age 30d --store shop
  eventdb metadata log-1 --max-age none --truncate-before 500 --store shop`,
  options: METADATA_OPTIONS,
  run: (invocation) => {
    const { args } = invocation
    const [streamId, ...pairs] = args.positionals
    if (streamId === undefined) throw new UsageError('STREAM is missing')
    return showAfter(invocation, streamId, metadataChanges(args, pairs))
  },
}

async function showAfter(
  invocation: Invocation,
  streamId: string,
  changes: MetadataChanges,
): Promise<number> {
  const { out, json } = invocation
  const info = await withExistingStore(invocation, async (store) => {
    if (isChange(changes)) await store.transact((tx) => changeMetadata(tx.stream(streamId), changes))
    return store.stream(streamId).info()
  })
  await out.write(json ? `${streamJson(info)}\n` : formatStream(info, out.paint))
  return 0
}
