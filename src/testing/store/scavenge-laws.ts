import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { ScavengeReport } from '../../store/contract-admin.ts'
import { counted, everythingIn, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'
import { assertSeen, marked } from './sights.ts'
import { everyRow, NONE, rowsOf, scavenge } from './stream-row-counts.ts'

/** More than a scavenge removes in one transaction. */
const MANY = 1_100

/** Scavenging: what is hidden for good goes, and nothing else. */
export function scavengeLaws({ law, simulatedLaw }: StoreLaws): void {
  law('scavenge() removes all rows of a deleted stream but its end', async (scene) => {
    const { store } = scene
    await fill(store, 's')
    await store.stream('s').delete()
    await store.stream('other').append(marked('other', 3))
    const report = await scavenge(store)
    assert.deepEqual([report.streams, report.events], [1, 6])
    assert.ok(report.bytes > 200_000)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    assert.deepEqual(await rowsOf(scene, 'other'), { ...NONE, log: 3, stream: 3, index: 12 })
    await assertSeen(store, 's', [])
    const { state, version } = await store.stream('s').info()
    assert.deepEqual([state, version], ['deleted', 6])
  })

  law('scavenge() removes all rows of a tombstoned stream but its end', async (scene) => {
    const { store } = scene
    await fill(store, 's')
    await store.stream('s').tombstone()
    assert.equal((await scavenge(store)).events, 6)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    await assertSeen(store, 's', 'tombstoned')
    await refuses(store, 'wrong-expected-version', () => store.stream('s').append(counted(1)))
  })

  law('scavenge() removes what truncateBefore() and maxCount hide, and not more', async (scene) => {
    const { store } = scene
    for (const id of ['cut', 'kept', 'both']) await store.stream(id).append(marked(id, 6))
    await store.stream('cut').truncateBefore(3)
    await store.stream('kept').setRetention({ maxCount: 2 })
    await store.stream('both').truncateBefore(5)
    await store.stream('both').setRetention({ maxCount: 5 })
    const before = await everythingIn(store)
    assert.equal((await scavenge(store)).events, 2 + 4 + 4)
    assert.equal(await everythingIn(store), before)
    for (const [id, first] of Object.entries({ cut: 3, kept: 5, both: 5 })) {
      await assertSeen(store, id, numbers(first, 6))
      const left = 7 - first
      assert.deepEqual(await rowsOf(scene, id), { ...NONE, log: left, stream: left, index: 4 * left })
      await store.stream(id).append(marked(id, 1, 7), { expectedVersion: 6 })
    }
    await assertSeen(store, 'cut', [3, 4, 5, 6, 7])
    await assertSeen(store, 'kept', [6, 7])
  })

  simulatedLaw('scavenge() removes what has expired, when it has', async (scene) => {
    const { store, runtime } = scene
    await store.createStream('s', { maxAgeMs: 60_000 })
    for (const version of numbers(1, 4)) {
      await store.stream('s').append(marked('s', 1, version))
      await runtime.advance(20_000)
    }
    assert.equal((await scavenge(store)).events, 1)
    await assertSeen(store, 's', [2, 3, 4])
    await runtime.advance(30_000)
    assert.equal((await scavenge(store)).events, 2)
    await assertSeen(store, 's', [4])
    await runtime.advance(3_600_000)
    assert.equal((await scavenge(store)).events, 1)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    await store.stream('s').append(marked('s', 1, 5), { expectedVersion: 4 })
    await assertSeen(store, 's', [5])
    assert.equal((await scavenge(store)).events, 0)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, log: 1, stream: 1, index: 4 })
  })

  law(
    'scavenge() touches nothing that is live, and finds nothing the second time',
    async ({ store, directory }) => {
      await fill(store, 'live')
      await fill(store, 'restored')
      await store.stream('restored').delete()
      await store.stream('restored').restore()
      await store.stream('live').setRetention({ maxCount: 100, maxAgeMs: 2 ** 40 })
      await store.createStream('empty')
      await store.createStream('deleted')
      await store.stream('deleted').delete()
      const before = await everyRow(store, directory)
      const report = await scavenge(store)
      assert.deepEqual(report, { streams: report.streams, events: 0, bytes: 0, others: 0 })
      assert.deepEqual(await everyRow(store, directory), before)
      await store.stream('live').delete()
      assert.equal((await scavenge(store)).events, 6)
      const scavenged = await everyRow(store, directory)
      assert.deepEqual((await scavenge(store)).events, 0)
      assert.deepEqual(await everyRow(store, directory), scavenged)
    },
  )

  law('scavenge() keeps the end of a stream until there is another', async (scene) => {
    const { store } = scene
    const stream = store.stream('s')
    await stream.append(marked('s', 3))
    await stream.delete()
    await scavenge(store)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    assert.deepEqual((await stream.append(marked('s', 2, 4), { expectedVersion: 'deleted' })).firstVersion, 4)
    assert.equal((await rowsOf(scene, 's')).stream, 3)
    assert.equal((await scavenge(store)).events, 0)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, log: 2, stream: 2, index: 8 })
    await assertSeen(store, 's', [4, 5])
    await stream.delete()
    await stream.restore()
    await assertSeen(store, 's', [4, 5])
    await stream.delete()
    assert.equal((await scavenge(store)).events, 2)
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    assert.equal((await stream.append(marked('s', 1, 6))).firstVersion, 6)
  })

  law('scavenge() removes the lives of a stream before its last', async (scene) => {
    const { store } = scene
    const stream = store.stream('s')
    for (const life of numbers(0, 3)) {
      await stream.append(marked('s', 2, 1 + 2 * life))
      if (life < 3) await stream.delete()
    }
    assert.equal((await scavenge(store)).events, 6)
    await assertSeen(store, 's', [7, 8])
    await stream.delete()
    await stream.restore()
    await assertSeen(store, 's', [7, 8])
  })

  law('ids of scavenged events can be used again, and those of others are recognised', async ({ store }) => {
    const event = (n: number): { type: string; id: string } => ({ type: 'A', id: uuidOf(n) })
    const stream = store.stream('s')
    for (const n of numbers(1, 4)) await stream.append(event(n))
    await stream.truncateBefore(3)
    assert.deepEqual((await stream.append(event(1))).idempotent, true)
    await scavenge(store)
    const results = []
    for (const n of [1, 2, 3, 4]) results.push(await stream.append(event(n)))
    assert.deepEqual(
      results.map(({ lastVersion, idempotent }) => [lastVersion, idempotent]),
      [
        [5, false],
        [6, false],
        [3, true],
        [4, true],
      ],
    )
    await refuses(store, 'idempotency-conflict', () => stream.append([event(4), event(9)]))
  })

  law('scavenge() that is stopped between two transactions is finished by the next', async (scene) => {
    const { store } = scene
    await store.stream('s').append(marked('s', MANY))
    await store.stream('t').append(marked('t', MANY))
    await store.stream('s').delete()
    await store.stream('t').truncateBefore(MANY)
    const reason = new Error('enough')
    await assert.rejects(store.scavenge({ signal: AbortSignal.abort(reason) }), reason)
    assert.equal((await rowsOf(scene, 's')).log, MANY)
    let [removed, rounds] = [0, 0]
    for (let isDone = false; !isDone; rounds += 1) {
      const controller = new AbortController()
      let last: ScavengeReport | undefined
      const onProgress = (report: ScavengeReport): void => {
        last = report
        if (report.events > 0) controller.abort(reason)
      }
      isDone = await store.scavenge({ signal: controller.signal, onProgress }).then(
        () => true,
        (error) => assert.equal(error, reason) ?? false,
      )
      removed += last!.events
      assert.deepEqual((await store.check()).problems, [])
      await refuses(store, 'stream-not-restorable', () => store.stream('s').restore())
    }
    assert.deepEqual([removed, rounds > 4], [2 * MANY - 1, true])
    assert.deepEqual(await rowsOf(scene, 's'), { ...NONE, stream: 1 })
    assert.deepEqual(
      (await store.stream('t').read().toArray()).map(({ version }) => version),
      [MANY],
    )
  })

  law(
    'scavenge() goes on after the store was opened again',
    async (scene) => {
      const { store, reopen } = scene
      await store.stream('s').append(marked('s', MANY))
      await store.stream('s').delete()
      const controller = new AbortController()
      const { signal } = controller
      await assert.rejects(store.scavenge({ signal, onProgress: () => controller.abort() }))
      const again = await reopen()
      await refuses(again, 'stream-not-restorable', () => again.stream('s').restore())
      await scavenge(again)
      assert.deepEqual(await rowsOf({ ...scene, store: again }, 's'), { ...NONE, stream: 1 })
      assert.equal((await again.stream('s').append(marked('s', 1))).lastVersion, MANY + 1)
    },
    { needs: 'reopen' },
  )

  law(
    'a deleted stream can be restored until something of what it would show is scavenged',
    async ({ store }) => {
      const stream = await store.createStream('s', { maxCount: 500 })
      await stream.append(marked('s', MANY))
      await stream.delete()
      const outcomes = new Set<boolean>()
      for (let isLost = false; !isLost; ) {
        const controller = new AbortController()
        const onProgress = (): void => controller.abort()
        await assert.rejects(store.scavenge({ signal: controller.signal, onProgress }))
        isLost = await stream.restore().then(
          () => false,
          () => true,
        )
        outcomes.add(isLost)
        if (isLost) break
        assert.equal((await stream.info()).firstVersion, MANY - 499)
        assert.equal((await stream.read().toArray()).length, 500)
        await stream.delete()
      }
      assert.deepEqual([...outcomes], [false, true])
      await scavenge(store)
      await refuses(store, 'stream-not-restorable', () => stream.restore())
    },
  )

  simulatedLaw('createdAt and modifiedAt survive', async ({ store, runtime }) => {
    const ids = ['cut', 'gone', 'revived', 'created']
    await store.createStream('created')
    for (const step of ['first', 'second']) {
      for (const id of ids)
        await store.stream(id).append(marked(id, 2), { expectedVersion: step === 'first' ? 0 : 2 })
      await runtime.advance(60_000)
    }
    await store.stream('cut').truncateBefore(4)
    for (const id of ['gone', 'revived', 'created']) await store.stream(id).delete()
    const times = async (): Promise<unknown[]> =>
      Promise.all(
        ids.map(async (id) => {
          const { createdAt, modifiedAt } = await store.stream(id).info()
          return [createdAt, modifiedAt]
        }),
      )
    const before = await times()
    await runtime.advance(60_000)
    await scavenge(store)
    assert.deepEqual(await times(), before)
    await store.stream('revived').append(marked('revived', 1))
    await scavenge(store)
    const [createdAt] = (await times())[2] as [Date]
    assert.deepEqual(createdAt, (before[2] as [Date])[0])
  })

  law('scavenge() works through many streams', async ({ store }) => {
    const ids = numbers(1, 600).map((n) => `s${n}`)
    await store.append(ids.map((streamId) => ({ streamId, events: marked(streamId, 2) })))
    await store.transact(async (tx) => {
      for (const id of ids) await tx.stream(id).truncateBefore(2)
    })
    const seen: number[] = []
    const report = await store.scavenge({ onProgress: ({ events }) => seen.push(events) })
    assert.deepEqual([report.streams, report.events, seen.at(-1)], [600, 600, 600])
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
    assert.equal((await store.info()).events, 600)
  })

  law('scavenge() refuses options that it does not know', async ({ store }) => {
    await refuses(store, 'invalid-argument', () => store.scavenge({ onprogress: () => {} } as never))
  })

  law(
    'scavenge() beside appends, deletions and restorations loses nothing that can be read',
    async ({ store, random }) => {
      const ids = numbers(1, 6).map((n) => `s${n}`)
      const written = new Map(ids.map((id) => [id, 0]))
      let isWriting = true
      const scavenging = (async () => {
        while (isWriting) await store.scavenge()
      })()
      const write = async (id: string): Promise<void> => {
        for (let step = 0; step < 40; step += 1)
          written.set(id, await changeAtRandom(store, id, random, written.get(id)!))
      }
      await Promise.all(ids.map(write))
      isWriting = false
      await scavenging
      for (const id of ids) {
        await store.stream(id).append(marked(id, 2, written.get(id)! + 1))
        const events = await store.stream(id).read().toArray()
        const [first, head] = [events[0]!.version, written.get(id)! + 2]
        assert.deepEqual(
          events.map(({ version, data }) => [version, data]),
          numbers(first, head).map((n) => [n, n]),
        )
        await assertSeen(store, id, numbers(first, head))
      }
    },
  )
}

/** Six events, one of them in chunks, one with an id of the caller's. */
async function fill(store: EventStore, id: string): Promise<void> {
  await store.stream(id).append(marked(id, 4))
  await store.stream(id).append([
    { type: `Of ${id}`, tags: [id], data: new Uint8Array(200_000) },
    { type: `Of ${id}`, tags: [id], id: uuidOf(1) },
  ])
}

/** Does something to a stream that has events with their version as data. Returns its last version. */
async function changeAtRandom(
  store: EventStore,
  id: string,
  random: () => number,
  version: number,
): Promise<number> {
  const stream = store.stream(id)
  const chance = random()
  if (version === 0 || chance < 0.5) {
    const { firstVersion, lastVersion } = await stream.append(marked(id, 3, version + 1))
    assert.equal(firstVersion, version + 1)
    return lastVersion
  }
  if (chance < 0.7) await stream.delete()
  else if (chance < 0.8) await stream.truncateBefore(Math.ceil(random() * version))
  else await stream.restore().catch((error) => assert.equal(error.code, 'stream-not-restorable'))
  return version
}
