import type { AnyPlace } from '../store/broker.ts'

/** A place as text, for JSON. */
export function placeText(place: AnyPlace): string {
  return String(place)
}

/** The place that a text stands for. */
export function placeFrom(text: string, isStream: boolean): AnyPlace {
  return isStream ? Number(text) : BigInt(text)
}
