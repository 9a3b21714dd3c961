/** Directory of the key that a process watches while another changes it. */
export const WATCHED_PATH: readonly string[] = ['watched']
/** The key. */
export const WATCHED_KEY: readonly string[] = ['value']

/** What a watching process says: from which value on it watches, and when it was woken. */
export type WatcherReport =
  | { readonly event: 'watching'; readonly value: number }
  | { readonly event: 'fired'; readonly value: number; readonly at: string }
