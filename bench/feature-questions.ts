import type { EventRead, EventStore, RecordedEvent } from 'eventdb'
import { randomOf } from './events.ts'
import { type Figures, measured } from './measured.ts'
import { QUESTIONS, type Question, type QuestionName } from './tagged.ts'

/** Asks a question again and again, and once answers it by looking at everything. */
export async function ask(store: EventStore, name: QuestionName, scale: number): Promise<Figures> {
  const question: Question = QUESTIONS[name]
  const options = readOptions(question)
  const random = randomOf(4)
  let found = 0
  const asking = async (times: number): Promise<number> => {
    for (let time = 0; time < times; time += 1) {
      found += await countOf(question.ask(random).read(store, options))
    }
    return times
  }
  const times = Math.ceil(question.times * scale)
  await asking(Math.floor(times / 5))
  found = 0
  const seen = await measured(() => asking(times))
  const scanMs = await scan(store, question, randomOf(4))
  const microseconds = 1e6 / seen.perSecond
  return { ...seen, microseconds, found: found / times, scanMs, timesScan: (scanMs * 1e3) / microseconds }
}

/** How long it takes to find the same in `all`, in milliseconds. */
async function scan(store: EventStore, question: Question, random: () => number): Promise<number> {
  const { direction, limit = Number.POSITIVE_INFINITY } = readOptions(question)
  const { isMeant } = question.ask(random)
  const began = performance.now()
  let found = 0
  for await (const batch of store.all.read({ direction }).batches()) {
    for (const event of batch) if (isMeant(event)) found += 1
    if (found >= limit) break
  }
  return performance.now() - began
}

function readOptions({ backwards, limit }: Question): {
  direction: 'forwards' | 'backwards'
  limit?: number
} {
  const direction = backwards ? 'backwards' : 'forwards'
  return limit === undefined ? { direction } : { direction, limit }
}

async function countOf(read: EventRead<RecordedEvent>): Promise<number> {
  let count = 0
  for await (const batch of read.batches()) count += batch.length
  return count
}
