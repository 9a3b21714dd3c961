/** How to dispatch. */
export interface DispatchOptions {
  /** Most that are worked on at a time. */
  readonly concurrency: number
  /** Most that are taken at all. */
  readonly limit: number
  /** Ends the taking; what is worked on may finish. */
  readonly signal: AbortSignal
}

/**
 * Takes one item after the other and works on up to `concurrency` of them at a time, until `limit` of them were taken, the items end, or
 * `signal` is aborted. Waits for the work that was begun.
 *
 * @throws what the items or the work throw, when the other work has ended
 */
export async function dispatch<T>(
  items: AsyncIterator<T>,
  work: (item: T) => Promise<void>,
  { concurrency, limit, signal }: DispatchOptions,
): Promise<void> {
  const failing = new AbortController()
  const stopping = AbortSignal.any([signal, failing.signal])
  const stopped = new Promise<undefined>((resolve) => {
    if (stopping.aborted) resolve(undefined)
    stopping.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const working = new Set<Promise<void>>()
  let failures: readonly unknown[] = []
  const fail = (error: unknown): void => {
    failures = [...failures, error]
    failing.abort()
  }
  for (let taken = 0; taken < limit && !stopping.aborted; taken++) {
    if (working.size >= concurrency) await Promise.race([...working, stopped])
    const next = stopping.aborted ? undefined : await Promise.race([nextOf(items, fail), stopped])
    if (next === undefined || next.done) break
    const job: Promise<void> = work(next.value)
      .catch(fail)
      .finally(() => working.delete(job))
    working.add(job)
  }
  await Promise.all(working)
  if (failures.length > 0) throw failures[0]
}

/** The next item; `undefined` if there is a failure instead. */
async function nextOf<T>(
  items: AsyncIterator<T>,
  fail: (error: unknown) => void,
): Promise<IteratorResult<T> | undefined> {
  try {
    return await items.next()
  } catch (error) {
    fail(error)
    return undefined
  }
}
