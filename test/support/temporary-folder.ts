import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of one test. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
  /** Removes it with everything inside. */
  remove(): Promise<void>
}

/** Makes an empty folder in the system's place for temporary files. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'eventdb-'))
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true })
  return { path, remove, [Symbol.asyncDispose]: remove }
}
