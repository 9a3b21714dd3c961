import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  decide,
  evolve,
  initialState,
  type OrderEvent,
  type OrderState,
  orderSource,
} from './aggregate-decider.ts'
import {
  type AggregateProgram,
  type Execute,
  type Filled,
  idOf,
  type OpenAggregates,
} from './aggregate-program.ts'

/** Events of one append while a store is filled. */
const FILL_EVENTS = 500
/** Streams that are filled in one transaction. */
const FILL_STREAMS = 1_000

/** What is used of Emmett. It is no dependency of this project, so its types may not be there. */
interface EmmettStore {
  aggregateStream(
    streamName: string,
    options: { readonly evolve: typeof evolve; readonly initialState: typeof initialState },
  ): Promise<{ readonly state: OrderState }>
  readStream(streamName: string): Promise<{ readonly currentStreamVersion: bigint }>
  appendToStream(streamName: string, events: readonly OrderEvent[]): Promise<unknown>
}

type CommandHandler = (options: {
  readonly evolve: typeof evolve
  readonly initialState: typeof initialState
  readonly mapToStreamId: (id: string) => string
  readonly retry: object
}) => (store: EmmettStore, id: string, handle: (state: OrderState) => OrderEvent) => Promise<unknown>

interface Emmett {
  readonly CommandHandler: CommandHandler
  getInMemoryEventStore(): EmmettStore
}

interface Connection {
  close(): void
  querySingle(sql: string): Promise<{ readonly events: number } | null>
  withTransaction(body: () => Promise<void>): Promise<void>
}

interface EmmettSqlite {
  getSQLiteEventStore(options: object): EmmettStore
  sqliteConnection(options: { readonly fileName: string }): Connection
  createEventStoreSchema(connection: Connection): Promise<void>
  appendToStream(
    connection: Connection,
    streamName: string,
    streamType: string,
    events: readonly OrderEvent[],
  ): Promise<unknown>
}

const require = createRequire(new URL('./emmett/package.json', import.meta.url))
const emmett = (): Emmett => require('@event-driven-io/emmett')
const emmettSqlite = (): EmmettSqlite => require('@event-driven-io/emmett-sqlite')

/** Why Emmett cannot be measured; `undefined` if it can. */
export function whyNoEmmett(): string | undefined {
  try {
    emmett()
    emmettSqlite()
    return undefined
  } catch (error) {
    return (error as Error).message.split('\n')[0]
  }
}

/**
 * How its `CommandHandler` tries again. With its own setting for conflicts, its SQLite store would get no other try: it throws a
 * copy of the class of errors that the setting looks for. So any error is tried again, and after shorter pauses.
 */
const RETRY = { retries: 20, minTimeout: 1, maxTimeout: 50, factor: 1.5, randomize: true }

const streamOf = (id: string): string => `order-${id}`

/** Emmett's store in memory: nothing is durable, and nothing is encoded. */
export const emmettInMemory: OpenAggregates = async () => {
  const store = emmett().getInMemoryEventStore()
  let streams: string[] = []
  return {
    fill: async (filled) => {
      await forEachStream(filled, (streamName, events) => store.appendToStream(streamName, events))
      streams = filled.flatMap((one) =>
        Array.from({ length: one.aggregates }, (_, at) => streamOf(idOf(one, at))),
      )
    },
    load: (id) => load(store, id),
    executor: (mayTryAgain) => executorOn(store, mayTryAgain),
    appender: () => noAppender(),
    countEvents: async () => {
      let events = 0
      for (const streamName of streams)
        events += Number((await store.readStream(streamName)).currentStreamVersion)
      return events
    },
    close: async () => {},
  }
}

/**
 * Emmett's SQLite store, one for each who executes commands: if they shared one, they would close the connection under each other.
 * With `isHeldOpen` there is another connection all the time, as there is while a consumer runs. Else the store, which opens and
 * closes a connection for each call, removes the write-ahead log each time.
 */
export function emmettOnSqlite(isHeldOpen: boolean): OpenAggregates {
  return async ({ folder }) => {
    tolerate()
    const { getSQLiteEventStore, sqliteConnection } = emmettSqlite()
    const fileName = join(folder, 'emmett.sqlite')
    const countEvents = async (connection: Connection): Promise<number> =>
      (await connection.querySingle('SELECT count(*) AS events FROM emt_messages'))!.events
    const open = (): EmmettStore => getSQLiteEventStore({ fileName, schema: { autoMigration: 'None' } })
    const held = isHeldOpen ? sqliteConnection({ fileName }) : undefined
    // It has nothing open before it has read something.
    await held?.querySingle('SELECT count(*) AS events FROM sqlite_master')
    const store = open()
    const program: AggregateProgram = {
      fill: (filled) => fillFile(fileName, filled),
      load: (id) => load(store, id),
      executor: (mayTryAgain) => executorOn(open(), mayTryAgain),
      appender: () => noAppender(),
      countEvents: async () => {
        const connection = held ?? sqliteConnection({ fileName })
        const events = await countEvents(connection)
        if (held === undefined) connection.close()
        return events
      },
      close: async () => held?.close(),
    }
    return program
  }
}

async function load(store: EmmettStore, id: string): Promise<OrderState> {
  return (await store.aggregateStream(streamOf(id), { evolve, initialState })).state
}

function executorOn(store: EmmettStore, shouldRetryError: (error: unknown) => boolean): Execute {
  const retry = { ...RETRY, shouldRetryError }
  const handle = emmett().CommandHandler({ evolve, initialState, mapToStreamId: streamOf, retry })
  return async (id, event) => {
    let decisions = 0
    await handle(store, id, (state) => {
      decisions += 1
      return decide(state, event)
    })
    return decisions
  }
}

function noAppender(): never {
  throw new Error('Only our own appends are measured')
}

/**
 * It logs errors that it throws as well, but what a measurement prints is read as JSON. And for each connection it asks SQLite for a
 * write-ahead log without listening to the answer, which may be that others are in the way.
 */
function tolerate(): void {
  console.log = () => {}
  process.on('uncaughtException', (error) => {
    if (error.message.startsWith('SQLITE_')) return
    console.error(error)
    process.exit(1)
  })
}

async function fillFile(fileName: string, filled: readonly Filled[]): Promise<void> {
  const { appendToStream, createEventStoreSchema, sqliteConnection } = emmettSqlite()
  const connection = sqliteConnection({ fileName })
  await createEventStoreSchema(connection)
  const group: (() => Promise<unknown>)[] = []
  const write = (): Promise<void> =>
    connection.withTransaction(async () => {
      for (const append of group.splice(0)) await append()
    })
  await forEachStream(filled, async (streamName, events) => {
    group.push(() => appendToStream(connection, streamName, 'order', events))
    if (group.length >= FILL_STREAMS) await write()
  })
  await write()
  connection.close()
}

async function forEachStream(
  filled: readonly Filled[],
  append: (streamName: string, events: readonly OrderEvent[]) => Promise<unknown>,
): Promise<void> {
  const next = orderSource(1)
  for (const one of filled) {
    for (let number = 0; number < one.aggregates; number += 1) {
      for (let left = one.events; left > 0; left -= FILL_EVENTS) {
        const events = Array.from({ length: Math.min(left, FILL_EVENTS) }, next)
        await append(streamOf(idOf(one, number)), events)
      }
    }
  }
}
