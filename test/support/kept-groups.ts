/** Groups of which nothing must get lost: they are never deleted, nor moved over anything. */
export const KEPT_GROUPS = ['round-robin', 'pinned'] as const

/** One of them. */
export type KeptGroup = (typeof KEPT_GROUPS)[number]
