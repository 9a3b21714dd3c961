import type { SessionAppend } from './appended.ts'
import type { Payload, PreparedEvent } from './prepared-event.ts'

const encoder = new TextEncoder()

/**
 * A SHA-256 over the streams and events of an append, by which an append that is made again is told from another one. Each part is preceded by
 * its length, so that no two lists of parts have the same bytes. What the caller left out counts as left out, even where the
 * store fills something in.
 */
export async function fingerprintOf(appends: readonly SessionAppend[]): Promise<string> {
  const parts = appends.flatMap(({ streamId, events }) => [
    streamId,
    String(events.length),
    ...events.flatMap(partsOf),
  ])
  return sha256(parts)
}

/** A SHA-256 over parts, in hexadecimal. No two lists of parts have the same bytes. */
export async function sha256(parts: readonly (Payload | undefined)[]): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', joined(parts.map(bytesOf)))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function partsOf({ type, id, timeMs, tags, metadata, data, link }: PreparedEvent): (Payload | undefined)[] {
  const target = link === undefined ? undefined : `${link.version} ${link.streamId}`
  return [type, id, timeMs?.toString(), String(tags.length), ...tags, metadata, data, target]
}

/** The kind of a part in front of it: nothing, text, or bytes. */
function bytesOf(part: Payload | undefined): Uint8Array {
  if (part === undefined) return Uint8Array.of(0)
  const isText = typeof part === 'string'
  const body = isText ? encoder.encode(part) : part
  const bytes = new Uint8Array(body.length + 1)
  bytes[0] = isText ? 1 : 2
  bytes.set(body, 1)
  return bytes
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length + 4, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}
