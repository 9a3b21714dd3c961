import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Size of the files in a folder. A file may go while we look: an engine removes its log when it is closed. */
export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (file) => (file.isFile() ? file.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
