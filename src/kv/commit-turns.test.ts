import { expect, test } from 'vitest'
import { COMMIT_GAP_MS, COMMIT_TURN_MS } from '../limits.ts'
import { CommitTurns } from './commit-turns.ts'

/** Commits once a millisecond, whenever it may, and returns the number of gaps that it has left until then. */
function gapsUntil(turns: CommitTurns, from: number, until: number, foreignGroups: number): number {
  let gaps = 0
  for (let now = from; now < until; now += 1) {
    turns.committed(foreignGroups, now)
    const gapMs = turns.gapMs(now)
    if (gapMs <= 0) continue
    expect(gapMs).toBe(COMMIT_GAP_MS)
    gaps += 1
    now += gapMs
  }
  return gaps
}

test('CommitTurns leaves no gap while nobody else commits', () => {
  expect(gapsUntil(new CommitTurns(), 0, 1_000, 0)).toBe(0)
})

test('CommitTurns leaves a gap after each turn when somebody else has committed', () => {
  const turns = new CommitTurns()
  expect(gapsUntil(turns, 0, COMMIT_TURN_MS, 1)).toBe(0)
  expect(gapsUntil(turns, COMMIT_TURN_MS, COMMIT_TURN_MS + 1, 1)).toBe(1)
})

test('CommitTurns begins a new turn when somebody else has committed meanwhile', () => {
  const turns = new CommitTurns()
  expect(gapsUntil(turns, 0, COMMIT_TURN_MS, 1)).toBe(0)
  expect(gapsUntil(turns, COMMIT_TURN_MS, 2 * COMMIT_TURN_MS, 2)).toBe(0)
})

test('CommitTurns stops leaving gaps that nobody uses', () => {
  const turns = new CommitTurns()
  expect(gapsUntil(turns, 0, 10_000, 1)).toBe(32)
  expect(gapsUntil(turns, 10_000, 20_000, 1)).toBe(0)
  expect(gapsUntil(turns, 20_000, 30_000, 2)).toBe(32)
})
