/** One key with its value. Both belong to the reader: nobody else writes into them. */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** All keys from `begin` (inclusive) to `end` (exclusive), in the order of their bytes. */
export interface KeyRange {
  readonly begin: Uint8Array
  readonly end: Uint8Array
}
