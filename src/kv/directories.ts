import type { Subspace } from './subspace.ts'

/** A directory's path, from the root: one name a level. */
export type DirectoryPath = readonly string[]

/**
 * Directories give paths of any length short key prefixes, so that several stores can share one database.
 * A prefix is never given to two directories at a time. The contract is here; `src/directory` keeps it.
 */
export interface Directories {
  /** Opens the directory at `path`, and creates it and its parents if need be. */
  createOrOpenDirectory(path: DirectoryPath): Promise<Subspace>
  /** Opens the directory at `path`. @throws DirectoryNotFoundError */
  openDirectory(path: DirectoryPath): Promise<Subspace>
  /** Names the directories below `path`, in order of their UTF-8 bytes. @throws DirectoryNotFoundError unless `path` is empty */
  listDirectories(path?: DirectoryPath): Promise<string[]>
  /** Moves a directory with everything below it. Keys do not change. @throws DirectoryNotFoundError, DirectoryExistsError */
  moveDirectory(from: DirectoryPath, to: DirectoryPath): Promise<void>
  /** Removes a directory, everything below it, and all their keys. Returns whether there was one. */
  removeDirectory(path: DirectoryPath): Promise<boolean>
}
