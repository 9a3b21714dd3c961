import { InvalidArgumentError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import type {
  Aggregate,
  AggregateSettings,
  Decider,
  DeciderCommands,
  Evolve,
} from '../store/contract-aggregates.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { checkSettings, SETTINGS } from './aggregate-settings.ts'
import { checkEvents } from './define-aggregate.ts'

/** What an aggregate needs besides its decider. */
export interface FromDeciderOptions<E extends EventShape, S> extends AggregateSettings<S> {
  /** Schemas and upcasters. @default what the decider says of its events, unchecked */
  readonly events?: EventTypes<E>
}

const checkNames = onlyNames('The options of aggregateFromDecider', 'events', ...SETTINGS)

/**
 * Makes aggregates of a decider from elsewhere, as it is. A command is an object of whatever type `decide` takes.
 *
 * ```ts
 * const carts = store.aggregate(aggregateFromDecider(decider, { category: 'cart' }))
 * await carts.execute('1', { type: 'AddItem', data: { sku: 'a' } })
 * ```
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function aggregateFromDecider<Cmd, E extends EventShape, S>(
  decider: Decider<Cmd, E, S>,
  options: FromDeciderOptions<E, S>,
): Aggregate<E, S, DeciderCommands<Cmd>> {
  checkNames(options)
  const { events = defineEvents<E>(), ...settings } = options
  checkSettings(settings)
  checkEvents(events)
  const { initialState, evolve, decide } = decider
  for (const [name, value] of Object.entries({ evolve, decide })) {
    if (typeof value === 'function') continue
    throw new InvalidArgumentError(`${name} of a decider must be a function, not ${describe(value)}`, {
      name,
    })
  }
  const decideByState = (state: S, command: Cmd): ReturnType<typeof decide> => decide(command, state)
  return {
    ...settings,
    events,
    initialState: typeof initialState === 'function' ? (initialState as () => S) : () => initialState,
    evolve: evolve as Evolve<E, S>,
    commands: { [DECIDE]: decideByState } as unknown as DeciderCommands<Cmd>,
    cases: undefined,
    mustKnow: undefined,
    copy: undefined,
  }
}

/** By which the one command of a decider is found, and told from commands with names. */
export const DECIDE: unique symbol = Symbol('decide')
