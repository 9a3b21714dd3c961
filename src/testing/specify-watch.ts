import { isPromise } from '../aggregate/decide.ts'
import { decidedEvent } from '../aggregate/decided-event.ts'
import type { Codecs } from '../store/codecs.ts'
import type { Aggregate, CommandContext, Evolve, FoldedEvent } from '../store/contract-aggregates.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape, NewEvent } from '../store/event.ts'
import { prepareEvents } from '../store/prepared-event.ts'
import { type Difference, differences, listed } from './specify-difference.ts'
import { Complaint, type Failure } from './specify-failure.ts'
import { copyOf, freezePlain } from './specify-state.ts'

/** What is said of whoever has changed a state. */
type Blame = (changes: readonly Difference[]) => string

type AnyCommand = (state: unknown, input: unknown, context: CommandContext) => unknown

/**
 * An aggregate that sees to it that its rules are kept: commands leave the state as it is, `evolve` too, unless it works on copies, which then
 * must be copies; and what is written is what is read.
 */
export class Watch<E extends EventShape, S> {
  /** The same aggregate, watched. */
  readonly aggregate: Aggregate<E, S, unknown>
  /** The first rule that was broken. */
  broken: Failure | undefined
  /** Whether a command has returned a promise. */
  hasPromised = false
  readonly #original: Aggregate<E, S, unknown>
  readonly #codecs: Codecs
  /** Whether what is folded was just decided. */
  #isDeciding = false
  /** The state of which the latest copy was made. */
  #copied: Guard | undefined

  constructor(aggregate: Aggregate<E, S, unknown>, codecs: Codecs) {
    this.#original = aggregate
    this.#codecs = codecs
    const { copy } = aggregate
    const commands = aggregate.commands as Readonly<Record<string | symbol, AnyCommand>>
    this.aggregate = {
      ...aggregate,
      events: this.#watchedEvents(aggregate.events),
      evolve: (state, event) => this.#evolve(state, event),
      // That of a decider has no name.
      commands: Object.fromEntries(
        Reflect.ownKeys(commands).map((name) => [name, this.#watchedCommand(nameOf(name), commands[name]!)]),
      ),
      copy: copy && ((state) => this.#copy(state, copy)),
    }
  }

  #watchedEvents(events: EventTypes<E>): EventTypes<E> {
    return {
      types: events.types,
      form: events.form,
      upToDate: (event) => events.upToDate(event),
      checked: (event) => {
        const checked = events.checked(event)
        return isPromise(checked)
          ? checked.then((made) => this.#requireReadable(made))
          : this.#requireReadable(checked)
      },
    }
  }

  #watchedCommand(name: string, command: AnyCommand): AnyCommand {
    const blame: Blame = (changes) =>
      `The command ${name} changed the state, which only events may do:${listed(changes, asChange)}`
    return (state, input, context) => {
      this.#isDeciding = true
      const guard = new Guard(state, this.#original.copy === undefined)
      const again = (other: unknown): unknown => command(other, input, context)
      let made: unknown
      try {
        made = command(state, input, context)
      } catch (error) {
        throw this.#verdict(guard, error, again, blame)
      }
      if (!isPromise(made)) {
        this.#requireUnchanged(guard, blame)
        return made
      }
      this.hasPromised = true
      return made.then(
        (decision) => {
          this.#requireUnchanged(guard, blame)
          return decision
        },
        async (error: unknown) => {
          throw await this.#laterVerdict(guard, error, again, blame)
        },
      )
    }
  }

  #evolve(state: S, event: FoldedEvent<E>): S {
    const { copy, evolve } = this.#original
    // Those who get the result see the same data.
    if (this.#isDeciding) freezePlain([event.data, event.metadata])
    if (copy !== undefined) return this.#evolveCopy(state, event, evolve)
    const guard = new Guard(state, true)
    const blame: Blame = (changes) =>
      `evolve changed the state that it got with ${event.type}, instead of making another one:${listed(changes, asChange)}`
    let next: S
    try {
      next = evolve(state, event)
    } catch (error) {
      throw this.#verdict(guard, error, (other) => evolve(other as S, event), blame)
    }
    this.#requireUnchanged(guard, blame)
    return next
  }

  #evolveCopy(state: S, event: FoldedEvent<E>, evolve: Evolve<E, S>): S {
    const next = evolve(state, event)
    const guard = this.#copied
    if (guard !== undefined) {
      this.#requireUnchanged(
        guard,
        (changes) =>
          `What copy makes has something in common with the original, which changed with ${event.type}:${listed(changes, asChange)}`,
      )
    }
    return next
  }

  #copy(state: S, copy: (state: S) => S): S {
    this.#copied = new Guard(state, false)
    const made = copy(state)
    if (made !== state || typeof made !== 'object') return made
    throw this.#break({
      message: 'copy returned the state itself, and no copy of it',
      operator: 'notStrictEqual',
    })
  }

  #requireUnchanged(guard: Guard, blame: Blame): void {
    const changes = guard.changes()
    if (changes.length > 0) throw this.#break(changed(guard.state, guard.before, blame(changes)))
  }

  /**
   * What came of an error: itself, or that the state was to be changed. Frozen states answer that with a TypeError, as programs have others;
   * so it is tried again on a copy that can be changed, as commands and `evolve` may be called again at any time.
   */
  #verdict(guard: Guard, error: unknown, again: (state: unknown) => unknown, blame: Blame): unknown {
    this.#requireUnchanged(guard, blame)
    if (!isTypeError(error)) return error
    const other = copyOf(guard.state)
    try {
      const made = again(other)
      if (isPromise(made)) made.then(undefined, () => {})
    } catch {
      // It is known what it throws.
    }
    return this.#verdictBy(guard, error, other, blame)
  }

  async #laterVerdict(
    guard: Guard,
    error: unknown,
    again: (state: unknown) => unknown,
    blame: Blame,
  ): Promise<unknown> {
    this.#requireUnchanged(guard, blame)
    if (!isTypeError(error)) return error
    const other = copyOf(guard.state)
    await Promise.resolve(again(other)).catch(() => {})
    return this.#verdictBy(guard, error, other, blame)
  }

  #verdictBy(guard: Guard, error: unknown, other: unknown, blame: Blame): unknown {
    const changes = differences(other, guard.state, 'state')
    return changes.length === 0
      ? error
      : this.#break({ ...changed(other, guard.state, blame(changes)), cause: error })
  }

  #requireReadable(event: NewEvent<E>): NewEvent<E> {
    const loss = this.#lossOf(event, 'data') ?? this.#lossOf(event, 'metadata')
    if (loss === undefined) return event
    throw this.#break({
      ...loss,
      message: `${event.type} would not be read as it is written:${loss.message}`,
    })
  }

  #lossOf(event: NewEvent<E>, member: 'data' | 'metadata'): Failure | undefined {
    const written = event[member]
    if (written === undefined || written instanceof Uint8Array) return undefined
    let read: unknown
    try {
      const [prepared] = prepareEvents({ type: 'E', [member]: written }, this.#codecs)
      read = decidedEvent(prepared!, 's', 1, this.#codecs)[member]
    } catch {
      // What cannot be written at all is refused when it is to be written.
      return undefined
    }
    const lost = differences(read, written, member)
    if (lost.length === 0) return undefined
    return { message: listed(lost, asRead), actual: read, expected: written, operator: 'deepEqual' }
  }

  #break(failure: Failure): Complaint {
    this.broken ??= failure
    return new Complaint(failure)
  }
}

/** A state that must not change, and what it was like before. */
class Guard {
  readonly state: unknown
  /** A copy, unless the state cannot change anyway. */
  readonly before: unknown

  constructor(state: unknown, mayFreeze: boolean) {
    this.state = state
    const isFrozen = mayFreeze && freezePlain(state)
    this.before = isFrozen ? state : copyOf(state)
  }

  changes(): readonly Difference[] {
    return differences(this.state, this.before, 'state')
  }
}

function changed(now: unknown, before: unknown, message: string): Failure {
  return { message, actual: now, expected: before, operator: 'deepEqual' }
}

function asChange(path: string, now: string | undefined, before: string | undefined): string {
  if (now === undefined) return `${path} was ${before} and is gone`
  return before === undefined ? `${path} was added: ${now}` : `${path} was ${before} and is now ${now}`
}

function asRead(path: string, read: string | undefined, written: string | undefined): string {
  return read === undefined
    ? `${path} is ${written} and is lost`
    : `${path} is ${written} and is read as ${read}`
}

function isTypeError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'TypeError'
}

function nameOf(command: string | symbol): string {
  return typeof command === 'string' ? command : (command.description ?? 'decide')
}
