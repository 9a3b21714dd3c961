import { InvalidArgumentError } from '../errors.ts'
import type {
  Aggregate,
  AggregateDefinition,
  Commands,
  Evolve,
  EvolveCases,
} from '../store/contract-aggregates.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { describe } from '../store/text.ts'
import { checkSettings, SETTINGS } from './aggregate-settings.ts'

const checkNames = onlyNames(
  'The definition of an aggregate',
  'initialState',
  'evolve',
  'commands',
  'exhaustive',
  ...SETTINGS,
)

/**
 * Defines a kind of aggregates: what they begin as, how events change them, and which commands they take. The types of everything follow from
 * `events` and `initialState`; only the inputs of commands are annotated.
 *
 * ```ts
 * const counter = defineAggregate(defineEvents<{ type: 'Counted'; data: { by: number } }>(), {
 *   category: 'counter',
 *   initialState: () => 0,
 *   evolve: { Counted: (sum, { data }) => sum + data.by },
 *   commands: { count: (_sum, by: number) => ({ type: 'Counted', data: { by } }) },
 * })
 * ```
 *
 * @throws InvalidArgumentError, LimitExceededError
 */
export function defineAggregate<
  E extends EventShape,
  S,
  C extends Commands<E, NoInfer<S>>,
  const Exhaustive extends boolean = false,
>(events: EventTypes<E>, definition: AggregateDefinition<E, S, C, Exhaustive>): Aggregate<E, S, C> {
  checkNames(definition)
  const { initialState, evolve, commands, exhaustive = false, ...settings } = definition
  checkSettings(settings)
  checkEvents(events)
  if (typeof initialState !== 'function') {
    throw new InvalidArgumentError(`initialState must be a function, not ${describe(initialState)}`)
  }
  checkFunctions('commands', commands)
  if (typeof exhaustive !== 'boolean') {
    throw new InvalidArgumentError(`exhaustive is true or false, not ${describe(exhaustive)}`, { exhaustive })
  }
  const cases = evolve as Partial<EvolveCases<E, S>> | Evolve<E, S>
  if (typeof cases !== 'function') checkCases(cases, events.types)
  const known = typeof cases === 'function' ? events.types : Object.keys(cases)
  if (exhaustive && known === undefined) {
    throw new InvalidArgumentError('exhaustive needs cases of evolve, or events that are listed')
  }
  return {
    ...settings,
    events,
    initialState,
    evolve: typeof cases === 'function' ? cases : evolveByType(cases),
    commands: { ...commands },
    cases: typeof cases === 'function' ? undefined : Object.keys(cases),
    mustKnow: exhaustive ? new Set(known) : undefined,
    copy: undefined,
  }
}

/** Checks what must come from `defineEvents`. @throws InvalidArgumentError */
export function checkEvents(events: unknown): void {
  const isMade = typeof events === 'object' && events !== null && 'upToDate' in events && 'checked' in events
  if (isMade) return
  throw new InvalidArgumentError(`Events are described by defineEvents(…), not by ${describe(events)}`)
}

/** Checks an object whose members are functions. @throws InvalidArgumentError */
export function checkFunctions(what: string, functions: unknown): asserts functions is object {
  if (typeof functions !== 'object' || functions === null) {
    throw new InvalidArgumentError(`${what} must be an object, not ${describe(functions)}`)
  }
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value === 'function') continue
    throw new InvalidArgumentError(`${what}.${name} must be a function, not ${describe(value)}`, { name })
  }
}

function checkCases(cases: object, types: readonly string[] | undefined): void {
  checkFunctions('evolve', cases)
  for (const type of Object.keys(cases)) {
    if (types === undefined || types.includes(type)) continue
    throw new InvalidArgumentError(`evolve has a case for ${type}, but the types are ${types.join(', ')}`, {
      type,
    })
  }
}

function evolveByType<E extends EventShape, S>(cases: Partial<EvolveCases<E, S>>): Evolve<E, S> {
  const byType = new Map(Object.entries(cases)) as Map<string, Evolve<E, S>>
  return (state, event) => {
    const evolve = byType.get(event.type)
    return evolve === undefined ? state : evolve(state, event)
  }
}
