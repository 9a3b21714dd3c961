import type { KeyValueStore } from '../../src/kv/index.ts'
import { STAMP_BYTES } from '../../src/kv/stamp.ts'
import type { RecordedEvent } from '../../src/store/event.ts'
import { Keyspace } from '../../src/store/keyspace.ts'
import { decodeLogRow } from '../../src/store/read-event.ts'
import type { List } from './aggregate-world.ts'

/** How a list was after something happened to its stream. */
export interface Moment {
  /** Where in the global order that was. */
  readonly position: bigint
  readonly state: List
  readonly version: number
  /** Where its life began. */
  readonly base: number
}

/** An event that somebody has added, readable or not. */
export interface TrueEvent {
  readonly name: string
  readonly streamId: string
  readonly version: number
  readonly position: bigint
  /** Where the life began that it belongs to. */
  readonly base: number
}

/** All that ever happened, whatever is hidden by now. */
export interface Truth {
  /** How each list was, one moment after the other. */
  readonly moments: ReadonlyMap<string, readonly Moment[]>
  /** What was added, by its name. */
  readonly events: ReadonlyMap<string, readonly TrueEvent[]>
  /** Streams of which events were hidden without deleting them. */
  readonly truncated: ReadonlySet<string>
}

/** The life of a stream, as it goes on. */
interface Course {
  head: number
  /** Where lives began, the present one last. */
  bases: number[]
  readonly data: Map<number, string>
  readonly moments: Moment[]
}

/** Reads the log as it is stored, and goes through it again. */
export async function readTruth(kv: KeyValueStore): Promise<Truth> {
  const courses = new Map<string, Course>()
  const events = new Map<string, TrueEvent[]>()
  const truncated = new Set<string>()
  for (const event of await logOf(kv)) {
    const isSystem = event.streamId.startsWith('$$')
    const streamId = isSystem ? event.streamId.slice(2) : event.streamId
    const course = courses.get(streamId) ?? begun()
    courses.set(streamId, course)
    if (!isSystem) note(course, event, events)
    else if (event.type === '$stream-deleted') deleted(course)
    else if (event.type === '$stream-restored') course.bases.pop()
    else if (event.type === '$stream-truncated') truncated.add(streamId)
    course.moments.push(momentOf(course, event.position))
  }
  const moments = new Map([...courses].map(([streamId, course]) => [streamId, course.moments]))
  return { moments, events, truncated }
}

async function logOf(kv: KeyValueStore): Promise<RecordedEvent[]> {
  const keys = new Keyspace(await kv.openDirectory(['eventdb']))
  return kv.readTransact(async (tx) => {
    const rows = await tx.getRange(keys.log()).toArray()
    const events: RecordedEvent[] = []
    for (const { value } of rows) {
      events.push(await decodeLogRow(tx, keys, value.slice(-STAMP_BYTES), value))
    }
    return events
  })
}

function begun(): Course {
  const course: Course = { head: 0, bases: [0], data: new Map(), moments: [] }
  course.moments.push(momentOf(course, -1n))
  return course
}

function note(course: Course, event: RecordedEvent, events: Map<string, TrueEvent[]>): void {
  const { version, streamId, position } = event
  course.head = version
  const name = event.data as string
  course.data.set(version, name)
  const list = events.get(name) ?? []
  list.push({ name, streamId, version, position, base: course.bases.at(-1)! })
  events.set(name, list)
}

/** Deleting what is deleted already changes nothing, and nobody notes it. */
function deleted(course: Course): void {
  course.bases = [course.bases.at(-1)!, course.head]
}

function momentOf({ head, bases, data }: Course, position: bigint): Moment {
  const base = bases.at(-1)!
  const state: string[] = []
  for (let version = base + 1; version <= head; version += 1) state.push(data.get(version)!)
  return { position, state, version: head, base }
}
