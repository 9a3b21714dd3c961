/** Longest magnitude of an integer element, in bytes: the length is stored in a single byte. */
export const INTEGER_BYTES_MAX = 255

/** Deepest nesting of tuples within a tuple, in levels: bounds recursion over cyclic arrays and hostile bytes. */
export const NESTING_DEPTH_MAX = 64

/** First size of the scratch buffer tuples are packed in, in bytes. */
export const SCRATCH_BYTES_START = 256

/** Largest scratch buffer kept from one call of `pack` to the next, in bytes. */
export const SCRATCH_BYTES_KEPT_MAX = 65_536
