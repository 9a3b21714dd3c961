import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import { bytes, contents, gate, type Laws, put, range, setAll, text, valueAt } from './laws.ts'

/** When a body runs again, when it does not, and how a caller ends it. */
export function retryLaws({ law, simulatedLaw }: Laws): void {
  law('transact() runs its body once if nothing conflicts', async ({ kv }) => {
    let runs = 0
    await kv.transact(async (tx) => {
      runs += 1
      await tx.get(bytes('a'))
      tx.set(bytes('a'), bytes('1'))
    })
    assert.equal(runs, 1)
  })

  law('transact() runs its body again on a newer snapshot after a conflict', async ({ kv }) => {
    const seen: (string | undefined)[] = []
    await kv.transact(async (tx) => {
      seen.push(text(await tx.get(bytes('a'))))
      if (seen.length <= 3) await put(kv, `a=${seen.length}`)
      tx.set(bytes(`mine${seen.length}`), bytes(''))
    })
    assert.deepEqual(seen, [undefined, '1', '2', '3'])
    assert.equal(await contents(kv), 'a=3 mine4=')
  })

  law('transact() gives up with ConflictError after `attemptsMax` runs', async ({ kv }) => {
    for (const attemptsMax of [1, 2, 5]) {
      let runs = 0
      const hopeless = kv.transact(
        async (tx) => {
          runs += 1
          await tx.get(bytes('a'))
          await put(kv, 'a=theirs')
          tx.set(bytes('b'), bytes('mine'))
        },
        { attemptsMax },
      )
      await assert.rejects(hopeless, {
        code: 'conflict',
        retryable: true,
        details: { attempts: attemptsMax },
      })
      assert.equal(runs, attemptsMax)
    }
    assert.equal(await valueAt(kv, 'b'), undefined)
  })

  law('transact() refuses an `attemptsMax` below 1 without running its body', async ({ kv }) => {
    for (const attemptsMax of [0, -1, Number.NaN]) {
      const refused = kv.transact(() => assert.fail('ran'), { attemptsMax })
      await assert.rejects(refused, { code: 'invalid-argument' })
    }
  })

  law('transact() writes nothing if its body throws, and the error comes out unchanged', async ({ kv }) => {
    const failure = new Error('changed my mind')
    let runs = 0
    const failing = kv.transact(async (tx) => {
      runs += 1
      setAll(tx, 'a=1 b=2')
      tx.clearRange(range('c', 'd'))
      await tx.get(bytes('a'))
      throw failure
    })
    await assert.rejects(failing, (error) => error === failure)
    await assert.rejects(
      kv.transact(() => {
        throw failure
      }),
      (error) => error === failure,
    )
    assert.deepEqual([runs, await contents(kv)], [1, ''])
  })

  law('transact() does not retry an error of the body that is retryable', async ({ kv }) => {
    let runs = 0
    const failing = kv.transact(async () => {
      runs += 1
      await kv.transact(
        async (inner) => {
          await inner.get(bytes('a'))
          await put(kv, 'a=theirs')
          inner.set(bytes('b'), bytes('1'))
        },
        { attemptsMax: 1 },
      )
    })
    await assert.rejects(failing, { code: 'conflict' })
    assert.equal(runs, 1)
  })

  law('readTransact() passes an error of its body on unchanged', async ({ kv }) => {
    const failure = new Error('no')
    await assert.rejects(
      kv.readTransact(() => {
        throw failure
      }),
      (error) => error === failure,
    )
  })

  law('a signal that is aborted already keeps the body from running', async ({ kv }) => {
    const reason = new Error('stop')
    const signal = AbortSignal.abort(reason)
    for (const start of [kv.transact, kv.readTransact]) {
      await assert.rejects(
        start.call(kv, () => assert.fail('ran'), { signal }),
        (error) => error === reason,
      )
    }
  })

  law('a signal that aborts while the body waits keeps it from committing', async ({ kv }) => {
    const [reason, held, controller] = [new Error('stop'), gate(), new AbortController()]
    const waiting = kv.transact(
      async (tx) => {
        tx.set(bytes('a'), bytes('1'))
        await held.passed
      },
      { signal: controller.signal },
    )
    controller.abort(reason)
    held.open()
    await assert.rejects(waiting, (error) => error === reason)
    assert.equal(await contents(kv), '')
  })

  law('a signal that aborts after the body, before the commit, writes nothing', async ({ kv }) => {
    const [reason, controller] = [new Error('stop'), new AbortController()]
    const waiting = kv.transact((tx) => tx.set(bytes('a'), bytes('1')), { signal: controller.signal })
    await Promise.resolve()
    controller.abort(reason)
    const rejected = await waiting.then(
      () => false,
      (error) => error === reason,
    )
    assert.equal(await contents(kv), rejected ? '' : 'a=1')
  })

  law('a signal that aborts after the commit changes nothing', async ({ kv }) => {
    const controller = new AbortController()
    await kv.transact((tx) => tx.set(bytes('a'), bytes('1')), { signal: controller.signal })
    controller.abort(new Error('too late'))
    assert.equal(await contents(kv), 'a=1')
  })

  simulatedLaw('a signal that aborts between two runs ends the retrying', async ({ kv, runtime }) => {
    const [reason, controller] = [new Error('stop'), new AbortController()]
    let runs = 0
    const retrying = kv.transact(
      async (tx) => {
        runs += 1
        await tx.get(bytes('a'))
        await put(kv, 'a=theirs')
        tx.set(bytes('b'), bytes('mine'))
      },
      { signal: controller.signal, attemptsMax: 1_000_000 },
    )
    const rejected = assert.rejects(retrying, (error) => error === reason)
    await sleep(runtime, 5_000)
    controller.abort(reason)
    await rejected
    const runsBefore = runs
    await sleep(runtime, 5_000)
    assert.ok(runs > 1)
    assert.equal(runs, runsBefore)
    assert.equal(await valueAt(kv, 'b'), undefined)
  })

  simulatedLaw('transact() waits longer from one run to the next', async ({ kv, runtime }) => {
    const startedAt: number[] = []
    const hopeless = kv.transact(
      async (tx) => {
        startedAt.push(runtime.monotonic())
        await tx.get(bytes('a'))
        await put(kv, 'a=theirs')
        tx.set(bytes('b'), bytes('mine'))
      },
      { attemptsMax: 40 },
    )
    await assert.rejects(hopeless, { code: 'conflict' })
    const early = startedAt[5]! - startedAt[0]!
    const late = startedAt[39]! - startedAt[34]!
    assert.ok(late > early, `${late} ms and ${early} ms`)
    assert.ok(startedAt[39]! < 30_000)
  })
}
