import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type NewEvent, openEventStore } from 'eventdb'

/** Events of one transaction. */
const BATCH = 2_000

/** Fills a new store with the events of a file like `../shared/data/expense-declarations.ndjson.gz`. Returns how many those are. */
export async function importDeclarations(
  folder: string,
  engine: 'sqlite' | 'lmdb',
  file: string,
): Promise<number> {
  await using store = await openEventStore(folder, { engine })
  const lines = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n')
  for (let from = 0; from < lines.length; from += BATCH) {
    const batch = lines
      .slice(from, from + BATCH)
      .map((line) => JSON.parse(line) as NewEvent & { stream: string })
    await store.transact(async (tx) => {
      for (const { stream, type, data, metadata } of batch)
        await tx.stream(stream).append({ type, data, metadata })
    })
  }
  return lines.length
}
