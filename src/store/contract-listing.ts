/** What is read page by page while it is iterated. Nothing happens until then, and it can be iterated again. */
export interface Listing<T> extends AsyncIterable<T> {
  /** Reads everything into one array. */
  toArray(): Promise<T[]>
}
