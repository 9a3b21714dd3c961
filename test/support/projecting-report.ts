/** What `projecting-child.ts` reports. */
export type ProjectingReport =
  | { readonly event: 'ready' | 'open' | 'handling' | 'holding' | 'continued' | 'fenced' }
  | { readonly event: 'progress'; readonly handled: number }
  | { readonly event: 'ended'; readonly reason: string }
  | { readonly event: 'written'; readonly written: number }
