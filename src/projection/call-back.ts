import type { Runtime } from '../runtime.ts'

/** Calls somebody back who wanted to know. What that throws, or rejects with, is nobody's fault but its own. */
export function callBack(runtime: Runtime, call: () => unknown): void {
  const complain = (error: unknown): void => runtime.warn?.('A callback of a projection has thrown', error)
  try {
    Promise.resolve(call()).catch(complain)
  } catch (error) {
    complain(error)
  }
}
