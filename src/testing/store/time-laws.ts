import assert from 'node:assert/strict'
import { assertAscending } from './append-laws.ts'
import { counted, numbers, refuses, type StoreLaws } from './laws.ts'

/** Two times: `recordedAt`, which is the store's, and `time`, which is the caller's. */
export function timeLaws({ law, simulatedLaw }: StoreLaws): void {
  simulatedLaw('recordedAt is the time of the commit', async ({ store, runtime }) => {
    const times: number[] = []
    for (const n of numbers(1, 5)) {
      await runtime.advance(1_234)
      times.push(runtime.now())
      await store.stream('s').append(counted(1, n))
    }
    const recorded = (await store.all.read().toArray()).map(({ recordedAt }) => recordedAt.getTime())
    for (const [index, time] of times.entries()) {
      const delay = recorded[index]! - time
      assert.ok(delay >= 0 && delay < 1_000, `recorded ${delay} ms later`)
    }
  })

  simulatedLaw('recordedAt never decreases when the clock jumps back', async ({ store, runtime }) => {
    for (const n of numbers(1, 10)) {
      await store.stream('s').append(counted(2, n))
      runtime.jumpClock(n % 3 === 0 ? 5_000 : -60_000)
      await runtime.advance(1)
    }
    const events = await store.all.read().toArray()
    assert.equal(events.length, 20)
    assertAscending(events.map(({ position }) => position))
    for (const [index, { recordedAt }] of events.entries()) {
      if (index > 0) assert.ok(recordedAt >= events[index - 1]!.recordedAt)
    }
  })

  simulatedLaw(
    'recordedAt never decreases when the clock jumps back between two openings',
    async ({ store, runtime, reopen }) => {
      await store.stream('s').append(counted(1))
      runtime.jumpClock(-86_400_000)
      const again = await reopen()
      await again.stream('s').append(counted(1))
      const [first, second] = await again.all.read().toArray()
      assert.ok(second!.position > first!.position)
      assert.ok(second!.recordedAt >= first!.recordedAt)
    },
    { needs: 'reopen' },
  )

  law('time is what the caller says, any instant', async ({ store }) => {
    const instants = [0, -1, 1.5e12, -8.64e15, 8.64e15, Date.UTC(1, 0), Date.UTC(2300, 5)]
    await store.stream('s').append(instants.map((ms) => ({ type: 'A', time: new Date(ms) })))
    const events = await store.stream('s').read().toArray()
    assert.deepEqual(
      events.map(({ time }) => time.getTime()),
      instants,
    )
  })

  law('time is recordedAt unless the caller says otherwise', async ({ store }) => {
    await store.stream('s').append(counted(2))
    for (const { time, recordedAt } of await store.stream('s').read().toArray()) {
      assert.deepEqual(time, recordedAt)
      assert.notEqual(time, recordedAt)
    }
  })

  law('time must be a valid Date', async ({ store }) => {
    for (const time of [new Date(Number.NaN), 0, '2024-01-01', null, {}]) {
      await refuses(store, 'invalid-argument', () =>
        store.stream('s').append({ type: 'A', time: time as unknown as Date }),
      )
    }
  })

  law('time is kept as it was when append() was called', async ({ store }) => {
    const time = new Date(1_000)
    const appending = store.stream('s').append({ type: 'A', time })
    time.setTime(2_000)
    await appending
    const event = (await store.stream('s').event(1))!
    event.time.setTime(3_000)
    assert.equal(event.time.getTime(), 1_000)
  })
}
