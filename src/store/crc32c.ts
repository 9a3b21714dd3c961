/**
 * CRC-32C (Castagnoli), the checksum of iSCSI and ext4: the polynomial detects all burst errors up to 32 bits and, at our sizes, all
 * errors of up to five bits. Computed eight bytes at a time ("slicing by 8", Kounavis and Berry 2005).
 */
const POLYNOMIAL = 0x82f63b78
const SLICES = 8
const tables: Int32Array = makeTables()

/** Computes the checksum of `bytes[from, to)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  const t = tables
  let crc = -1
  let at = from
  for (const last = to - 7; at < last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!
  }
  for (; at < to; at += 1) crc = t[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTables(): Int32Array {
  const table = new Int32Array(256 * SLICES)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  for (let at = 256; at < table.length; at += 1) {
    const previous = table[at - 256]!
    table[at] = table[previous & 0xff]! ^ (previous >>> 8)
  }
  return table
}
