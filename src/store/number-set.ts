/** A set of whole numbers that lie close together, such as those of streams: one bit for each number up to the largest. */
export class NumberSet {
  #bits = new Uint8Array(1_024)

  has(number: number): boolean {
    return ((this.#bits[number >>> 3] ?? 0) & (1 << (number & 7))) !== 0
  }

  add(number: number): void {
    const at = number >>> 3
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(this.#bits.length * 2, at + 1))
      larger.set(this.#bits)
      this.#bits = larger
    }
    this.#bits[at]! |= 1 << (number & 7)
  }

  delete(number: number): void {
    if (this.has(number)) this.#bits[number >>> 3]! &= ~(1 << (number & 7))
  }

  /** All members, in ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.#bits.length; at += 1) {
      if (this.#bits[at] === 0) continue
      for (let bit = 0; bit < 8; bit += 1) if (this.has(at * 8 + bit)) yield at * 8 + bit
    }
  }
}
