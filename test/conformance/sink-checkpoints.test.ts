import { openEventStore, type ProjectionSink } from 'eventdb'
import { describe, expect } from 'vitest'
import { a, keeps, keepsUnless, law, meddled, put, type SinkWorld, until } from '../support/sink-world.ts'

/** Puts another checkpoint in place of the one that is there. */
function replaceCheckpoint({ db }: Pick<SinkWorld, 'db'>, text: string): void {
  db.prepare('update projection_checkpoints set checkpoint = ?').run(text)
}

/** Runs a projection until everything is handled, and ends it. */
async function made(
  { store }: SinkWorld,
  sink: ProjectionSink<SinkWorld['db']>,
  position: bigint,
): Promise<void> {
  await using running = await store.projectInto(sink, keeps())
  await running.waitFor(position)
}

describe('a checkpoint', () => {
  law('that eventdb has not made is refused', async (world) => {
    const { store, sink, append, checkpoint } = world
    await made(world, sink, await append(1))
    const real = JSON.parse(checkpoint()!) as Record<string, unknown>
    const broken = [
      '',
      'nonsense',
      '7',
      'null',
      '[]',
      '{}',
      ...[
        { eventdb: 2 },
        { place: 7 },
        { place: 'x' },
        { position: 5 },
        { position: '-1' },
        { handled: -1 },
        { skipped: '0' },
        { last: {} },
        { last: { streamId: 's-1', version: 1, position: 1 } },
        { form: undefined },
      ].map((change) => JSON.stringify({ ...real, ...change })),
    ]
    for (const text of broken) {
      replaceCheckpoint(world, text)
      await expect(store.projectInto(sink, keeps()), text).rejects.toMatchObject({
        code: 'checkpoint-refused',
        details: { projection: 'p', version: 1, checkpoint: text },
      })
      expect(checkpoint()).toBe(text)
    }
  })

  law('of another definition is refused, unless its version is another', async (world) => {
    const { store, sink, append } = world
    await made(world, sink, await append(1))
    const any = (): void => {}
    const others = [
      keeps({ source: { kind: 'category', category: 't' } }),
      keeps({ source: { kind: 'stream', streamId: 's-1' } }),
      keeps({ resolveLinks: false }),
      keeps({ any }),
      keeps({ on: { B: any } }),
      keeps({ deleted: any }),
    ]
    for (const other of others) {
      await expect(store.projectInto(sink, other)).rejects.toMatchObject({
        code: 'projection-changed',
        details: { projection: 'p', version: 1, given: other.form },
      })
    }
    await (await store.projectInto(sink, keeps({ any, version: 2 }))).close()
  })

  law('beyond the end of the log is refused', async (world) => {
    const { runtime, sink, append, handled } = world
    await made(world, sink, await append(1, 2))
    runtime.jumpClock(-3_600_000)
    await using older = await openEventStore(':memory:', { runtime })
    await older.stream('s-1').append([a(1), a(2)])
    await expect(older.projectInto(sink, keeps())).rejects.toMatchObject({
      code: 'checkpoint-refused',
      message: expect.stringContaining('is beyond the end of the log'),
    })
    expect(handled()).toEqual([1, 2])
  })

  law('of another log is refused, also if that has grown further', async (world) => {
    const { runtime, sink, append, handled } = world
    await made(world, sink, await append(1, 2))
    const others = [
      [],
      [{ streamId: 's-1', events: [a(1)] }],
      [{ streamId: 's-1', events: [a(1), a(2)] }],
      [{ streamId: 's-1', events: [a(1), a(2), a(3)] }],
      [{ streamId: 's-2', events: [a(1), a(2)] }],
    ]
    for (const appends of others) {
      runtime.jumpClock(3_600_000)
      await using other = await openEventStore(':memory:', { runtime })
      await other.stream('t-1').append(a('something'))
      if (appends.length > 0) await other.append(appends)
      await expect(other.projectInto(sink, keeps())).rejects.toMatchObject({
        code: 'checkpoint-refused',
        message: expect.stringContaining('at position'),
      })
    }
    expect(handled()).toEqual([1, 2])
  })

  law('holds although its event was deleted or scavenged', async (world) => {
    const { store, sink, append, handled } = world
    await made(world, sink, await append(1, 2))
    await store.stream('s-1').delete()
    await made(world, sink, (await store.stream('s-2').append(a(3))).position!)
    await store.scavenge()
    await made(world, sink, (await store.stream('s-2').append(a(4))).position!)
    await store.stream('s-2').tombstone()
    await store.scavenge()
    await made(world, sink, await append(5))
    expect(handled()).toEqual([1, 2, 3, 4, 5])
  })

  law('holds although its stream has gone on, and its event was scavenged', async (world) => {
    const { store, sink, append, handled } = world
    await made(world, sink, await append(1, 2))
    await store.stream('s-1').delete()
    await append(3)
    await store.scavenge()
    expect((await store.stream('s-1').read().toArray()).map(({ version }) => version)).toEqual([3])
    await made(world, sink, await append(4))
    expect(handled()).toEqual([1, 2, 3, 4])
  })

  law('of a link holds', async (world) => {
    const { store, sink, append } = world
    await append(1)
    const projection = keeps({ source: { kind: 'stream', streamId: 'linked' } })
    for (let count = 0; count < 2; count += 1) {
      const { position } = await store.stream('linked').linkTo({ streamId: 's-1', version: 1 })
      await using running = await store.projectInto(sink, projection)
      await running.waitFor(position!)
    }
    expect(world.handled()).toEqual([1, 1])
  })

  law('of a deletion holds', async (world) => {
    const { store, sink, append } = world
    const projection = keeps({ deleted: (tx, { streamId }) => put(tx, streamId) })
    await append(1)
    for (let count = 0; count < 2; count += 1) {
      const running = await store.projectInto(sink, projection)
      await store.stream('s-1').delete()
      await until(world, 'it is known', () => world.handled().at(-1) === 's-1')
      await running.close()
      await append(2)
    }
    expect(world.handled()).toEqual([1, 's-1', 2, 's-1'])
  })

  law('that is replaced while it runs ends it, loudly', async (world) => {
    const { store, sink, append, handled, warnings } = world
    const running = await store.projectInto(sink, keeps())
    await running.waitFor(await append(1))
    replaceCheckpoint(world, 'nonsense')
    const position = await append(2)
    await expect(running.waitFor(position)).rejects.toMatchObject({ code: 'checkpoint-refused' })
    expect(await running.ended).toMatchObject({ reason: 'refused', error: { code: 'checkpoint-refused' } })
    expect(warnings).toHaveLength(2)
    expect(handled()).toEqual([1])
    await expect(running.skip()).rejects.toMatchObject({ code: 'closed' })
  })

  law('that is deleted with its rows makes it begin again', async (world) => {
    const { sink, append, handled, db } = world
    await made(world, sink, await append(1, 2))
    db.exec('begin; delete from handled; delete from projection_checkpoints; commit')
    await made(world, sink, await append(3))
    expect(handled()).toEqual([1, 2, 3])
  })
})

describe('what runs', () => {
  law('can be waited for, but not for ever', async (world) => {
    const { store, sink, append } = world
    const stuck = meddled(sink, { commit: () => Promise.reject(new Error('away')) })
    await using running = await store.projectInto(stuck, keeps(), { onProblem: () => {} })
    const position = await append(1)
    await expect(running.waitFor(position, { timeoutMs: 2_500 })).rejects.toMatchObject({
      code: 'projection-timeout',
      details: { projection: 'p', wanted: position, position: 0n, state: 'failing' },
    })
    await expect(running.waitFor(position + 2n ** 40n)).rejects.toMatchObject({ code: 'invalid-argument' })
    await expect(running.waitFor(5 as never)).rejects.toMatchObject({ code: 'invalid-argument' })
    await expect(running.waitFor(position, { patience: 1 } as never)).rejects.toMatchObject({
      code: 'invalid-argument',
    })
    const reason = new Error('not any more')
    await expect(running.waitFor(position, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const waiting = running.waitFor(position, { signal: controller.signal })
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })

  law('ends when it is closed, after the transaction that is under way', async (world) => {
    const { store, sink, append, handled } = world
    let letGo = (): void => {}
    const isHeld = new Promise<void>((held) => {
      letGo = held
    })
    let onHeld = (): void => {}
    const begun = new Promise<void>((resolve) => {
      onHeld = resolve
    })
    const projection = keepsUnless(() => {
      onHeld()
      return isHeld
    })
    const running = await store.projectInto(sink, projection)
    const position = await append(1)
    const waiting = running.waitFor(position).catch((error: unknown) => error)
    await begun
    const closing = running.close()
    letGo()
    await closing
    expect(await running.ended).toEqual({ reason: 'closed' })
    expect(handled()).toEqual([1])
    await waiting
    await running.waitFor(position)
    await append(2)
    const { position: later } = await store.stream('s-2').append(a(3))
    await expect(running.waitFor(later!)).rejects.toMatchObject({ code: 'closed' })
    await expect(running.skip()).rejects.toMatchObject({ code: 'closed' })
    expect(handled()).toEqual([1])
    await running.close()
  })

  law('ends also while the database does not answer', async (world) => {
    const { store, sink, append } = world
    const away = meddled(sink, { commit: () => Promise.reject(new Error('away')) })
    const running = await store.projectInto(away, keeps(), { onProblem: () => {} })
    await append(1)
    await until(world, 'it fails', async () => (await running.status()).state === 'failing')
    await running.close()
    expect(await running.ended).toEqual({ reason: 'closed' })
  })

  law('ends when its signal is aborted', async (world) => {
    const { store, sink } = world
    const controller = new AbortController()
    const running = await store.projectInto(sink, keeps(), { signal: controller.signal })
    controller.abort('enough')
    expect(await running.ended).toEqual({ reason: 'aborted', error: 'enough' })
    const aborted = AbortSignal.abort(new Error('before it began'))
    await expect(store.projectInto(sink, keeps(), { signal: aborted })).rejects.toThrow('before it began')
  })

  law('ends when the store is closed, and whoever waits is told', async (world) => {
    const { runtime, sink } = world
    const store = await openEventStore(':memory:', { runtime })
    const away = meddled(sink, { commit: () => Promise.reject(new Error('away')) })
    const running = await store.projectInto(away, keeps(), { onProblem: () => {} })
    const { position } = await store.stream('s-1').append(a(1))
    const waiting = running.waitFor(position!)
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'closed' }), store.close()])
    expect(await running.ended).toEqual({ reason: 'store-closed' })
    await expect(store.projectInto(sink, keeps())).rejects.toMatchObject({ code: 'closed' })
  })

  law('is not shaken by callbacks that throw', async (world) => {
    const { store, sink, append, handled, warnings } = world
    const boom = (): never => {
      throw new Error('boom')
    }
    let isBroken = true
    const projection = keepsUnless((data) => {
      if (isBroken && data === 2) throw new Error('bad')
    })
    const options = { onProgress: boom, onFault: boom, onProblem: boom }
    await using running = await store.projectInto(sink, projection, options)
    await running.waitFor(await append(1))
    await append(2)
    await until(world, 'it stands', async () => (await running.status()).fault !== undefined)
    isBroken = false
    await running.skip().catch(() => {})
    await running.waitFor(await append(3))
    expect(handled().at(-1)).toBe(3)
    expect(warnings.length).toBeGreaterThan(1)
  })
})
