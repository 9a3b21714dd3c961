import {
  CorruptionError,
  DirectoryExistsError,
  DirectoryNotFoundError,
  InvalidArgumentError,
  LimitExceededError,
} from '../errors.ts'
import type { KeyValueStore, ReadTransaction, Transaction } from '../kv/contract.ts'
import type { Directories, DirectoryPath } from '../kv/directories.ts'
import type { TransactionalStore } from '../kv/key-value-store.ts'
import { type Subspace, subspace } from '../kv/subspace.ts'
import { DIRECTORY_DEPTH_MAX, DIRECTORY_NAME_BYTES_MAX } from '../limits.ts'
import { pack } from '../tuple/pack.ts'

/**
 * Where the directories themselves are kept, as in FoundationDB: below the byte FE, which no directory's prefix begins with.
 * A node is the prefix of its directory; the root's is empty.
 *
 *   (FE, 'child', node, name) → prefix        (FE, 'next') → the number that makes the next prefix
 */
const nodes: Subspace = subspace(Uint8Array.of(0xfe))
const ROOT = new Uint8Array(0)
const COUNTER = nodes.pack(['next'])

/** Adds directories to a key-value store. */
export function withDirectories(store: TransactionalStore): KeyValueStore {
  const directories: Directories = {
    createOrOpenDirectory: async (path) => {
      const names = checkPath(path)
      // Most directories exist, and reading conflicts with nobody.
      const found = await store.readTransact((tx) => find(tx, names))
      return subspace(found ?? (await store.transact((tx) => findOrCreate(tx, names))))
    },
    openDirectory: async (path) => {
      const names = checkPath(path)
      const prefix = await store.readTransact((tx) => find(tx, names))
      if (prefix === undefined) throw new DirectoryNotFoundError(names)
      return subspace(prefix)
    },
    listDirectories: async (path = []) => store.readTransact((tx) => list(tx, path)),
    moveDirectory: async (from, to) => {
      const [names, newNames] = [checkPath(from), checkPath(to)]
      await store.transact((tx) => move(tx, names, newNames))
    },
    removeDirectory: async (path) => {
      const names = checkPath(path)
      return store.transact((tx) => remove(tx, names))
    },
  }
  return delegate(store, directories)
}

/** The store with more methods. Written out, as a spread would not carry what sits on its prototype. */
function delegate(store: TransactionalStore, directories: Directories): KeyValueStore {
  return {
    ...directories,
    engine: store.engine,
    capabilities: store.capabilities,
    coherence: store.coherence,
    stamps: store.stamps,
    limits: store.limits,
    transact: (body, options) => store.transact(body, options),
    readTransact: (body, options) => store.readTransact(body, options),
    backup: (folder, options) => store.backup(folder, options),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

function checkPath(path: DirectoryPath): DirectoryPath {
  if (path.length === 0) throw new InvalidArgumentError('The path of a directory must have at least one name')
  if (path.length > DIRECTORY_DEPTH_MAX) {
    throw new LimitExceededError('The path of a directory', DIRECTORY_DEPTH_MAX, path.length, 'names')
  }
  for (const name of path) checkName(name)
  return path
}

function checkName(name: string): void {
  if (typeof name !== 'string' || name === '')
    throw new InvalidArgumentError('The name of a directory must not be empty')
  if (/\p{Surrogate}/u.test(name))
    throw new InvalidArgumentError('The name of a directory has a surrogate on its own', { name })
  const bytes = new TextEncoder().encode(name).length
  if (bytes > DIRECTORY_NAME_BYTES_MAX)
    throw new LimitExceededError('The name of a directory', DIRECTORY_NAME_BYTES_MAX, bytes)
}

async function find(tx: ReadTransaction, path: DirectoryPath): Promise<Uint8Array | undefined> {
  let prefix: Uint8Array = ROOT
  for (const name of path) {
    const child = await tx.get(nodes.pack(['child', prefix, name]))
    if (child === undefined) return undefined
    prefix = child
  }
  return prefix
}

async function findOrCreate(tx: Transaction, path: DirectoryPath): Promise<Uint8Array> {
  let prefix: Uint8Array = ROOT
  for (const name of path) {
    const key = nodes.pack(['child', prefix, name])
    prefix = (await tx.get(key)) ?? (await create(tx, key))
  }
  return prefix
}

/** Takes a new prefix. The counter only goes up, so a prefix is never used twice. */
async function create(tx: Transaction, key: Uint8Array): Promise<Uint8Array> {
  const next = Number(decodeCounter(await tx.get(COUNTER)))
  const prefix = pack([next])
  tx.set(COUNTER, encodeCounter(BigInt(next + 1)))
  tx.set(key, prefix)
  return prefix
}

async function list(tx: ReadTransaction, path: DirectoryPath): Promise<string[]> {
  const prefix = path.length === 0 ? ROOT : await find(tx, checkPath(path))
  if (prefix === undefined) throw new DirectoryNotFoundError(path)
  const rows = await tx.getRange(nodes.range(['child', prefix])).toArray()
  return rows.map(({ key }) => String(nodes.unpack(key)[2]))
}

async function move(tx: Transaction, from: DirectoryPath, to: DirectoryPath): Promise<void> {
  if (from.every((name, index) => name === to[index])) {
    throw new InvalidArgumentError('A directory cannot be moved to itself or below itself', { from, to })
  }
  const prefix = await find(tx, from)
  if (prefix === undefined) throw new DirectoryNotFoundError(from)
  const newParent = await find(tx, to.slice(0, -1))
  if (newParent === undefined) throw new DirectoryNotFoundError(to.slice(0, -1))
  const newKey = nodes.pack(['child', newParent, to.at(-1)!])
  if ((await tx.get(newKey)) !== undefined) throw new DirectoryExistsError(to)
  const oldParent = await find(tx, from.slice(0, -1))
  tx.clear(nodes.pack(['child', oldParent!, from.at(-1)!]))
  tx.set(newKey, prefix)
}

async function remove(tx: Transaction, path: DirectoryPath): Promise<boolean> {
  const parent = await find(tx, path.slice(0, -1))
  if (parent === undefined) return false
  const key = nodes.pack(['child', parent, path.at(-1)!])
  const prefix = await tx.get(key)
  if (prefix === undefined) return false
  tx.clear(key)
  await removeNode(tx, prefix)
  return true
}

async function removeNode(tx: Transaction, prefix: Uint8Array): Promise<void> {
  const children = await tx.getRange(nodes.range(['child', prefix])).toArray()
  for (const { value } of children) await removeNode(tx, value)
  tx.clearRange(nodes.range(['child', prefix]))
  tx.clearRange(subspace(prefix).everything())
}

function encodeCounter(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

function decodeCounter(bytes: Uint8Array | undefined): bigint {
  if (bytes === undefined) return 1n
  if (bytes.length !== 8) throw new CorruptionError('The counter of directory prefixes is damaged')
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0)
}
