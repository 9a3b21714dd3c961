import { InvalidArgumentError } from '../errors.ts'
import type { ReadTransaction, Transaction } from '../kv/contract.ts'
import { positionOf } from '../kv/stamp.ts'
import type { TransactionScene } from './aggregate-scene.ts'
import { type PreparedRequest, prepareMany, prepareOne } from './append-options.ts'
import { pendingResultOf } from './appended.ts'
import { type Broker, type GroupBirth, groupSource } from './broker.ts'
import type { AppendResult } from './contract-appending.ts'
import type { Query, SourceName } from './contract-query.ts'
import type { ReadableSource, StreamReadOptions, TransactionSource } from './contract-reading.ts'
import type { CreateStreamOptions, ReadonlyStream, SnapshotOptions, Stream } from './contract-streams.ts'
import type { GroupSource } from './contract-subscribing.ts'
import type {
  ReadableSources,
  StoreReadTransaction,
  StoreTransaction,
  TransactionSources,
} from './contract-transactions.ts'
import type { EventShape, RecordedEvent, TransactionEvent } from './event.ts'
import type { StoreHost } from './host.ts'
import type { Sessions } from './place.ts'
import { checkWritableStreamId } from './prepared-event.ts'
import { checkVersion } from './read-options.ts'
import { type Reading, readingIn, readingWithin, type View, viewOf, viewWithin } from './reading.ts'
import { StoreSession } from './session.ts'
import { snapshotReader, snapshotWriter } from './snapshots.ts'
import {
  allSource,
  allSourceWithin,
  categorySource,
  categorySourceWithin,
  querySource,
  querySourceWithin,
  type SessionReading,
  streamSource,
  streamSourceWithin,
  typeSource,
  typeSourceWithin,
} from './sources.ts'
import {
  createStream,
  deleteStream,
  restoreStream,
  setMetadata,
  setRetention,
  tombstoneStream,
  truncateBefore,
} from './stream-changes.ts'
import { readInfo, readMetadata, readState } from './stream-info.ts'
import { linkRequest } from './stream-links.ts'
import { userKeyReader, userKeyWriter } from './user-keys.ts'

/** Lays the store over a transaction that writes. */
export function storeTransaction(
  host: StoreHost,
  broker: Broker,
  sessions: Sessions,
  tx: Transaction,
): StoreTransaction {
  const known = sessions.get(tx)
  const session = known ?? new StoreSession(host, tx, { memory: 'read-snapshot', keepsEvents: true })
  sessions.set(tx, session)
  const scene: SessionReading = { session, reading: readingWithin(session, host) }
  const stream = <E extends EventShape>(id: string): Stream<E, TransactionEvent<E>, undefined> =>
    streamWithin<E>(host, scene, id, groups)
  const view = viewWithin(session, host)
  const birth: GroupBirth = { tx, view, stateOf: (id) => session.stream(id) }
  const groups: GroupsOf = (source) => groupSource(broker, source, birth)
  const made: StoreTransaction = {
    all: { ...allSourceWithin(scene), ...groups({ kind: 'all' }) },
    ...sourcesWithin(scene, groups),
    stream,
    createStream: async <E extends EventShape>(id: string, options: CreateStreamOptions = {}) => {
      checkWritableStreamId(id)
      await createStream({ host, session }, id, options)
      return stream<E>(id)
    },
    append: async (appends, options = {}) =>
      appendWithin(session, prepareMany(appends, options, host.keys.codecs)),
    kv: userKeyWriter(tx, host.keys.user),
    afterCommit: (callback) =>
      tx.afterCommit((commit) => {
        const { lastUserVersion } = session
        callback({
          position: lastUserVersion === undefined ? undefined : positionOf(commit.stamp(lastUserVersion)),
        })
      }),
  }
  insides.set(made, { host, session, view })
  return made
}

const insides = new WeakMap<StoreTransaction, TransactionScene>()

/** The inside of a transaction that a store has made. @throws InvalidArgumentError for anything else, and for one of another store */
export function insideOf(tx: StoreTransaction, host: StoreHost): TransactionScene {
  const inside = insides.get(tx)
  if (inside?.host === host) return inside
  throw new InvalidArgumentError('This is not a transaction of this store')
}

/** What a source within a transaction can do besides being read. */
type GroupsOf = <Place>(source: SourceName) => GroupSource<Place, void>

/** Lays the store over a transaction that only reads. */
export function storeReadTransaction(host: StoreHost, tx: ReadTransaction): StoreReadTransaction {
  const reading = readingIn(tx, host)
  const view = viewOf(tx, host)
  return {
    all: allSource(reading),
    ...readableSources(reading),
    stream: <E extends EventShape>(id: string) => readonlyStream<E>(reading, view, id),
    kv: userKeyReader(tx, host.keys.user),
  }
}

function readableSources(reading: Reading): ReadableSources {
  return {
    category: <E extends EventShape>(category: string) =>
      categorySource(reading, category) as ReadableSource<RecordedEvent<E>>,
    eventType: <E extends EventShape>(type: string) =>
      typeSource(reading, type) as ReadableSource<RecordedEvent<E>>,
    query: <E extends EventShape>(query: Query) =>
      querySource(reading, query) as ReadableSource<RecordedEvent<E>>,
  }
}

function sourcesWithin(scene: SessionReading, groups: GroupsOf): TransactionSources {
  const both = <E extends EventShape>(readable: ReadableSource<TransactionEvent>, name: SourceName) =>
    ({ ...readable, ...groups<bigint>(name) }) as unknown as TransactionSource<TransactionEvent<E>>
  return {
    category: <E extends EventShape>(category: string) =>
      both<E>(categorySourceWithin(scene, category), { kind: 'category', category }),
    eventType: <E extends EventShape>(type: string) =>
      both<E>(typeSourceWithin(scene, type), { kind: 'type', type }),
    query: <E extends EventShape>(query: Query) =>
      both<E>(querySourceWithin(scene, query), { kind: 'query', query }),
  }
}

function readonlyStream<E extends EventShape>(
  reading: Reading,
  view: View,
  id: string,
): ReadonlyStream<E, RecordedEvent<E>> {
  const { tx, keys } = view
  const source = streamSource(reading, id)
  return {
    id,
    read: source.read,
    event: async (version: number) => eventIn(source, version),
    exists: async () => (await readState(view, id)) === 'live',
    info: () => readInfo(view, id),
    metadata: () => readMetadata(tx, keys, id),
    snapshots: <S>(name: string, options: SnapshotOptions = {}) => snapshotReader<S>(view, id, name, options),
  } as ReadonlyStream<E, RecordedEvent<E>>
}

function streamWithin<E extends EventShape>(
  host: StoreHost,
  scene: SessionReading,
  id: string,
  groups: GroupsOf,
): Stream<E, TransactionEvent<E>, undefined> {
  const { session } = scene
  const changing = { host, session }
  const view = viewWithin(session, host)
  const source = streamSourceWithin(scene, id)
  const stream: Stream<EventShape, TransactionEvent, undefined> = {
    id,
    read: source.read,
    ...groups<number>({ kind: 'stream', streamId: id }),
    append: async (events, options = {}) =>
      one(await appendWithin(session, prepareOne(id, events, options, host.keys.codecs))),
    linkTo: async (event, options = {}) => {
      const append = async () => session.appendWhenReady(await linkRequest(view, id, event, options))
      return one((await session.inTurn(append)).map(pendingResultOf))
    },
    event: async (version) => eventIn(source, version),
    exists: async () => (await session.stream(id)).state === 'live',
    info: () => readInfo(view, id),
    metadata: () => readMetadata(session.tx, host.keys, id),
    setMetadata: (patch) => changeOf(id, () => setMetadata(changing, id, patch)),
    setRetention: (patch) => changeOf(id, () => setRetention(changing, id, patch)),
    truncateBefore: (version) => changeOf(id, () => truncateBefore(changing, id, version)),
    delete: (options = {}) => changeOf(id, () => deleteStream(changing, id, options)),
    restore: () => changeOf(id, () => restoreStream(changing, id)),
    tombstone: (options = {}) => changeOf(id, () => tombstoneStream(changing, id, options)),
    snapshots: <S>(name: string, options: SnapshotOptions = {}) =>
      snapshotWriter<S>(changing, view, id, name, options),
  }
  return stream as unknown as Stream<E, TransactionEvent<E>, undefined>
}

function eventIn<R>(source: ReadableSource<R, StreamReadOptions>, version: number): Promise<R | undefined> {
  checkVersion(version)
  return source.read({ from: version, to: version }).first()
}

/** System streams are changed by what happens to others only. */
async function changeOf<T>(id: string, change: () => Promise<T>): Promise<T> {
  checkWritableStreamId(id)
  return change()
}

async function appendWithin(
  session: StoreSession,
  request: PreparedRequest,
): Promise<readonly AppendResult<undefined>[]> {
  // One whose fingerprint is still being computed keeps its place.
  const appended = await (request instanceof Promise
    ? session.inTurn(async () => session.appendWhenReady(await request))
    : session.append(request))
  return appended.map(pendingResultOf)
}

function one(results: readonly AppendResult<undefined>[]): AppendResult<undefined> {
  return results[0]!
}
