/** What `inline-child.ts` reports. */
export type InlineReport =
  | { readonly event: 'ready' | 'open' | 'holding' | 'disturbed' }
  | { readonly event: 'in-force'; readonly version: number }
  | { readonly event: 'done'; readonly line: string }
  | { readonly event: 'appended'; readonly events: number }
  | { readonly event: 'refused'; readonly code: string }
