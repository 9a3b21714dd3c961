import type { Running } from './eventdb.ts'

/** Resolves when a program has printed a text on its standard output, or has ended. */
export function printedBy({ process: child, finished }: Running, wanted: string): Promise<unknown> {
  const found = new Promise<void>((resolve) => {
    let seen = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (seen.includes(wanted)) resolve()
    })
  })
  return Promise.race([found, finished])
}
