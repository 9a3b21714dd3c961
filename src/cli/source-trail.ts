import { createHash } from 'node:crypto'

/** Follows a source line by line, and can tell at every line how far it is and what it has seen. */
export class SourceTrail {
  #lines = 0
  readonly #hash = createHash('sha256')

  /** Lines that were passed. */
  get lines(): number {
    return this.#lines
  }

  pass(line: Buffer): void {
    this.#lines += 1
    this.#hash.update(line).update('\n')
  }

  /** SHA-256 of the lines so far, each followed by `\n`: it does not matter how lines ended, or whether the last one did. */
  sha256(): string {
    return this.#hash.copy().digest('hex')
  }
}

/** SHA-256 of one line. */
export function lineSha256(line: Buffer): string {
  return createHash('sha256').update(line).digest('hex')
}
