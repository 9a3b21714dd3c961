/** Invoices that each deciding process creates. */
export const INVOICES = 60
/** Seats that all deciding processes want, in the same order. */
export const SEATS = 100

/** What a deciding process says: at last, which seats it got. */
export type DeciderReport =
  | { readonly event: 'ready' }
  | { readonly event: 'done'; readonly seats: readonly number[] }
