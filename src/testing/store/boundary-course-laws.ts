import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { Query } from '../../store/contract-query.ts'
import type { TransactionEvent } from '../../store/event.ts'
import { type Decide, deciding, outcomesOf, STYLES } from './deciding.ts'
import { numbers, type StoreLaws } from './laws.ts'

/** Courses that one student may be subscribed to. */
const COURSES_MAX = 5

/** What a subscription is decided on. */
interface State {
  readonly capacity: number | undefined
  readonly subscriptionsOfCourse: number
  readonly subscriptionsOfStudent: number
  readonly isSubscribed: boolean
}

/** Everything that matters for one course, and the subscriptions of one student to any. */
function queryFor(course: string, student: string): Query {
  return {
    items: [
      {
        types: ['CourseDefined', 'CourseCapacityChanged', 'StudentSubscribedToCourse'],
        tags: [`course:${course}`],
      },
      { types: ['StudentSubscribedToCourse'], tags: [`student:${student}`] },
    ],
  }
}

function stateOf(events: readonly TransactionEvent[], course: string, student: string): State {
  let state: State = {
    capacity: undefined,
    subscriptionsOfCourse: 0,
    subscriptionsOfStudent: 0,
    isSubscribed: false,
  }
  for (const { type, data, tags } of events) {
    if (type !== 'StudentSubscribedToCourse') {
      state = { ...state, capacity: (data as { readonly capacity: number }).capacity }
      continue
    }
    const [ofCourse, ofStudent] = [tags.includes(`course:${course}`), tags.includes(`student:${student}`)]
    state = {
      ...state,
      subscriptionsOfCourse: state.subscriptionsOfCourse + Number(ofCourse),
      subscriptionsOfStudent: state.subscriptionsOfStudent + Number(ofStudent),
      isSubscribed: state.isSubscribed || (ofCourse && ofStudent),
    }
  }
  return state
}

function subscribe(decide: Decide, store: EventStore, course: string, student: string): Promise<void> {
  return decide(store, queryFor(course, student), (events) => {
    const state = stateOf(events, course, student)
    if (state.capacity === undefined) throw new Error(`Course ${course} does not exist`)
    if (state.subscriptionsOfCourse >= state.capacity) throw new Error(`Course ${course} is fully booked`)
    if (state.isSubscribed) throw new Error(`Student ${student} is subscribed to ${course} already`)
    if (state.subscriptionsOfStudent >= COURSES_MAX) throw new Error(`Student ${student} has enough courses`)
    const tags = [`course:${course}`, `student:${student}`]
    return { streamId: `course-${course}`, type: 'StudentSubscribedToCourse', tags }
  })
}

async function setCapacity(store: EventStore, course: string, capacity: number, type: string): Promise<void> {
  await store.stream(`course-${course}`).append({ type, data: { capacity }, tags: [`course:${course}`] })
}

async function subscribersOf(store: EventStore, tag: string): Promise<number> {
  return (
    await store
      .query({ items: [{ types: ['StudentSubscribedToCourse'], tags: [tag] }] })
      .read()
      .toArray()
  ).length
}

/** Course subscriptions: an invariant of each course, one of each student, and both in one decision. */
export function courseLaws({ law }: StoreLaws): void {
  for (const style of STYLES) {
    const decide = deciding(style)

    law(`courses are never overbooked, by ${style}`, async ({ store }) => {
      await setCapacity(store, 'c1', 7, 'CourseDefined')
      await setCapacity(store, 'c2', 3, 'CourseDefined')
      const attempts = numbers(1, 15).flatMap((n) => [
        subscribe(decide, store, 'c1', `s${n}`),
        subscribe(decide, store, 'c2', `s${n}`),
        ...(n === 1 ? [subscribe(decide, store, 'c3', 's1')] : []),
      ])
      const messages = (await outcomesOf(attempts)).map(({ message }) => message).toSorted()
      assert.deepEqual(messages, [
        ...numbers(1, 8).map(() => 'Course c1 is fully booked'),
        ...numbers(1, 12).map(() => 'Course c2 is fully booked'),
        'Course c3 does not exist',
      ])
      assert.deepEqual(
        [await subscribersOf(store, 'course:c1'), await subscribersOf(store, 'course:c2')],
        [7, 3],
      )

      await setCapacity(store, 'c2', 5, 'CourseCapacityChanged')
      const refused = await outcomesOf(numbers(20, 25).map((n) => subscribe(decide, store, 'c2', `s${n}`)))
      assert.deepEqual([refused.length, await subscribersOf(store, 'course:c2')], [4, 5])
    })

    law(`students do not get into too many courses, nor twice into one, by ${style}`, async ({ store }) => {
      for (const n of numbers(1, 9)) await setCapacity(store, `c${n}`, 50, 'CourseDefined')
      const attempts = numbers(1, 9).flatMap((n) => [
        subscribe(decide, store, `c${n}`, 'busy'),
        subscribe(decide, store, 'c1', n % 2 === 0 ? 'even' : 'odd'),
      ])
      const messages = (await outcomesOf(attempts)).map(({ message }) => message).toSorted()
      assert.deepEqual(messages, [
        ...numbers(1, 4).map(() => 'Student busy has enough courses'),
        ...numbers(1, 3).map(() => 'Student even is subscribed to c1 already'),
        ...numbers(1, 4).map(() => 'Student odd is subscribed to c1 already'),
      ])
      assert.equal(await subscribersOf(store, 'student:busy'), COURSES_MAX)
      assert.deepEqual(
        [await subscribersOf(store, 'student:even'), await subscribersOf(store, 'student:odd')],
        [1, 1],
      )
    })
  }
}
