/** The numbers that bound the command line, with their units. */

/** Longest line that `import` reads, in bytes: an event of 16 MiB with every character escaped fits. */
export const LINE_BYTES_MAX: number = 128 * 1_024 * 1_024
/** Bytes that `import` reads from a file at a time. */
export const READ_CHUNK_BYTES: number = 128 * 1_024
/** Events of a batch of `import`, unless `--batch` says otherwise. */
export const BATCH_EVENTS_DEFAULT: number = 1_000
/** Most events that `--batch` may ask for, so that a batch stays well below the rows of one transaction. */
export const BATCH_EVENTS_MAX: number = 5_000
/** Bytes of lines after which a batch is closed; a longer line is a batch of its own. */
export const BATCH_BYTES_MAX: number = 4 * 1_024 * 1_024
/** Tags after which a batch is closed: each may be a row of the transaction. */
export const BATCH_TAGS_MAX: number = 10_000
/** Shortest time between two updates of a progress line, in milliseconds. */
export const PROGRESS_INTERVAL_MS: number = 100
/** Width of a terminal that does not say how wide it is, in columns. */
export const COLUMNS_DEFAULT: number = 80
/** Widest column of a table but the last, as a part of the terminal's width. */
export const COLUMN_SHARE_MAX: number = 1 / 3
/** Length of a progress bar, in columns. */
export const PROGRESS_BAR_COLUMNS: number = 20
/** End of a command's standard error that is kept as the reason of a retry, in bytes. */
export const COMMAND_ERROR_BYTES: number = 800
/** Longest line of a command's output that is passed on in one piece, in bytes. */
export const COMMAND_LINE_BYTES: number = 64 * 1_024
/** How long a command may go on that was told to end, in milliseconds. */
export const COMMAND_GRACE_MS: number = 5_000
/** Most commands that `consume` runs at a time. */
export const CONSUME_CONCURRENCY_MAX: number = 1_000
