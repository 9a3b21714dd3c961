import assert from 'node:assert/strict'
import type { KeyValueStore, ReadTransaction } from '../../kv/contract.ts'
import { bytes, contents, everything, gate, type Laws, put, text } from './laws.ts'

const FIRST_READS: Readonly<Record<string, (tx: ReadTransaction) => unknown>> = {
  get: (tx) => tx.get(bytes('a')),
  getRange: (tx) => tx.getRange(everything).toArray(),
  readVersion: (tx) => tx.readVersion(),
  watch: (tx) => tx.watch(bytes('a')),
}

/** Closing: what was accepted finishes, what comes later is refused. */
export function closeLaws({ law }: Laws): void {
  law('close() may be called again, at the same time and later', async ({ kv }) => {
    await put(kv, 'a=1')
    await Promise.all([kv.close(), kv.close()])
    await kv.close()
  })

  law('close() refuses new work with ClosedError', async ({ kv }) => {
    const closing = kv.close()
    const refused: Readonly<Record<string, () => Promise<unknown>>> = {
      transact: () => kv.transact(() => assert.fail('ran')),
      readTransact: () => kv.readTransact(() => assert.fail('ran')),
      createOrOpenDirectory: () => kv.createOrOpenDirectory(['a']),
      openDirectory: () => kv.openDirectory(['a']),
      listDirectories: () => kv.listDirectories(),
      moveDirectory: () => kv.moveDirectory(['a'], ['b']),
      removeDirectory: () => kv.removeDirectory(['a']),
    }
    const refuseAll = async (): Promise<void> => {
      for (const [name, call] of Object.entries(refused)) await assert.rejects(call, { code: 'closed' }, name)
    }
    await refuseAll()
    await closing
    await refuseAll()
  })

  law('close() lets transactions that are committing finish', async ({ kv }) => {
    const commits = Array.from({ length: 20 }, (_, n) => put(kv, `k${n}=1`))
    await Promise.resolve()
    const closing = kv.close()
    const outcomes = await Promise.allSettled(commits)
    await closing
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'closed')
    }
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'))
  })

  law('close() refuses the commit of a body that still runs', async ({ kv }) => {
    const held = gate()
    const running = kv.transact(async (tx) => {
      tx.set(bytes('a'), bytes('1'))
      await held.passed
    })
    const refused = assert.rejects(running, { code: 'closed' })
    const closing = kv.close()
    held.open()
    await refused
    await closing
  })

  for (const start of ['transact', 'readTransact'] as const) {
    law(`close() ends the snapshot of a ${start}() that still runs`, async ({ kv }) => {
      await put(kv, 'a=1')
      const held = gate()
      const running = kv[start](async (tx) => {
        assert.equal(text(await tx.get(bytes('a'))), '1')
        await held.passed
        return tx.get(bytes('a'))
      })
      await closeAndRefuse(kv, running, held.open)
    })

    for (const [name, read] of Object.entries(FIRST_READS)) {
      law(`close() refuses ${name}() as the first read of a ${start}() that still runs`, async ({ kv }) => {
        await put(kv, 'a=1')
        const held = gate()
        const running = kv[start](async (tx) => {
          await held.passed
          await read(tx)
        })
        await closeAndRefuse(kv, running, held.open)
      })
    }
  }

  law('`await using` closes the store', async ({ kv }) => {
    {
      await using scoped = kv
      await put(scoped, 'a=1')
    }
    await assert.rejects(contents(kv), { code: 'closed' })
  })
}

async function closeAndRefuse(
  kv: KeyValueStore,
  running: Promise<unknown>,
  release: () => void,
): Promise<void> {
  const refused = assert.rejects(running, { code: 'closed' })
  await kv.close()
  release()
  await refused
}
