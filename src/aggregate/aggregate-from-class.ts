import { InvalidArgumentError } from '../errors.ts'
import type {
  Aggregate,
  AggregateSettings,
  CommandContext,
  Decision,
  FoldedEvent,
} from '../store/contract-aggregates.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { checkSettings, SETTINGS } from './aggregate-settings.ts'
import { checkEvents } from './define-aggregate.ts'

/** What an aggregate needs besides its class. */
export interface FromClassDefinition<E extends EventShape, S extends object> extends AggregateSettings<S> {
  /** Makes one without events. */
  readonly create: () => S
  /** Changes it as an event says. */
  readonly apply: (state: S, event: FoldedEvent<E>) => void
  /** Makes another one with the same state: those that were handed out do not change any more. */
  readonly copy: (state: S) => S
}

/** The methods of a class that are commands: they return events. */
export type MethodCommands<E extends EventShape, S> = {
  readonly [Name in keyof S as IsCommand<E, S[Name]> extends true ? Name : never]: S[Name] extends (
    ...given: infer Given
  ) => infer Result
    ? (state: S, ...given: Given) => Result
    : never
}

type IsCommand<E extends EventShape, Method> = Method extends (
  input: never,
  context: CommandContext,
) => infer Result
  ? [Awaited<Result>] extends [NoEvents]
    ? false
    : [Awaited<Result>] extends [Decision<E>]
      ? true
      : false
  : false

/** What a method returns that is no command, or one that never decides anything. */
type NoEvents = ReturnType<() => void>

const checkNames = onlyNames('The definition of an aggregate', 'create', 'apply', 'copy', ...SETTINGS)

/**
 * Makes aggregates of a class. Its methods that return events are the commands: `method(input, context)`. They must leave the object as it is,
 * which others have, too; only `apply` changes it. They need a return type, as `type` is any text otherwise, and no command is found.
 *
 * ```ts
 * const cart = aggregateFromClass(defineEvents<CartEvent>(), {
 *   category: 'cart',
 *   create: () => new Cart(),
 *   apply: (cart, event) => cart.apply(event),
 *   copy: (cart) => cart.copy(),
 * })
 * ```
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function aggregateFromClass<E extends EventShape, S extends object>(
  events: EventTypes<E>,
  definition: FromClassDefinition<E, S> & { readonly create: () => S },
): Aggregate<E, S, MethodCommands<E, S>> {
  checkNames(definition)
  const { create, apply, copy, ...settings } = definition
  checkSettings(settings)
  checkEvents(events)
  for (const [name, value] of Object.entries({ create, apply, copy })) {
    if (typeof value === 'function') continue
    throw new InvalidArgumentError(`${name} must be a function, not ${describe(value)}`, { name })
  }
  return {
    ...settings,
    events,
    initialState: create,
    evolve: (state, event) => {
      apply(state, event)
      return state
    },
    commands: methodsOf(create()) as unknown as MethodCommands<E, S>,
    cases: undefined,
    mustKnow: undefined,
    copy,
  }
}

type Method = (this: object, ...given: readonly unknown[]) => unknown

/** All methods of an object, to be called with the object first. Which of them are commands is the compiler's business. */
function methodsOf(
  instance: object,
): Readonly<Record<string, (state: object, ...given: unknown[]) => unknown>> {
  if (typeof instance !== 'object' || instance === null) {
    throw new InvalidArgumentError(`create must make an object, not ${describe(instance)}`)
  }
  const methods: Record<string, (state: object, ...given: unknown[]) => unknown> = {}
  for (
    let at: object | null = instance;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value !== 'function' || name === 'constructor' || name in methods) continue
      methods[name] = (state, ...given) => (state as Record<string, Method>)[name]!(...given)
    }
  }
  return methods
}
