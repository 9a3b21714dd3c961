import type { Paint } from './paint.ts'
import { displayWidth, padEnd } from './text-width.ts'

/** A name and what is there to say of it; both printable. */
export type Field = readonly [name: string, value: string]

/** Lists fields, one a line, with their values below each other. */
export function formatFields(fields: readonly Field[], paint: Paint): string {
  const width = Math.max(...fields.map(([name]) => displayWidth(name)))
  return fields.map(([name, value]) => `${paint.ink('dim', padEnd(name, width))}  ${value}\n`).join('')
}
