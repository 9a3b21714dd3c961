import type { Listing } from './contract-listing.ts'

/** Makes a listing of what is iterated. `open` begins at the beginning each time, as a listing can be iterated again. */
export function listing<T>(open: () => AsyncIterable<T>): Listing<T> {
  return {
    [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator](),
    async toArray() {
      const all: T[] = []
      for await (const one of open()) all.push(one)
      return all
    },
  }
}
