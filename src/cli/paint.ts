import { styleText } from 'node:util'

/** The kinds of text that are told apart by colour. */
export type Ink = 'strong' | 'dim' | 'error' | 'good' | 'number' | 'stream'

/** Colours text, or leaves it as it is. */
export interface Paint {
  /** Text of a kind. */
  ink(ink: Ink, text: string): string
  /** The name of an event type: the same type always has the same colour. */
  type(type: string, text: string): string
}

type Format = Parameters<typeof styleText>[0]

const INKS: Readonly<Record<Ink, Format>> = {
  strong: 'bold',
  dim: 'gray',
  error: ['bold', 'red'],
  good: 'green',
  number: 'yellow',
  stream: 'blue',
}
const TYPE_FORMATS = [
  'cyan',
  'green',
  'magenta',
  'yellow',
  'cyanBright',
  'greenBright',
  'magentaBright',
] as const

/** Makes a paint. */
export function paintWith(coloured: boolean): Paint {
  if (!coloured) return { ink: (_, text) => text, type: (_, text) => text }
  const apply = (format: Format, text: string): string => styleText(format, text, { validateStream: false })
  return {
    ink: (ink, text) => apply(INKS[ink], text),
    type: (type, text) => apply(TYPE_FORMATS[hashOf(type) % TYPE_FORMATS.length]!, text),
  }
}

/**
 * Whether to use colours: FORCE_COLOR decides (0 and false mean no), then NO_COLOR (no-color.org: any text means no), then
 * whether it is a terminal that knows colours.
 */
export function wantsColours(
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const { FORCE_COLOR, NO_COLOR, NODE_DISABLE_COLORS, TERM } = env
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  if (NO_COLOR || NODE_DISABLE_COLORS) return false
  return isTerminal && TERM !== 'dumb'
}

function hashOf(text: string): number {
  let hash = 7
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0
  return hash
}
