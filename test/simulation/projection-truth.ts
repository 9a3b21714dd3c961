import type {
  EmittedEvents,
  EventPlace,
  JsonValue,
  KeyValueRow,
  KeyValueWriter,
  NewEvent,
  Projection,
  ProjectionContext,
  RecordedEvent,
} from 'eventdb'
import { pack } from 'eventdb/tuple'
import { listing } from '../../src/store/listing.ts'
import { eventText, type Sum, timerText, type Wish, type WishedEvent } from './projection-rules.ts'

/** An event of the source, as a loop over the log meets it. */
export interface SourceEvent {
  readonly event: RecordedEvent
  readonly place: bigint | number
  readonly position: bigint
  readonly timeMs: number
}

/** A timer that is to run. */
export interface TrueTimer {
  readonly dueMs: number
  readonly partition: string
  readonly name: string
  /** The event that it was scheduled by, or behind. */
  readonly from: bigint
}

/** What a copy of a projection was made to leave out. */
export interface Omissions {
  /** Positions of the events that it begins behind. */
  readonly after: bigint
  readonly events: ReadonlySet<bigint>
  readonly timers: ReadonlySet<string>
}

/** Something emitted, and by what. */
export interface TrueEmission {
  readonly cause: string
  readonly streamId: string
  readonly what: string
}

/** What a copy should hold. */
export interface Truth {
  readonly states: Readonly<Record<string, JsonValue>>
  readonly model: readonly string[]
  readonly timers: readonly string[]
  readonly handled: number
  readonly watermarkMs: number | undefined
}

/** The oracle: a plain loop over the events with the same handlers. */
export class Replay {
  readonly #projection: Projection<WishedEvent, Sum>
  readonly #omissions: Omissions
  readonly #states = new Map<string, Sum>()
  readonly #model = new Map<string, KeyValueRow>()
  #timers: TrueTimer[] = []
  readonly emitted: TrueEmission[] = []
  #handled = 0
  /** The last event before what is handled. */
  #position = 0n
  watermarkMs: number | undefined

  constructor(projection: Projection<WishedEvent, Sum>, omissions: Omissions) {
    this.#projection = projection
    this.#omissions = omissions
  }

  /** Handles an event, with the timers before it. */
  async take({ event, position, timeMs }: SourceEvent): Promise<void> {
    if (position <= this.#omissions.after) return
    const hasTimers = this.#projection.definition.timer !== undefined
    if (hasTimers) await this.#runTimers(Math.max(timeMs, this.watermarkMs ?? timeMs))
    this.#position = position
    if (this.#omissions.events.has(position)) return
    await this.#handle(event)
    if (hasTimers) this.watermarkMs = Math.max(this.watermarkMs ?? timeMs, timeMs)
  }

  /** Runs the timer that is due first, if it is due by now. Returns whether there was one. */
  async runTimer(untilMs = this.watermarkMs): Promise<boolean> {
    const [first] = this.#timers.toSorted(byTurn)
    if (first === undefined || untilMs === undefined || first.dueMs > untilMs) return false
    this.#timers = this.#timers.filter((timer) => timer !== first)
    if (this.#omissions.timers.has(skippedText(first))) return true
    const { name, partition, dueMs } = first
    const text = timerText(partition, name, dueMs)
    const timer = this.#projection.definition.timer!
    await this.#call(partition, text, (state, context) =>
      timer(state, { name, due: new Date(dueMs) }, context),
    )
    this.watermarkMs = Math.max(this.watermarkMs ?? dueMs, dueMs)
    return true
  }

  /** Drops the timer that is due first, if it is to be left out: whoever skips it does so before it is due. Returns whether it did. */
  dropTimer(): boolean {
    const [first] = this.#timers.toSorted(byTurn)
    if (first === undefined || !this.#omissions.timers.has(skippedText(first))) return false
    this.#timers = this.#timers.filter((timer) => timer !== first)
    return true
  }

  /** What there is now. */
  truth(): Truth {
    const partitions = [...this.#states].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      states: Object.fromEntries(partitions.map(([partition, sum]) => [partition, { ...sum }])),
      model: [...this.#model]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { key, value }]) => JSON.stringify([key, value])),
      timers: this.#timers
        .toSorted(byTurn)
        .map(({ dueMs, partition, name }) => `${dueMs} ${partition} ${name}`),
      handled: this.#handled,
      watermarkMs: this.watermarkMs,
    }
  }

  async #runTimers(untilMs: number): Promise<void> {
    while (await this.runTimer(untilMs)) {
      // Each one that has run may have set another.
    }
  }

  async #handle(event: RecordedEvent): Promise<void> {
    const { on = {}, partitionBy } = this.#projection.definition
    const handler = on[event.type as WishedEvent['type']]
    if (handler === undefined || !Object.hasOwn(on, event.type)) return
    const wished = event as RecordedEvent<WishedEvent>
    let partition: string | undefined = ''
    if (partitionBy === 'stream') partition = event.streamId
    else if (partitionBy !== undefined) partition = partitionBy(wished as never)
    if (partition === undefined) return
    const { n } = event.data as Wish
    this.#handled += 1
    await this.#call(partition, `${eventText(n)} at ${this.#position}`, (state, context) =>
      handler(state, wished as never, context),
    )
  }

  async #call(
    partition: string,
    cause: string,
    run: (state: Sum, context: ProjectionContext) => Sum | undefined | Promise<Sum | undefined>,
  ): Promise<void> {
    let isForgotten = false
    const state = this.#states.get(partition) ?? this.#projection.definition.initialState(partition)
    const context: ProjectionContext = {
      partition,
      position: this.#position,
      kv: mapOfKeys(this.#model),
      emit: (streamId, events) => this.#emit(cause, { streamId, events: listOf(events) }),
      linkTo: (streamId, link) => this.#emit(cause, { streamId, link }),
      schedule: (name, at) => this.#schedule({ partition, name, dueMs: at.getTime(), from: this.#position }),
      cancel: (name) => this.#cancel(partition, name),
      forget: () => {
        isForgotten = true
      },
      stop: () => {
        throw new Error('Nobody stops')
      },
    }
    const next = await run(state, context)
    if (isForgotten) this.#states.delete(partition)
    else this.#states.set(partition, next ?? state)
  }

  #schedule(timer: TrueTimer): void {
    this.#cancel(timer.partition, timer.name)
    this.#timers.push(timer)
  }

  #cancel(partition: string, name: string): void {
    this.#timers = this.#timers.filter((timer) => timer.partition !== partition || timer.name !== name)
  }

  #emit(cause: string, made: EmittedEvents): void {
    const { streamId } = made
    if ('link' in made) {
      this.emitted.push({ cause, streamId, what: linkText(made.link) })
      return
    }
    for (const { type, data } of made.events)
      this.emitted.push({ cause, streamId, what: outText(type, data) })
  }
}

/** What a timer is called by those who leave it out: its name and time alone may come again. */
export function skippedText({ partition, name, dueMs, from }: TrueTimer): string {
  return `${timerText(partition, name, dueMs)} from ${from}`
}

/** A link, to be compared. */
export function linkText({ streamId, version }: EventPlace): string {
  return `to ${streamId}@${version}`
}

/** An emitted event, to be compared: which version has made it makes no difference. */
export function outText(type: string, data: unknown): string {
  const { of, count } = data as { readonly of: string; readonly count: number }
  return `${type} ${of} ${count}`
}

function byTurn(a: TrueTimer, b: TrueTimer): number {
  if (a.dueMs !== b.dueMs) return a.dueMs - b.dueMs
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1
  return a.name < b.name ? -1 : 1
}

function listOf(events: NewEvent | readonly NewEvent[]): readonly NewEvent[] {
  return Array.isArray(events) ? events : [events as NewEvent]
}

type Key = Parameters<KeyValueWriter['get']>[0]

function textOf(key: Key): string {
  return Array.from(pack(key), (byte) => String.fromCharCode(byte)).join('')
}

/** A read model in a map, in the order of the keys. */
function mapOfKeys(rows: Map<string, KeyValueRow>): KeyValueWriter {
  const within = (prefix: Key): [string, KeyValueRow][] =>
    [...rows]
      .filter(([text]) => text.startsWith(textOf(prefix)) && text !== textOf(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    get: async (key) => rows.get(textOf(key))?.value,
    getRange: (prefix, { limit = Number.POSITIVE_INFINITY, reverse = false } = {}) =>
      listing(async function* () {
        const found = reverse ? within(prefix).reverse() : within(prefix)
        for (const [, row] of found.slice(0, limit)) yield row
      }),
    set: (key, value) => void rows.set(textOf(key), { key, value }),
    clear: (key) => void rows.delete(textOf(key)),
    clearRange: (prefix) => {
      rows.delete(textOf(prefix))
      for (const [text] of within(prefix)) rows.delete(text)
    },
  }
}
