import type { EventRead } from './contract-reading.ts'

/** Gives the next events of a read, or `undefined` at the end. */
export type NextPage<R> = () => Promise<readonly R[] | undefined>

/** What `first` and `last` change about a read. */
export interface ReadShape {
  readonly limit: number
  readonly backwards: boolean
  readonly resolveLinks: boolean
}

/**
 * Makes a read out of pages: inside, many events cost one step; outside, they come one by one. `open` begins at the
 * beginning each time, as a read can be iterated again.
 */
export function pagedRead<R>(shape: ReadShape, open: (shape: ReadShape) => NextPage<R>): EventRead<R> {
  const read: EventRead<R> = {
    [Symbol.asyncIterator]: () => new PagedIterator(open(shape)),
    async *batches() {
      const next = open(shape)
      for (let page = await next(); page !== undefined; page = await next()) if (page.length > 0) yield page
    },
    toArray: () => collect(open(shape)),
    first: async () => (await collect(open({ ...shape, limit: Math.min(shape.limit, 1) })))[0],
    last: async () => {
      if (shape.limit !== Number.POSITIVE_INFINITY) return (await read.toArray()).at(-1)
      return (await collect(open({ ...shape, limit: 1, backwards: !shape.backwards })))[0]
    },
  }
  return read
}

async function collect<R>(next: NextPage<R>): Promise<R[]> {
  const all: R[] = []
  for (let page = await next(); page !== undefined; page = await next()) for (const one of page) all.push(one)
  return all
}

/** Written out, because a step of an async generator costs twice as much. */
class PagedIterator<R> implements AsyncIterator<R> {
  readonly #next: NextPage<R>
  #page: readonly R[] = []
  #at = 0
  #ended = false
  /** The page that is being read. Calls of `next` that do not wait for the one before take turns. */
  #turning: Promise<unknown> | undefined

  constructor(next: NextPage<R>) {
    this.#next = next
  }

  next(): Promise<IteratorResult<R>> {
    if (this.#turning !== undefined) return this.#turning.then(() => this.next())
    if (this.#at < this.#page.length) return Promise.resolve({ value: this.#page[this.#at++]!, done: false })
    const turned = this.#turn()
    const settle = (): void => {
      this.#turning = undefined
    }
    this.#turning = turned.then(settle, settle)
    return turned
  }

  return(): Promise<IteratorResult<R>> {
    this.#ended = true
    this.#page = []
    this.#at = 0
    return Promise.resolve({ value: undefined, done: true })
  }

  async #turn(): Promise<IteratorResult<R>> {
    while (!this.#ended) {
      const page = await this.#next()
      if (page === undefined) break
      this.#page = page
      this.#at = 1
      if (page.length > 0) return { value: page[0]!, done: false }
    }
    return this.return()
  }
}
