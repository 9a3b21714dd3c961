// The first byte of every encoded element, as allocated by FoundationDB's design/tuple.md.
// Elements of different types order by these codes.

/** Null; within a nested tuple followed by 0xff. */
export const NULL = 0x00
/** Byte string, ended by 0x00. */
export const BYTES = 0x01
/** UTF-8 string, ended by 0x00. */
export const STRING = 0x02
/** Nested tuple, ended by 0x00. */
export const NESTED = 0x05

/** Negative integer of 9 to 255 bytes, preceded by its inverted length. */
export const NEGATIVE_BIG = 0x0b

/** Zero. An integer of n bytes has the code n above it if positive, n below it if negative, for n up to 8. */
export const INTEGER_ZERO = 0x14

/** Positive integer of 9 to 255 bytes, preceded by its length. */
export const POSITIVE_BIG = 0x1d

/** IEEE single, transformed so that it orders as bytes. */
export const FLOAT = 0x20
/** IEEE double, transformed so that it orders as bytes. */
export const DOUBLE = 0x21
/** False. */
export const FALSE = 0x26
/** True. */
export const TRUE = 0x27
/** UUID, 16 bytes. */
export const UUID = 0x30
/** Versionstamp, 12 bytes. */
export const VERSIONSTAMP = 0x33

/** Follows a 0x00 that belongs to a value, where a 0x00 on its own would end it. No type has this code. */
export const ESCAPE = 0xff
