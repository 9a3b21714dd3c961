import { expect, test } from 'vitest'
import { dispatch } from './dispatch.ts'

const signal = new AbortController().signal
const once = { concurrency: 1, limit: Number.POSITIVE_INFINITY, signal }

async function* count(to: number): AsyncGenerator<number> {
  for (let number = 1; number <= to; number++) yield number
}

/** Items that never come. */
const silence: AsyncIterator<number> = { next: () => new Promise(() => {}) }

test('dispatch() works on one item after the other until they end', async () => {
  const seen: string[] = []
  const work = async (item: number): Promise<void> => {
    seen.push(`begin ${item}`)
    await Promise.resolve()
    seen.push(`end ${item}`)
  }
  await dispatch(count(3), work, once)
  expect(seen).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
})

test('dispatch() takes no more than its limit', async () => {
  const items = count(9)
  const seen: number[] = []
  await dispatch(items, async (item) => void seen.push(item), { ...once, concurrency: 4, limit: 2 })
  expect(seen).toEqual([1, 2])
  expect((await items.next()).value).toBe(3)
})

test('dispatch() works on as many at a time as it may, and on no more', async () => {
  let [working, most] = [0, 0]
  const work = async (): Promise<void> => {
    working += 1
    most = Math.max(most, working)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    working -= 1
  }
  await dispatch(count(20), work, { ...once, concurrency: 3 })
  expect({ working, most }).toEqual({ working: 0, most: 3 })
})

test('dispatch() that is stopped while it waits ends, when what is worked on has ended', async () => {
  const stop = new AbortController()
  await dispatch(silence, async () => {}, { ...once, signal: AbortSignal.abort() })
  const waiting = dispatch(silence, async () => {}, { ...once, signal: stop.signal })
  let finish = (): void => {}
  let isFinished = false
  const work = (): Promise<void> =>
    new Promise((resolve) => {
      finish = () => {
        isFinished = true
        resolve()
      }
      stop.abort()
    })
  const working = dispatch(count(9), work, { ...once, signal: stop.signal }).then(() => isFinished)
  await waiting
  finish()
  expect(await working).toBe(true)
})

test('dispatch() takes no more after a failure, waits for the others, and throws it', async () => {
  const seen: string[] = []
  let finish = (): void => {}
  const others = new Promise<void>((resolve) => {
    finish = resolve
  })
  const work = async (item: number): Promise<void> => {
    seen.push(`begin ${item}`)
    if (item === 2) {
      finish()
      throw new Error('no')
    }
    await others
    seen.push(`end ${item}`)
  }
  await expect(dispatch(count(9), work, { ...once, concurrency: 2 })).rejects.toThrow('no')
  expect(seen).toEqual(['begin 1', 'begin 2', 'end 1'])
})

test('dispatch() throws what the items throw', async () => {
  const failing: AsyncIterator<number> = { next: () => Promise.reject(new Error('gone')) }
  await expect(dispatch(failing, async () => {}, once)).rejects.toThrow('gone')
})
