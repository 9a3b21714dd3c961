/** How many values are looked at, at most. */
const LOOKS_MAX = 200
/** What a number, a truth value or a date takes, about. */
const LEAF_LENGTH = 8

/** About how long a state is when it is written. Of a large one only the first values are looked at; the rest is taken to be like them. */
export function roughSizeOf(state: unknown): number {
  return sizeOf(state, { left: LOOKS_MAX })
}

interface Looks {
  left: number
}

function sizeOf(value: unknown, looks: Looks): number {
  looks.left -= 1
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || looks.left <= 0) return LEAF_LENGTH
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (Array.isArray(value)) return sizeOfAll(value, value.length, looks)
  if (value instanceof Map || value instanceof Set) return sizeOfAll(value, value.size, looks)
  return sizeOfMembers(value as Record<string, unknown>, looks)
}

function sizeOfAll(values: Iterable<unknown>, count: number, looks: Looks): number {
  let [size, seen] = [LEAF_LENGTH, 0]
  for (const value of values) {
    size += sizeOf(value, looks) + 1
    seen += 1
    if (looks.left <= 0) return (size / seen) * count
  }
  return size
}

function sizeOfMembers(members: Record<string, unknown>, looks: Looks): number {
  let [size, seen] = [LEAF_LENGTH, 0]
  for (const name in members) {
    size += name.length + sizeOf(members[name], looks) + 4
    seen += 1
    if (looks.left <= 0) return (size / seen) * Object.keys(members).length
  }
  return size
}
