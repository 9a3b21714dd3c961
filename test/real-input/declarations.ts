import { fileURLToPath } from 'node:url'

/** Expense declarations of a university (BPI Challenge 2020); lies beside the repository, not in it. */
export const DECLARATIONS: string = fileURLToPath(
  new URL('../../../shared/data/expense-declarations.ndjson.gz', import.meta.url),
)
