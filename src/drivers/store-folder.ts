import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StorageError, type StorageProblem, StoreNotFoundError } from '../errors.ts'

/** How to make a store's folder and files. */
export interface FileOptions {
  /** Permissions of new files; their folder gets the same plus search. @default 0o600 */
  readonly mode?: number
  /** Whether to make a store where there is none. @default true */
  readonly create?: boolean
}

/**
 * Makes sure that a store's folder and its main file exist, and that they survive a loss of power. Returns the file's path.
 * @throws StorageError (`not-a-folder`, `permission`, `read-only`, `disk-full`), StoreNotFoundError
 */
export function makeStoreFile(folder: string, name: string, options: FileOptions): string {
  const { mode = 0o600, create = true } = options
  const file = join(folder, name)
  try {
    if (existsSync(folder) && !statSync(folder).isDirectory()) {
      throw new StorageError(`${folder} is a file, and a store needs a folder`, 'not-a-folder', {
        path: folder,
      })
    }
    if (!existsSync(file)) {
      if (!create) throw new StoreNotFoundError(folder)
      makeFolder(folder, folderMode(mode))
      makeFile(file, mode)
      flushFolder(folder)
    }
  } catch (error) {
    throw fromFileSystem(error, folder)
  }
  return file
}

/** Makes a file of so many zeros where there is none. Another process may do the same at the same time. */
export function makeFile(file: string, mode: number, bytes = 0): void {
  if (existsSync(file)) return
  try {
    // To append never overwrites what another process may have written meanwhile.
    writeFileSync(file, new Uint8Array(bytes), { flag: 'ax', mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Makes a folder and those above it, where they are missing, and returns the topmost that it has made. */
export function makeFolder(folder: string, mode: number): string | undefined {
  const topmost = mkdirSync(folder, { recursive: true, mode })
  if (topmost === undefined) return undefined
  for (let made = folder; made !== dirname(topmost); made = dirname(made)) flushFolder(dirname(made))
  return topmost
}

/** Flushes the names in a folder. Windows does that by itself, and cannot be told to. */
export function flushFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The permissions of a folder for files with these: who may read may also enter. */
export function folderMode(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2)
}

const PROBLEMS: Readonly<Record<string, StorageProblem>> = {
  ENOTDIR: 'not-a-folder',
  EACCES: 'permission',
  EPERM: 'permission',
  EROFS: 'read-only',
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
}

/** Turns what the file system threw into one of our errors. */
export function fromFileSystem(error: unknown, path: string): unknown {
  if (
    !(error instanceof Error) ||
    !('code' in error) ||
    error instanceof StorageError ||
    error instanceof StoreNotFoundError
  )
    return error
  const problem = PROBLEMS[String(error.code)] ?? 'io'
  return new StorageError(`The folder ${path} cannot be used: ${error.message}`, problem, {
    path,
    cause: error,
  })
}
