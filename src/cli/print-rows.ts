import type { Invocation } from './command.ts'
import { type TextColumn, TextTable } from './text-table.ts'

/** Rows that are printed together. */
const PAGE = 256

/** How things are listed. */
export interface Listing<T> {
  readonly columns: readonly TextColumn[]
  /** The printable cells of one. */
  row(item: T): readonly string[]
  /** One line of JSON without its end. */
  json(item: T): string
}

/** Prints things page by page, as a table or as NDJSON. */
export async function printRows<T>(
  items: AsyncIterable<T>,
  listing: Listing<T>,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<void> {
  const table = new TextTable(listing.columns, out)
  let page: T[] = []
  let isBegun = false
  const flush = async (): Promise<void> => {
    if (json) await out.write(page.map((item) => `${listing.json(item)}\n`).join(''))
    else await out.write(table.page(page.map((item) => listing.row(item))))
    page = []
    isBegun = true
  }
  let count = 0
  for await (const item of items) {
    if (count >= limit) break
    count += 1
    page.push(item)
    if (page.length >= PAGE) await flush()
  }
  if (page.length > 0 || !isBegun) await flush()
}
