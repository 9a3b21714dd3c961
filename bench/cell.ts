import { eventSource, randomOf } from './events.ts'
import { measured, type Seen } from './measured.ts'
import type { OpenProgram, Program } from './program.ts'
import { eventdbOn } from './programs/eventdb.ts'
import { fileByHand } from './programs/file-by-hand.ts'
import { lmdbByHand } from './programs/lmdb-by-hand.ts'
import { sqliteByHand } from './programs/sqlite-by-hand.ts'

/** One measurement: a program, a place and some work. Runs in a process of its own. */
export interface Cell {
  readonly program: keyof typeof PROGRAMS
  readonly folder: string
  readonly work: Work
}

/** What is done. */
export type Work =
  | { readonly kind: 'build'; readonly events: number }
  | {
      readonly kind: 'append'
      readonly inFlight: number
      readonly events: number
      readonly streams: 'random' | 'recent'
      readonly ids: boolean
      readonly batch: number
    }
  | { readonly kind: 'read-log'; readonly touch: boolean }
  | { readonly kind: 'read-streams'; readonly touch: boolean; readonly streams: number }

/** How many streams random appends are spread over. */
const STREAMS = 20_000
/** Events that a stream gets before recent appends leave it, on average. */
const EVENTS_A_STREAM = 50

const PROGRAMS = {
  'eventdb on sqlite': eventdbOn('sqlite'),
  'eventdb on lmdb': eventdbOn('lmdb'),
  'eventdb in memory': eventdbOn('memory'),
  'sqlite by hand': sqliteByHand,
  'lmdb by hand': lmdbByHand,
  'file by hand': fileByHand,
} satisfies Record<string, OpenProgram>

async function main(): Promise<void> {
  const { program, folder, work } = JSON.parse(process.argv[2]!) as Cell
  const opened = await PROGRAMS[program](folder)
  const seen = await run(opened, work)
  await opened.close()
  console.log(JSON.stringify(seen))
}

async function run(program: Program, work: Work): Promise<Seen> {
  switch (work.kind) {
    case 'build':
      return measured(() => build(program, work.events))
    case 'append': {
      const append = appender(program, work)
      // The first part warms up: the compiler, the caches, and the first pages of the file.
      await append(Math.max(work.inFlight * work.batch * 4, work.events / 5))
      return measured(() => append(work.events))
    }
    case 'read-log':
      return measured(() => program.readLog(work.touch))
    case 'read-streams':
      return measured(() => readStreams(program, work.streams, work.touch))
  }
}

async function build(program: Program, events: number): Promise<number> {
  const next = eventSource(1, false)
  const random = randomOf(2)
  for (let done = 0; done < events; done += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, () => program.append(`stream-${Math.floor(random() * STREAMS)}`, next())),
    )
  }
  return events
}

/** Keeps a number of appends in flight until enough events are in. */
function appender(
  program: Program,
  work: Extract<Work, { kind: 'append' }>,
): (events: number) => Promise<number> {
  const next = eventSource(process.pid, work.ids)
  const random = randomOf(process.pid)
  let count = 0
  const streamId = (): string => {
    count += work.batch
    if (work.streams === 'random') return `stream-${Math.floor(random() * STREAMS)}`
    // A window of live streams that moves on: what a business does with its orders.
    return `recent-${process.pid}-${Math.floor(count / EVENTS_A_STREAM + random() * 200)}`
  }
  const one = (): Promise<unknown> =>
    work.batch === 1
      ? program.append(streamId(), next())
      : program.appendBatch(streamId(), Array.from({ length: work.batch }, next))
  return async (events) => {
    let left = events
    const client = async (): Promise<void> => {
      for (; left > 0; ) {
        left -= work.batch
        await one()
      }
    }
    await Promise.all(Array.from({ length: work.inFlight }, client))
    return events
  }
}

async function readStreams(program: Program, streams: number, touch: boolean): Promise<number> {
  const random = randomOf(3)
  let events = 0
  for (let read = 0; read < streams; read += 1)
    events += await program.readStream(`stream-${Math.floor(random() * STREAMS)}`, touch)
  return events
}

await main()
