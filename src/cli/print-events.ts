import type { EventRead, RecordedEvent } from 'eventdb'
import type { Invocation } from './command.ts'
import { formatEventLines } from './event-line.ts'
import { EventTable } from './event-table.ts'

/** Prints events as they are read, as a table or as NDJSON. `global` is for events of several streams. Returns how many there were. */
export async function printEvents(
  events: EventRead<RecordedEvent>,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
  global: boolean,
): Promise<number> {
  const table = new EventTable({ columns: out.columns, paint: out.paint, global })
  let count = 0
  for await (const batch of events.batches()) {
    if (!json && count === 0) await out.line(table.header(batch))
    await out.write(json ? formatEventLines(batch) : table.rows(batch))
    count += batch.length
  }
  return count
}
