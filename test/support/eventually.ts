/** How long a condition may take to come true, on a slow machine, in milliseconds. Nothing is decided by it but that a test hangs. */
const PATIENCE_MS = 90_000
/** How long it waits between two looks, in milliseconds. */
const LOOK_MS = 25

/** Looks again and again until what it sees is right, and returns that. @throws Error with what was seen last, if that never comes */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  isRight: (seen: T) => boolean,
): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    const seen = await look()
    if (isRight(seen)) return seen
    if (performance.now() > endMs)
      throw new Error(`It never came to this: ${what}. Seen last: ${textOf(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function textOf(seen: unknown): string {
  return JSON.stringify(seen, (_, value) => (typeof value === 'bigint' ? `${value}` : (value as unknown)))
}
