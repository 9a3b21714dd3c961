import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import { counted, dataIn, failureOf, numbers, type StoreLaws } from './laws.ts'

/** Closing: what was accepted finishes, what comes later is refused. */
export function closeLaws({ law }: StoreLaws): void {
  law('close() waits for the appends that were made before', async ({ store }) => {
    const appends = numbers(1, 50).map((n) => store.stream(`s${n % 3}`).append(counted(1, n)))
    const closing = store.close()
    const results = await Promise.all(appends)
    await closing
    assert.equal(new Set(results.map(({ position }) => position)).size, 50)
  })

  law(
    'close() loses nothing that it waited for',
    async ({ store, reopen }) => {
      const appends = numbers(1, 50).map((n) => store.stream('s').append(counted(1, n)))
      await store.close()
      await Promise.all(appends)
      assert.deepEqual(await dataIn(await reopen(), 's'), numbers(1, 50))
    },
    { needs: 'reopen' },
  )

  law('close() refuses everything from then on', async ({ store }) => {
    const stream = await store.createStream('s')
    await stream.append(counted(2))
    const read = stream.read()
    const closing = store.close()
    await assertClosed(store, stream, read)
    await closing
    await assertClosed(store, stream, read)
  })

  law('close() may be called again, at the same time and later', async ({ store }) => {
    await store.stream('s').append(counted(1))
    await Promise.all([store.close(), store.close()])
    await store.close()
    await store[Symbol.asyncDispose]()
  })

  law('close() ends reads and transactions that go on', async ({ store }) => {
    await store.stream('s').append(counted(300))
    const reading = async (): Promise<void> => {
      for await (const { version } of store.stream('s').read()) if (version === 5) await store.close()
    }
    await failureOf('closed', reading)
  })

  law(
    'close() refuses the commit of a body that still runs, where the store owns what is below',
    async ({ store }) => {
      const running = store.transact(async (tx) => {
        await tx.stream('s').append(counted(1))
        await store.close()
        await tx.stream('s').append(counted(1))
      })
      const outcome = await running.then(
        () => 'committed',
        (error: { code?: string }) => error.code,
      )
      const isKvOpen = await store.kv.readTransact(() => true).catch(() => false)
      assert.equal(outcome, isKvOpen ? 'committed' : 'closed')
    },
  )

  law('`await using` closes the store', async ({ store }) => {
    {
      await using scoped = store
      await scoped.stream('s').append(counted(1))
    }
    await failureOf('closed', () => store.stream('s').append(counted(1)))
  })
}

async function assertClosed(
  store: EventStore,
  stream: ReturnType<EventStore['stream']>,
  read: ReturnType<ReturnType<EventStore['stream']>['read']>,
): Promise<void> {
  const uses: Readonly<Record<string, () => unknown>> = {
    'stream.append': () => stream.append(counted(1)),
    'stream.append of nothing': () => stream.append([]),
    'stream.read': () => stream.read().toArray(),
    'stream.read made before': () => read.first(),
    'stream.read().last': () => read.last(),
    'stream.event': () => stream.event(1),
    'stream.exists': () => stream.exists(),
    'stream.info': () => stream.info(),
    'stream.metadata': () => stream.metadata(),
    'stream.setMetadata': () => stream.setMetadata({ a: 1 }),
    append: () => store.append([{ streamId: 's', events: counted(1) }]),
    createStream: () => store.createStream('t'),
    'all.read': () => store.all.read().toArray(),
    streams: () => store.streams()[Symbol.asyncIterator]().next(),
    transact: () => store.transact(() => assert.fail('ran')),
    readTransact: () => store.readTransact(() => assert.fail('ran')),
    within: () => store.within(undefined as never),
    info: () => store.info(),
    check: () => store.check(),
  }
  for (const [name, use] of Object.entries(uses)) await failureOf('closed', use, name)
}
