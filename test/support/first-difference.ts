/** Where two long lists differ first, as text; `undefined` if they do not. An assertion on the lists themselves takes minutes to explain itself. */
export function firstDifference(found: readonly unknown[], expected: readonly unknown[]): string | undefined {
  const length = Math.max(found.length, expected.length)
  for (let index = 0; index < length; index += 1) {
    const [one, other] = [textOf(found[index]), textOf(expected[index])]
    if (one !== other) return `at ${index} of ${found.length}: ${one} instead of ${other}`
  }
  return undefined
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? String(part) : part))
  return text ?? 'nothing'
}
