/**
 * Directories: paths of any length, kept in the database, that stand for short key prefixes. This layer knows
 * transactions and tuples; it knows nothing of what is stored below a prefix.
 */
export { withDirectories } from './directory-layer.ts'
