import { CommandError } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'no space left on the disk',
  EROFS: 'the file system is read-only',
}

/** Puts the failure of a file into words. Anything that is not a failure of the file system comes back unchanged. */
export function fileProblem(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error
  return new CommandError(`${path}: ${REASONS[String(error.code)] ?? error.message}`, { cause: error })
}
