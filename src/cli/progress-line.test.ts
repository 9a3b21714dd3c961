import { expect, test } from 'vitest'
import { ProgressLine } from './progress-line.ts'

function fakeTerminal(isTerminal: boolean) {
  const notes: string[] = []
  return { isTerminal, columns: 12, note: (text: string) => void notes.push(text), notes }
}

test('ProgressLine shows at most ten updates a second', () => {
  const terminal = fakeTerminal(true)
  let now = 0
  const line = new ProgressLine(terminal, () => now)
  for (; now < 1_000; now += 10) line.update(() => `${now}`)
  expect(terminal.notes).toHaveLength(10)
})

test('ProgressLine keeps to one line of the terminal, and leaves it clean', () => {
  const terminal = fakeTerminal(true)
  const line = new ProgressLine(terminal, () => 0)
  line.update(() => 'a text that is too wide')
  line.clear()
  line.clear()
  expect(terminal.notes).toEqual(['\ra text tha…\x1b[K', '\r\x1b[K'])
})

test('ProgressLine says nothing where there is no terminal', () => {
  const pipe = fakeTerminal(false)
  const line = new ProgressLine(pipe)
  line.update(() => 'x')
  line.clear()
  expect(pipe.notes).toEqual([])
})
