import type {
  AllReadOptions,
  AppendResult,
  EventRead,
  EventSource,
  EventStore,
  GroupSource,
  MultiAppendOptions,
  PositionReadOptions,
  Query,
  ReadableSource,
  RecordedEvent,
  Snapshots,
  StoreTransaction,
  Stream,
  StreamAppend,
  StreamReadOptions,
  SubscribableStream,
} from 'eventdb'

/**
 * The same store, but everything that a transaction can do is done in a transaction that the caller runs: `store.within(tx)`. What is known
 * only after the commit, the position of an append, is read afterwards.
 */
export function withinTransactions(store: EventStore): EventStore {
  const within = <T>(body: (tx: StoreTransaction) => Promise<T>): Promise<T> =>
    store.kv.transact((tx) => body(store.within(tx)))
  const source = <Options extends { readonly signal?: AbortSignal | undefined }, Place>(
    outside: EventSource<RecordedEvent, Options, Place>,
    sourceIn: (tx: StoreTransaction) => ReadableSource<unknown, Options> & GroupSource<Place, unknown>,
  ): EventSource<RecordedEvent, Options, Place> => ({
    // Subscriptions outlive transactions; groups are created in them.
    subscribe: outside.subscribe.bind(outside),
    subscription: outside.subscription.bind(outside),
    createSubscription: async (name, options) => {
      await within((tx) => sourceIn(tx).createSubscription(name, options))
      return outside.subscription(name)
    },
    read: (options) => {
      // Options are checked when they are given, whoever reads.
      outside.read(options)
      return readWithin(within, sourceIn, options && { ...options })
    },
  })
  const positioned = async (result: AppendResult<undefined>): Promise<AppendResult> => {
    const { streamId, firstVersion, lastVersion } = result
    const isEmpty = lastVersion < firstVersion
    const last = isEmpty
      ? undefined
      : await store.stream(streamId).read({ from: lastVersion, to: lastVersion, resolveLinks: false }).first()
    return { ...result, position: last?.position }
  }
  const overridden: Partial<EventStore> = {
    all: source<AllReadOptions, bigint>(store.all, (tx) => tx.all),
    category: ((name: string) =>
      source<PositionReadOptions, bigint>(store.category(name), (tx) =>
        tx.category(name),
      )) as EventStore['category'],
    eventType: ((type: string) =>
      source<PositionReadOptions, bigint>(store.eventType(type), (tx) =>
        tx.eventType(type),
      )) as EventStore['eventType'],
    query: ((query: Query) => {
      const copy = structuredClone(query)
      return source<PositionReadOptions, bigint>(store.query(query), (tx) => tx.query(copy))
    }) as EventStore['query'],
    stream: ((id: string) => {
      const sources = source<StreamReadOptions, number>(store.stream(id), (tx) => tx.stream(id))
      return { ...streamWithin(store.stream(id), within, sources.read, positioned), ...sources }
    }) as EventStore['stream'],
    createStream: (async (id: string, options) => {
      await within((tx) => tx.createStream(id, options))
      return overridden.stream!(id)
    }) as EventStore['createStream'],
    append: async (appends: readonly StreamAppend[], { signal, ...options }: MultiAppendOptions = {}) => {
      signal?.throwIfAborted()
      return Promise.all((await within((tx) => tx.append(appends, options))).map(positioned))
    },
    transact: (body, options) => store.kv.transact((tx) => body(store.within(tx)), options),
  }
  return new Proxy(store, {
    get: (target, name) => {
      const own = (overridden as Record<PropertyKey, unknown>)[name]
      if (own !== undefined) return own
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

type Within = <T>(body: (tx: StoreTransaction) => Promise<T>) => Promise<T>

function streamWithin(
  outside: SubscribableStream,
  within: Within,
  read: Stream['read'],
  positioned: (result: AppendResult<undefined>) => Promise<AppendResult>,
): Omit<Stream, 'createSubscription'> {
  const { id } = outside
  const call =
    <Args extends unknown[], T>(
      method: (stream: Stream<never, never, undefined>, ...args: Args) => Promise<T>,
    ) =>
    (...args: Args): Promise<T> =>
      within((tx) => method(tx.stream(id) as unknown as Stream<never, never, undefined>, ...args))
  return {
    id,
    read,
    append: async (events, { signal, ...options } = {}) => {
      signal?.throwIfAborted()
      return positioned(await within((tx) => tx.stream(id).append(events, options)))
    },
    linkTo: async (event, options) => positioned(await within((tx) => tx.stream(id).linkTo(event, options))),
    event: (version) => within((tx) => tx.stream(id).event(version)) as Promise<RecordedEvent | undefined>,
    exists: call((stream) => stream.exists()),
    info: call((stream) => stream.info()),
    metadata: call((stream) => stream.metadata()),
    setMetadata: call((stream, patch) => stream.setMetadata(patch)),
    setRetention: call((stream, patch) => stream.setRetention(patch)),
    truncateBefore: call((stream, version) => stream.truncateBefore(version)),
    delete: call((stream, options) => stream.delete(options)),
    restore: call((stream) => stream.restore()),
    tombstone: call((stream, options) => stream.tombstone(options)),
    snapshots: <S>(...given: Parameters<Stream['snapshots']>): Snapshots<S> => {
      outside.snapshots(...given)
      return snapshotsWithin((body) => within((tx) => body(tx.stream(id).snapshots<S>(...given))))
    },
  }
}

function snapshotsWithin<S>(
  within: <T>(body: (snapshots: Snapshots<S>) => Promise<T>) => Promise<T>,
): Snapshots<S> {
  return {
    save: (version, state) => within((snapshots) => snapshots.save(version, state)),
    closest: (version) => within((snapshots) => snapshots.closest(version)),
    list: () => within((snapshots) => snapshots.list()),
    delete: (version) => within((snapshots) => snapshots.delete(version)),
  }
}

function readWithin<Options extends { readonly signal?: AbortSignal | undefined }>(
  within: Within,
  sourceIn: (tx: StoreTransaction) => ReadableSource<unknown, Options>,
  options: Options | undefined,
): EventRead<RecordedEvent> {
  const run = <T>(end: (read: EventRead<unknown>) => Promise<T>): Promise<T> =>
    within((tx) => end(sourceIn(tx).read(options)))
  const toArray = (): Promise<RecordedEvent[]> => run((read) => read.toArray()) as Promise<RecordedEvent[]>
  return {
    toArray,
    first: () => run((read) => read.first()) as Promise<RecordedEvent | undefined>,
    last: () => run((read) => read.last()) as Promise<RecordedEvent | undefined>,
    async *batches() {
      const events = await toArray()
      options?.signal?.throwIfAborted()
      if (events.length > 0) yield events
    },
    async *[Symbol.asyncIterator]() {
      for (const event of await toArray()) {
        options?.signal?.throwIfAborted()
        yield event
      }
    },
  }
}
