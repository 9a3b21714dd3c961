import type { ReadTransaction, Transaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type {
  AppendOptions,
  AppendResult,
  CreateStreamOptions,
  ReadonlyStream,
  StoreReadTransaction,
  StoreTransaction,
  Stream,
} from './contract.ts'
import type { EventShape, NewEvent, RecordedEvent, TransactionEvent } from './event.ts'
import { checkAppendOptions, checkExpectedVersion } from './expected-version.ts'
import type { StoreHost } from './host.ts'
import type { Sessions } from './place.ts'
import { checkWritableStreamId, prepareEvents } from './prepared-event.ts'
import { readingIn } from './reading.ts'
import { StoreSession } from './session.ts'
import { allSource, allSourceIn, streamSource, streamSourceIn } from './sources.ts'
import { createStream, readInfo, readMetadata, setMetadata } from './stream-metadata.ts'
import { numberOf } from './stream-rows.ts'
import { userKeyReader, userKeyWriter } from './user-keys.ts'

/** Lays the store over a transaction that writes. */
export function storeTransaction(host: StoreHost, sessions: Sessions, tx: Transaction): StoreTransaction {
  const session = sessions.get(tx) ?? new StoreSession(host, tx, 'read-snapshot')
  sessions.set(tx, session)
  const stream = <E extends EventShape>(id: string): Stream<E, TransactionEvent<E>, undefined> =>
    streamIn<E>(host, session, id)
  return {
    all: allSourceIn(session, readingIn(tx, host)),
    stream,
    createStream: async <E extends EventShape>(id: string, { metadata = {} }: CreateStreamOptions = {}) => {
      checkWritableStreamId(id)
      await createStream(host, session, id, metadata)
      return stream<E>(id)
    },
    kv: userKeyWriter(tx, host.keys.user),
    afterCommit: (callback) =>
      tx.afterCommit((commit) => {
        const { lastUserVersion } = session
        callback({
          position: lastUserVersion === undefined ? undefined : positionOf(commit.stamp(lastUserVersion)),
        })
      }),
  }
}

/** Lays the store over a transaction that only reads. */
export function storeReadTransaction(host: StoreHost, tx: ReadTransaction): StoreReadTransaction {
  const { keys } = host
  return {
    all: allSource(readingIn(tx, host)),
    stream: <E extends EventShape>(id: string) => readonlyStream<E>(host, tx, id),
    kv: userKeyReader(tx, keys.user),
  }
}

function readonlyStream<E extends EventShape>(
  host: StoreHost,
  tx: ReadTransaction,
  id: string,
): ReadonlyStream<E, RecordedEvent<E>> {
  const { keys } = host
  const source = streamSource(readingIn(tx, host), id)
  return {
    id,
    read: source.read,
    event: (version) => source.read({ from: version, to: version }).first(),
    exists: async () => (await numberOf(tx, keys, id)) !== undefined,
    info: () => readInfo(tx, host, id),
    metadata: () => readMetadata(tx, keys, id),
  } as ReadonlyStream<E, RecordedEvent<E>>
}

function streamIn<E extends EventShape>(
  host: StoreHost,
  session: StoreSession,
  id: string,
): Stream<E, TransactionEvent<E>, undefined> {
  const { keys } = host
  const source = streamSourceIn(session, readingIn(session.tx, host), id)
  return {
    id,
    read: source.read,
    append: (events, options = {}) => appendIn(session, id, events, options),
    event: (version) => source.read({ from: version, to: version }).first(),
    exists: async () => (await session.stream(id)).exists,
    info: () => readInfo(session.tx, host, id),
    metadata: () => readMetadata(session.tx, keys, id),
    setMetadata: async (patch) => {
      checkWritableStreamId(id)
      return setMetadata(host, session, id, patch)
    },
  } as Stream<E, TransactionEvent<E>, undefined>
}

async function appendIn(
  session: StoreSession,
  streamId: string,
  events: NewEvent | readonly NewEvent[],
  options: AppendOptions,
): Promise<AppendResult<undefined>> {
  checkAppendOptions(options)
  const { expectedVersion = 'any' } = options
  checkWritableStreamId(streamId)
  checkExpectedVersion(expectedVersion)
  const [appended] = await session.append([{ streamId, events: prepareEvents(events), expectedVersion }], [])
  const { firstVersion, lastVersion, idempotent } = appended!
  return { streamId, firstVersion, lastVersion, position: undefined, idempotent }
}
