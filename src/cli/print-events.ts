import type { EventRead, RecordedEvent } from 'eventdb'
import type { Invocation } from './command.ts'
import { formatEventLines } from './event-line.ts'
import { EventTable } from './event-table.ts'

/** Prints events in several goes, as a table or as NDJSON. `global` is for events of several streams. */
export class EventPrinter {
  readonly #to: Pick<Invocation, 'out' | 'json'>
  readonly #table: EventTable
  #count = 0

  constructor(to: Pick<Invocation, 'out' | 'json'>, global: boolean) {
    this.#to = to
    this.#table = new EventTable({ columns: to.out.columns, paint: to.out.paint, global })
  }

  /** How many there were so far. */
  get count(): number {
    return this.#count
  }

  /** Prints some more, at least one. */
  async print(events: readonly RecordedEvent[]): Promise<void> {
    const { out, json } = this.#to
    if (!json && this.#count === 0) await out.line(this.#table.header(events))
    await out.write(json ? formatEventLines(events) : this.#table.rows(events))
    this.#count += events.length
  }
}

/** Prints events as they are read, as a table or as NDJSON. `global` is for events of several streams. Returns how many there were. */
export async function printEvents(
  events: EventRead<RecordedEvent>,
  to: Pick<Invocation, 'out' | 'json'>,
  global: boolean,
): Promise<number> {
  const printer = new EventPrinter(to, global)
  for await (const batch of events.batches()) await printer.print(batch)
  return printer.count
}
