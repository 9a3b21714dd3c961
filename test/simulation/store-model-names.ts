import type { Query } from 'eventdb'
import type { ModelSeries } from './store-model-operations.ts'

/** Few names, so that operations meet; with neighbours in the order of bytes, and none that are prefixes by accident only. */
export const STREAMS: readonly string[] = ['a', 'b-1', 'b-2', 'b-10', 'c', 'é-1', '-d']
/** Categories of the streams, and one that there is not. */
export const CATEGORIES: readonly string[] = ['a', 'b', 'c', 'é', '-d', 'b-1']
/** Types of events. */
export const TYPES: readonly string[] = ['A', 'B', 'AB']
/** Types by which is read: those, that of links, and one that there is not. */
export const TYPES_READ: readonly string[] = [...TYPES, '$link', 'X']
/** Tags of events. */
export const TAGS: readonly string[] = ['x', 'y', 'x:1', 'ü']
/** All snapshots that are ever saved. */
export const SERIES: readonly ModelSeries[] = STREAMS.slice(0, 3).flatMap((streamId) =>
  [
    { streamId, name: 's', schemaVersion: 1 },
    { streamId, name: 's', schemaVersion: 2 },
    { streamId, name: 't', schemaVersion: 1 },
  ].slice(0, streamId === 'a' ? 3 : 1),
)

/** One of a list. */
export function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!
}

/** A whole number from 0 on, below `end`. */
export function below(random: () => number, end: number): number {
  return Math.floor(random() * end)
}

/** A query of one or two items. */
export function randomQuery(random: () => number): Query {
  if (random() < 0.1) return {}
  const items = Array.from({ length: 1 + below(random, 2) }, () => ({
    types: random() < 0.6 ? sample(random, TYPES_READ, 2) : [],
    tags: random() < 0.6 ? sample(random, TAGS, 2) : [],
  }))
  return {
    items: items.map(({ types, tags }) => ({
      ...(types.length > 0 && { types }),
      ...(tags.length > 0 && { tags }),
    })),
  }
}

/** Some of a list, maybe none, maybe one twice. */
export function sample<T>(random: () => number, from: readonly T[], most: number): T[] {
  return Array.from({ length: below(random, most + 1) }, () => pick(random, from))
}
