import { InvalidArgumentError } from '../errors.ts'
import { firstPositionAt, STAMP_BYTES, stampOf } from '../kv/stamp.ts'
import { systemRuntime } from '../runtime.ts'
import type { Codecs } from '../store/codecs.ts'
import type { EventTypes } from '../store/contract-event-types.ts'
import type { EventShape, NewEvent, RecordedEvent } from '../store/event.ts'
import { onlyNames } from '../store/known-names.ts'
import { DELETED, TOMBSTONED } from '../store/life.ts'
import { checkWritableStreamId, prepareEvents, SYSTEM_PREFIX } from '../store/prepared-event.ts'
import { RecordEncoder } from '../store/record.ts'
import { recordedEvent } from '../store/stored-event.ts'
import { describe } from '../store/text.ts'
import { UuidSource } from '../store/uuid.ts'
import { Complaint, lineOf } from './specify-failure.ts'
import { asWritten, hintFor } from './specify-given.ts'
import type { GivenDeletion, GivenRecord } from './specify-projection-contract.ts'

/** What a log is made with. */
export interface LogScene {
  readonly events: EventTypes<EventShape>
  readonly codecs: Codecs
  readonly nowMs: number
}

type Given = GivenRecord<EventShape> | GivenDeletion

/** Records are written into parts of it, which nobody writes again. */
const encoder = new RecordEncoder()
/** For ids that nobody has given; but here all are. */
const ids = new UuidSource(systemRuntime)

/** Makes a log of what was given, as it would be read. @throws Complaint for what could not have been recorded */
export async function logOf(scene: LogScene, given: unknown): Promise<readonly RecordedEvent[]> {
  const list = (Array.isArray(given) ? given : [given]) as readonly Given[]
  const log = new GivenLog(scene)
  const events: RecordedEvent[] = []
  for (const [index, one] of list.entries()) {
    try {
      events.push('deleted' in one ? log.delete(one) : await log.record(one))
    } catch (error) {
      const hint = 'deleted' in one ? '' : hintFor(scene.events, one)
      const message = `given[${index}] could not have been recorded: ${lineOf(error)}${hint}`
      throw new Complaint({ message, operator: 'given', cause: error })
    }
  }
  return events
}

const checkDeletion = onlyNames('A deletion', 'deleted', 'isTombstone', 'recordedAt')

class GivenLog {
  readonly #scene: LogScene
  readonly #versions = new Map<string, number>()
  readonly #numbers = new Map<string, number>()
  #position = 0n
  #recordedMs: number
  #count = 0

  constructor(scene: LogScene) {
    this.#scene = scene
    this.#recordedMs = scene.nowMs
  }

  async record({ streamId, recordedAt, ...event }: GivenRecord<EventShape>): Promise<RecordedEvent> {
    checkWritableStreamId(streamId)
    const written = await asWritten(this.#scene.events, event)
    return this.#add(streamId, written, recordedAt ?? written.time)
  }

  delete(deletion: GivenDeletion): RecordedEvent {
    checkDeletion(deletion)
    const { deleted, isTombstone = false, recordedAt } = deletion
    checkWritableStreamId(deleted)
    const type = isTombstone ? TOMBSTONED : DELETED
    const data = { version: this.#versions.get(deleted) ?? 0 }
    return this.#add(`${SYSTEM_PREFIX}${deleted}`, { type, data }, recordedAt)
  }

  #add(streamId: string, event: NewEvent, recordedAt: Date | undefined): RecordedEvent {
    const { codecs } = this.#scene
    const [prepared] = prepareEvents({ ...event, id: event.id ?? this.#madeUpId() }, codecs)
    this.#passTime(recordedAt)
    const version = (this.#versions.get(streamId) ?? 0) + 1
    const number = this.#numbers.get(streamId) ?? this.#numbers.size + 1
    this.#versions.set(streamId, version)
    this.#numbers.set(streamId, number)
    const record = encoder.encode(prepared!, { streamId, number }, version, ids)
    return recordedEvent(record.subarray(0, -STAMP_BYTES), stampOf(this.#position), codecs)
  }

  /** The same each time, so that it can be named in an example. */
  #madeUpId(): string {
    this.#count += 1
    return `00000000-0000-4000-8000-${String(this.#count).padStart(12, '0')}`
  }

  /** The time of recording never goes back, and each event has a position of its own. */
  #passTime(recordedAt: Date | undefined): void {
    const ms = recordedAt === undefined ? this.#recordedMs : timeOf(recordedAt)
    if (this.#position === 0n && recordedAt !== undefined) this.#recordedMs = ms
    this.#recordedMs = Math.max(this.#recordedMs, ms)
    const first = firstPositionAt(this.#recordedMs) ?? 0n
    this.#position = first > this.#position ? first : this.#position + 1n
  }
}

function timeOf(recordedAt: unknown): number {
  const ms = recordedAt instanceof Date ? recordedAt.getTime() : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidArgumentError(`"recordedAt" must be a valid Date, not ${describe(recordedAt)}`)
}
