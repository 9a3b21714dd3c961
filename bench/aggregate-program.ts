import type { OrderEvent, OrderState } from './aggregate-decider.ts'

/** Aggregates that are there already: so many, each with so many events. */
export interface Filled {
  readonly aggregates: number
  readonly events: number
}

/** How ours comes to a state: from all events, from a snapshot and what is behind it, or from memory after a look at the store. */
export type LoadWay = 'fold' | 'snapshot' | 'cache'

/** What a program is opened with. */
export interface ProgramOptions {
  readonly folder: string
  /** Whether there are snapshots. */
  readonly way: LoadWay
  /** States that are kept in memory, if they are; `undefined` for as many as usual. */
  readonly cacheMax: number | undefined
}

/** Runs a command on an aggregate, and resolves to how often it was decided. */
export type Execute = (id: string, event: OrderEvent) => Promise<number>

/** Something that has aggregates, so that ours and Emmett's are measured by the same code. */
export interface AggregateProgram {
  /** Makes aggregates. */
  fill(filled: readonly Filled[]): Promise<void>
  load(id: string): Promise<OrderState>
  /** Makes one of several that execute commands side by side. `mayTryAgain` is asked about errors after which a command could have another try. */
  executor(mayTryAgain: (error: unknown) => boolean): Execute
  /** Makes one that appends the same events without looking at any state. */
  appender(): Execute
  /** How many events there are. */
  countEvents(): Promise<number>
  close(): Promise<void>
}

/** Opens a program. */
export type OpenAggregates = (options: ProgramOptions) => Promise<AggregateProgram>

/** The id of an aggregate, by its number. */
export function idOf({ events }: Filled, number: number): string {
  return `${events}-${number}`
}

/** How many events behind its snapshot an aggregate is: what a snapshot after each 100 leaves, on average. */
export function eventsBehindSnapshot(events: number): number {
  return Math.min(50, events / 2)
}
