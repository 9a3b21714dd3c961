import { expect, test } from 'vitest'
import { longWork } from './long-work.ts'

const err = { isTerminal: false, columns: 80, note: () => {} }

/** Runs work that waits for its signal, and interrupts it. */
function interrupted(onAbort: (signal: AbortSignal) => never) {
  return longWork(err, async ({ signal }) => {
    queueMicrotask(() => process.emit('SIGINT'))
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return onAbort(signal)
  })
}

test('longWork() gives back what the work does', async () => {
  expect(await longWork(err, async () => 7)).toEqual({ interrupted: false, result: 7 })
})

test('longWork() is interrupted by Ctrl-C, which is no failure', async () => {
  const end = interrupted((signal) => {
    throw signal.reason
  })
  expect(await end).toEqual({ interrupted: true, result: undefined })
})

test('longWork() passes on what went wrong, also after Ctrl-C', async () => {
  await expect(longWork(err, () => Promise.reject(new Error('full')))).rejects.toThrow('full')
  const end = interrupted(() => {
    throw new Error('damaged')
  })
  await expect(end).rejects.toThrow('damaged')
})

test('longWork() leaves Ctrl-C to the process when it is done', async () => {
  const before = process.listenerCount('SIGINT')
  await longWork(err, async () => expect(process.listenerCount('SIGINT')).toBe(before + 1))
  expect(process.listenerCount('SIGINT')).toBe(before)
})
