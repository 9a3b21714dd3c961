/**
 * Course subscriptions, the classic example of a Dynamic Consistency Boundary (https://dcb.events): a course has a capacity, and a student
 * may take a number of courses. The rule spans a course and a student, and no single stream could guard it: neither one for each course
 * nor one for each student. Here the decision reads exactly the events that it depends on, by their tags, and only somebody who
 * appends another such event meanwhile is in its way.
 */
import { openEventStore, type ReadableSource, type StoreTransaction, type TransactionEvent } from 'eventdb'

type CourseEvent =
  | { type: 'CourseDefined'; data: { capacity: number } }
  | { type: 'CapacityChanged'; data: { capacity: number } }
  | { type: 'StudentSubscribed'; data: Record<string, never> }

const COURSES_A_STUDENT_MAX = 2

const store = await openEventStore(':memory:', { indexes: ['type', 'tag'] })

await define('algebra', 2)
await define('botany', 10)
await define('chemistry', 10)

// Everybody wants algebra, all at once. The losers' bodies run again, see that it is full, and say so.
const students = ['ada', 'bob', 'cleo', 'dora']
const answers = await Promise.all(students.map((student) => subscribe('algebra', student)))
console.log(
  `algebra has two places: ${answers.filter((answer) => answer === 'subscribed').length} of 4 got one`,
)
console.log(`the others heard: ${[...new Set(answers.filter((answer) => answer !== 'subscribed'))]}`)

await changeCapacity('algebra', 4)
const later = await Promise.all(students.map((student) => subscribe('algebra', student)))
console.log(`with four places: ${later.toSorted().join(', ')}`)

// These have nothing in common, so none waits for another and no body runs twice.
console.log(`ada takes botany: ${await subscribe('botany', 'ada')}`)
console.log(`ada takes chemistry: ${await subscribe('chemistry', 'ada')}`)

const ofAda = await store
  .query({ items: [{ tags: ['student:ada'] }] })
  .read()
  .toArray()
console.log(
  `ada's courses: ${ofAda.map(({ tags }) => tags.find((tag) => tag.startsWith('course:'))).join(', ')}`,
)
await store.close()

async function define(course: string, capacity: number): Promise<void> {
  const defined = { items: [{ types: ['CourseDefined'], tags: [`course:${course}`] }] }
  await store
    .stream<CourseEvent>(`course-${course}`)
    .append(
      { type: 'CourseDefined', data: { capacity }, tags: [`course:${course}`] },
      { failIfEventsMatch: { query: defined } },
    )
}

async function changeCapacity(course: string, capacity: number): Promise<void> {
  await store
    .stream<CourseEvent>(`course-${course}`)
    .append({ type: 'CapacityChanged', data: { capacity }, tags: [`course:${course}`] })
}

/** Decides in a transaction, which conflicts with exactly the later events that match what it has read. */
function subscribe(course: string, student: string): Promise<string> {
  return store.transact(async (tx) => {
    const events = await decisionModel(tx, course, student).read().toArray()
    const { capacity, subscribers, courses, isSubscribed } = fold(events, course, student)
    if (isSubscribed) return 'was subscribed already'
    if (subscribers >= capacity) return 'the course is full'
    if (courses >= COURSES_A_STUDENT_MAX) return 'too many courses'
    await tx.stream<CourseEvent>(`course-${course}`).append({
      type: 'StudentSubscribed',
      data: {},
      tags: [`course:${course}`, `student:${student}`],
    })
    return 'subscribed'
  })
}

function decisionModel(
  tx: StoreTransaction,
  course: string,
  student: string,
): ReadableSource<TransactionEvent<CourseEvent>> {
  return tx.query<CourseEvent>({
    items: [
      { types: ['CourseDefined', 'CapacityChanged', 'StudentSubscribed'], tags: [`course:${course}`] },
      { types: ['StudentSubscribed'], tags: [`student:${student}`] },
    ],
  })
}

function fold(events: readonly TransactionEvent<CourseEvent>[], course: string, student: string) {
  const model = { capacity: 0, subscribers: 0, courses: 0, isSubscribed: false }
  for (const event of events) {
    const isOfCourse = event.tags.includes(`course:${course}`)
    const isOfStudent = event.tags.includes(`student:${student}`)
    if (event.type !== 'StudentSubscribed') model.capacity = event.data.capacity
    else {
      if (isOfCourse) model.subscribers += 1
      if (isOfStudent) model.courses += 1
      if (isOfCourse && isOfStudent) model.isSubscribed = true
    }
  }
  return model
}
