import type { RecordedEvent } from 'eventdb'
import { formatCount, formatTime } from './format.ts'
import { toPlainJson } from './json-bytes.ts'
import { COLUMN_SHARE_MAX } from './limits.ts'
import type { Paint } from './paint.ts'
import { displayWidth, padEnd, padStart, printable, truncate } from './text-width.ts'

/** How the table is to look. */
export interface EventTableOptions {
  /** Width of the terminal. */
  readonly columns: number
  readonly paint: Paint
  /** Whether to show position and stream, as for a read of everything. */
  readonly global: boolean
}

interface Column {
  readonly title: string
  readonly right?: boolean
  readonly text: (event: RecordedEvent) => string
  readonly paint: (event: RecordedEvent, text: string) => string
}

const GAP = '  '
/** Fewest columns that are worth showing data in. */
const DATA_COLUMNS_MIN = 8

/**
 * Aligns events for a terminal, one a line. Columns grow with what is in them, so that events can be shown while they are
 * read; they never shrink.
 */
export class EventTable {
  readonly #columns: readonly Column[]
  readonly #widths: number[]
  readonly #options: EventTableOptions

  constructor(options: EventTableOptions) {
    this.#options = options
    this.#columns = columnsFor(options)
    this.#widths = this.#columns.map((column) => column.title.length)
  }

  /** The titles. Ask for them with the first events, whose widths they share. */
  header(events: readonly RecordedEvent[]): string {
    this.#fit(events)
    const titles = this.#columns.map((column, i) => this.#pad(i, column.title))
    return this.#options.paint.ink('dim', truncate([...titles, 'data'].join(GAP), this.#options.columns))
  }

  /** The lines of some events, each ending in a newline. */
  rows(events: readonly RecordedEvent[]): string {
    this.#fit(events)
    return events.map((event) => `${this.#row(event)}\n`).join('')
  }

  #fit(events: readonly RecordedEvent[]): void {
    const widthMax = Math.max(12, Math.floor(this.#options.columns * COLUMN_SHARE_MAX))
    for (const [i, column] of this.#columns.entries()) {
      for (const event of events) {
        const width = Math.min(displayWidth(column.text(event)), column.right ? 40 : widthMax)
        this.#widths[i] = Math.max(this.#widths[i]!, width)
      }
    }
  }

  #row(event: RecordedEvent): string {
    const cells = this.#columns.map((column, i) => {
      const text = truncate(column.text(event), this.#widths[i]!)
      return column.paint(event, this.#pad(i, text))
    })
    const room = this.#options.columns - this.#widths.reduce((sum, width) => sum + width + GAP.length, 0)
    if (room >= DATA_COLUMNS_MIN) cells.push(this.#data(event, room))
    return cells.join(GAP).trimEnd()
  }

  #data(event: RecordedEvent, room: number): string {
    const data = truncate(compact(event.data, room), room)
    const more = [
      originText(event),
      event.metadata === undefined ? '' : compact(event.metadata, room),
      ...event.tags.map(tagText),
    ]
    const rest = room - displayWidth(data) - GAP.length
    const shown = rest < DATA_COLUMNS_MIN ? '' : truncate(more.filter((text) => text !== '').join(' '), rest)
    return shown === '' ? data : `${data}${GAP}${this.#options.paint.ink('dim', shown)}`
  }

  #pad(index: number, text: string): string {
    const width = this.#widths[index]!
    return this.#columns[index]!.right ? padStart(text, width) : padEnd(text, width)
  }
}

function columnsFor({ paint, global }: EventTableOptions): readonly Column[] {
  const position: Column = {
    title: 'position',
    right: true,
    text: (event) => String(placeOf(event).position),
    paint: (_, text) => paint.ink('number', text),
  }
  const version: Column = {
    title: 'version',
    right: true,
    text: (event) => formatCount(placeOf(event).version),
    paint: (_, text) => (global ? paint.ink('dim', text) : paint.ink('number', text)),
  }
  const time: Column = {
    title: 'time (UTC)',
    text: (event) => formatTime(event.time),
    paint: (_, text) => paint.ink('dim', text),
  }
  const stream: Column = {
    title: 'stream',
    text: (event) => printable(placeOf(event).streamId),
    paint: (_, text) => paint.ink('stream', text),
  }
  const type: Column = {
    title: 'type',
    text: (event) => printable(event.type),
    paint: (event, text) => paint.type(event.type, text),
  }
  return global ? [position, time, stream, version, type] : [version, time, type]
}

function compact(value: unknown, room: number): string {
  if (value === undefined) return ''
  if (value instanceof Uint8Array) return `<${formatCount(value.length)} bytes>`
  // Four times the room is enough for any width of characters, and keeps a large event from being measured whole.
  return printable(JSON.stringify(toPlainJson(value)).slice(0, room * 4))
}

/** Where an event was found, which is where a read goes on behind it. */
function placeOf(event: RecordedEvent): Pick<RecordedEvent, 'position' | 'version' | 'streamId'> {
  return event.link ?? event
}

/** Where an event is that was found through a link. */
function originText(event: RecordedEvent): string {
  return event.link === undefined ? '' : `from ${printable(event.streamId)} ${formatCount(event.version)}`
}

function tagText(tag: string): string {
  return `#${printable(tag)}`
}
