import BTreeModule from 'sorted-btree'
import { type ByteString, byteString, bytesOf } from '../../kv/byte-string.ts'
import type { Engine, EngineSnapshot, EngineWriter } from '../../kv/engine.ts'
import type { Row } from '../../kv/rows.ts'

// The package is CommonJS with a default export, which Node shows one level deeper than bundlers do.
const BTree = ('default' in BTreeModule ? BTreeModule.default : BTreeModule) as typeof BTreeModule.default
type Tree = InstanceType<typeof BTree<ByteString, Uint8Array>>

/**
 * An engine that keeps everything in memory, in a B+ tree whose copies share their nodes: a snapshot and a
 * write group each cost one copy of the root. Nothing survives the process.
 */
export function memoryEngine(): Engine {
  let tree: Tree = new BTree<ByteString, Uint8Array>()
  let commits = 0
  return {
    name: 'memory',
    capabilities: { durable: false, multiProcess: false },
    openSnapshot: () => snapshotOf(tree),
    write: (apply) => {
      const next = tree.clone()
      if (!apply(writerOn(next))) return false
      tree = next
      commits += 1
      return true
    },
    changeCounter: () => commits,
    close: () => {
      tree = new BTree<ByteString, Uint8Array>()
    },
  }
}

function snapshotOf(tree: Tree): EngineSnapshot {
  return {
    get: (key) => tree.get(byteString(key))?.slice(),
    range: (begin, end, limit, reverse) => rangeOf(tree, byteString(begin), byteString(end), limit, reverse),
    close: () => {},
  }
}

function writerOn(tree: Tree): EngineWriter {
  return {
    get: (key) => tree.get(byteString(key)),
    range: (begin, end, limit, reverse) => rangeOf(tree, byteString(begin), byteString(end), limit, reverse),
    set: (key, value) => void tree.set(byteString(key), value.slice()),
    clear: (key) => void tree.delete(byteString(key)),
    clearRange: (begin, end) => void tree.deleteRange(byteString(begin), byteString(end), false),
  }
}

function rangeOf(tree: Tree, begin: ByteString, end: ByteString, limit: number, reverse: boolean): Row[] {
  const rows: Row[] = []
  if (begin >= end || limit <= 0) return rows
  const entries = reverse ? tree.entriesReversed(end, undefined, true) : tree.entries(begin)
  for (const [key, value] of entries) {
    if (reverse ? key < begin : key >= end) break
    rows.push({ key: bytesOf(key), value: value.slice() })
    if (rows.length === limit) break
  }
  return rows
}
