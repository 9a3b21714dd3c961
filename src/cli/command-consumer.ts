import type { Delivery, NackAction, RecordedEvent } from 'eventdb'
import type { Surroundings } from './command.ts'
import { CommandError } from './errors.ts'
import { formatEventLine } from './event-line.ts'
import { formatCount, formatCounted } from './format.ts'
import { ProgressLine } from './progress-line.ts'
import { runShellCommand, type ShellEnd } from './shell-command.ts'
import { printable } from './text-width.ts'

/** Exit codes of a command that say what to do with its event; 0 acknowledges it, and others retry it. */
export const EXIT_ACTIONS: Readonly<Record<number, NackAction>> = { 113: 'park', 114: 'skip', 115: 'stop' }

/** Exit codes by which the shell says that there is no such command, or none that can be run. */
const NOT_RUN = [126, 127]

const OUTCOMES: Readonly<Record<NackAction, string>> = {
  retry: 'to be retried, or parked if that was the last time',
  park: 'parked',
  skip: 'skipped',
  stop: 'the group is stopped; eventdb subscriptions resume goes on',
}

/** What a consumer needs. */
export interface CommandConsumerOptions extends Pick<Surroundings, 'out' | 'err' | 'env'> {
  /** What the shell is given for each event. */
  readonly command: string
  /** Ends the commands in flight; their events go back. */
  readonly signal: AbortSignal
}

/** Runs a command for each event, and does with the event what its exit code says. */
export class CommandConsumer {
  readonly #options: CommandConsumerOptions
  readonly #line: ProgressLine
  #done = 0
  #failed = 0

  constructor(options: CommandConsumerOptions) {
    this.#options = options
    this.#line = new ProgressLine(options.err)
  }

  /**
   * Handles one event. Resolves when what became of it is durable, or if it is not this consumer's any more.
   *
   * @throws CommandError if the command cannot be run, PipeClosedError if nobody reads its output; the event is not acknowledged then
   */
  async handle(delivery: Delivery<RecordedEvent>): Promise<void> {
    const { command, env, signal } = this.#options
    const end = await runShellCommand(command, {
      input: `${formatEventLine(delivery.event)}\n`,
      env: { ...env, ...variablesOf(delivery) },
      signal: AbortSignal.any([delivery.signal, signal]),
      onOutput: (lines) => this.#pass('out', lines),
      onError: (lines) => this.#pass('err', lines),
    })
    if (signal.aborted) return
    if (end.code !== undefined && NOT_RUN.includes(end.code)) throw notRun(command, end)
    await this.#settle(delivery, end)
    this.#line.update(() => this.summary())
  }

  /** How many events were handled so far, and with which success. */
  summary(): string {
    const failed = this.#failed === 0 ? '' : `, ${formatCount(this.#failed)} failed`
    return `${formatCounted(this.#done, 'event')} done${failed}`
  }

  /** Removes the line of progress. */
  clear(): void {
    this.#line.clear()
  }

  async #settle(delivery: Delivery<RecordedEvent>, end: ShellEnd): Promise<void> {
    if (delivery.signal.aborted)
      return this.#tell(delivery, `${causeOf(end)}: it has lost the event, which may come again`)
    const action = end.code === undefined ? 'retry' : (EXIT_ACTIONS[end.code] ?? 'retry')
    const isAccepted = end.code === 0 ? await delivery.ack() : await delivery.nack(action, reasonOf(end))
    if (!isAccepted) return this.#tell(delivery, 'too late: it has lost the event, which may come again')
    if (end.code === 0) this.#done += 1
    else this.#tell(delivery, `${causeOf(end)}: ${OUTCOMES[action]}`)
  }

  /** Says what went wrong. */
  #tell({ event, attempt }: Delivery<RecordedEvent>, what: string): void {
    this.#failed += 1
    this.#line.clear()
    const which = `${event.streamId} ${event.version} ${event.type}, attempt ${attempt}`
    this.#options.err.note(`${printable(which)}: ${what}\n`)
  }

  async #pass(to: 'out' | 'err', lines: Uint8Array): Promise<void> {
    this.#line.clear()
    try {
      await this.#options[to].write(lines)
    } catch (error) {
      // What nobody wants to hear is no reason to stop.
      if (to === 'out') throw error
    }
  }
}

function variablesOf({ event, attempt }: Delivery<RecordedEvent>): Readonly<Record<string, string>> {
  return {
    EVENTDB_STREAM: event.streamId,
    EVENTDB_VERSION: String(event.version),
    EVENTDB_POSITION: String(event.position),
    EVENTDB_TYPE: event.type,
    EVENTDB_ID: event.id,
    EVENTDB_ATTEMPT: String(attempt),
  }
}

function causeOf({ code, killedBy }: ShellEnd): string {
  return code === undefined ? `killed by ${killedBy}` : `exit code ${code}`
}

function reasonOf(end: ShellEnd): string {
  return end.lastError === '' ? causeOf(end) : `${causeOf(end)}: ${end.lastError}`
}

function notRun(command: string, end: ShellEnd): CommandError {
  return new CommandError(`The command ${JSON.stringify(command)} cannot be run: ${reasonOf(end)}`, {
    hint: 'the event was given back, and nothing was taken after it',
  })
}
