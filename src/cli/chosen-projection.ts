import { type EventStore, type ProjectionHandle, ProjectionNotFoundError } from 'eventdb'
import { type Arguments, positionalsUpTo } from './arguments.ts'
import type { Invocation } from './command.ts'
import { CommandError, UsageError } from './errors.ts'
import { withExistingStore } from './open-store.ts'
import { didYouMean } from './suggest.ts'

/** A projection that is read as it is stored, since nobody here knows its definition. */
export type StoredProjection = ProjectionHandle<unknown>

/** The name of the projection. @throws UsageError if there is none, or too much behind it */
export function projectionName(args: Arguments, countMax = 1): string {
  const [name] = positionalsUpTo(args, countMax)
  if (name === undefined || name === '') {
    throw new UsageError('NAME is missing: eventdb projections list shows the names')
  }
  return name
}

/** Does something with the projection that was named, in the store that is there. @throws CommandError if there is none of that name */
export function withProjection<T>(
  invocation: Invocation,
  use: (projection: StoredProjection) => Promise<T>,
  countMax = 1,
): Promise<T> {
  const name = projectionName(invocation.args, countMax)
  return withExistingStore(invocation, async (store) => {
    try {
      return await use(store.projection(name))
    } catch (error) {
      throw error instanceof ProjectionNotFoundError ? await notThere(store, name, error) : error
    }
  })
}

async function notThere(store: EventStore, name: string, cause: unknown): Promise<CommandError> {
  const names: string[] = []
  for await (const entry of store.projections()) names.push(entry.name)
  return new CommandError(`There is no projection ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    hint: 'eventdb projections list shows those that there are',
    cause,
  })
}
