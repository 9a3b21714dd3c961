import { lstatSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs'
import { chmod, mkdtemp, open, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { StorageError } from '../errors.ts'
import { flushFolder, folderMode, fromFileSystem, makeFolder } from './store-folder.ts'

/**
 * How the names of folders begin in which a backup is being made. Six random characters follow, so a folder that a killed process
 * has left behind is in nobody's way.
 */
const UNFINISHED = '.eventdb-backup-'

/** Where a backup goes, and what it is made of. */
export interface BackupPlace {
  readonly folder: string
  /** The database file, whose permissions the copy gets. */
  readonly source: string
  readonly signal: AbortSignal | undefined
}

/**
 * Makes a folder that appears with all of its files, complete and flushed, or not at all: `fill` writes them into another folder
 * beside it, which is renamed. Whatever goes wrong, nothing is left behind but by a process that is killed.
 *
 * @throws StorageError (`exists` if there is anything at the path), what `fill` throws, the signal's reason
 */
export async function makeBackupFolder(
  { folder, source, signal }: BackupPlace,
  fill: (unfinished: string, fileMode: number) => Promise<void>,
): Promise<void> {
  const target = resolve(folder)
  try {
    assertNothingAt(target)
    const fileMode = statSync(source).mode & 0o777
    await withParent(target, folderMode(fileMode), async (parent) => {
      const unfinished = await mkdtemp(join(parent, UNFINISHED))
      try {
        await fill(unfinished, fileMode)
        await flushFiles(unfinished)
        await chmod(unfinished, folderMode(fileMode))
        signal?.throwIfAborted()
        moveInto(unfinished, target)
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true })
        throw error
      }
    })
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw isFromFileSystem(error) ? fromFileSystem(error, target) : error
  }
}

function assertNothingAt(target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) throw exists(target)
}

function exists(target: string): StorageError {
  return new StorageError(`There is something at ${target} already`, 'exists', { path: target })
}

/** Makes the folders above the target where they are missing, and takes them back if `body` fails. */
async function withParent(
  target: string,
  mode: number,
  body: (parent: string) => Promise<void>,
): Promise<void> {
  const parent = dirname(target)
  const topmost = makeFolder(parent, mode)
  try {
    await body(parent)
  } catch (error) {
    if (topmost !== undefined) removeEmptyFolders(parent, topmost)
    throw error
  }
}

function removeEmptyFolders(lowest: string, topmost: string): void {
  try {
    for (let folder = lowest; folder.length >= topmost.length; folder = dirname(folder)) rmdirSync(folder)
  } catch {
    // Somebody else has put something into it.
  }
}

/** Not with calls that block: flushing a large file takes long. */
async function flushFiles(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const file = await open(join(folder, name), 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }
  flushFolder(folder)
}

/** Gives the complete folder its name; takes it away again if the name cannot be flushed. */
function moveInto(unfinished: string, target: string): void {
  // On POSIX an empty folder that has come meanwhile would be replaced, which does no harm, and anything else is refused.
  assertNothingAt(target)
  try {
    renameSync(unfinished, target)
  } catch (error) {
    throw isTaken(error) ? exists(target) : error
  }
  try {
    flushFolder(dirname(target))
  } catch (error) {
    renameSync(target, unfinished)
    throw error
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code))
}

function isFromFileSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
