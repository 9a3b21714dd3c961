import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { InvalidArgumentError } from '../errors.ts'
import { SCHEMA_VERSION_MAX } from '../limits.ts'
import type { EventTypeOptions } from '../store/contract-event-types.ts'
import { defineEvents } from './define-events.ts'
import { eventType } from './event-type.ts'

const same = (data: unknown): unknown => data

/** As many upcasters as versions below this one. */
const upTo = (version: number): Readonly<Record<number, (data: unknown) => unknown>> =>
  Object.fromEntries(Array.from({ length: version - 1 }, (_, index) => [index + 1, same]))

describe('eventType()', () => {
  test.each([
    {},
    { version: 1 },
    { version: 1, upcast: {} },
    { schema: z.string(), version: 3, upcast: { 1: same, 2: same } },
    { version: SCHEMA_VERSION_MAX, upcast: upTo(SCHEMA_VERSION_MAX) },
  ])('takes %j', (options: EventTypeOptions<unknown>) => {
    expect(eventType(options)).toEqual(options)
  })

  test.each<[unknown, string]>([
    [
      { version: SCHEMA_VERSION_MAX + 1, upcast: upTo(SCHEMA_VERSION_MAX + 1) },
      `The version of an event type is a whole number from 1 to ${SCHEMA_VERSION_MAX}, not ${SCHEMA_VERSION_MAX + 1}`,
    ],
    [{ version: 0 }, `The version of an event type is a whole number from 1 to ${SCHEMA_VERSION_MAX}, not 0`],
    [
      { version: 1.5 },
      `The version of an event type is a whole number from 1 to ${SCHEMA_VERSION_MAX}, not 1.5`,
    ],
    [{ schema: { parse: same } }, 'A schema must follow Standard Schema, not be [object Object]'],
    [
      { schema: { '~standard': { version: 1 } } },
      'A schema must follow Standard Schema, not be [object Object]',
    ],
    [{ upcasters: {} }, 'An event type cannot have "upcasters", only schema, version, upcast'],
    [null, 'An event type must be an object, not null'],
  ])('refuses %j', (options, message) => {
    const definition = options as EventTypeOptions<unknown>
    for (const call of [() => eventType(definition), () => defineEvents({ Renamed: definition })]) {
      expect(call).toThrow(InvalidArgumentError)
      expect(call).toThrow(message)
    }
  })
})

describe('defineEvents()', () => {
  const types = { ItemAdded: z.object({ sku: z.string() }), Noted: eventType<string>() }

  test.each<[readonly unknown[], string]>([
    [['ItemAdded'], 'Event types are listed in an object, not in "ItemAdded"'],
    [[null], 'Event types are listed in an object, not in null'],
    [[{ ...types, Late: undefined }], 'There is no definition of Late, but undefined'],
    [[types, { retired: { Noted: () => [] } }], 'The type Noted cannot be retired, as it is written'],
    [[types, { retired: { Old: 'Noted' } }], 'What became of Old must be a function, not "Noted"'],
    [
      [types, { validate: true }],
      'The options of defineEvents cannot have "validate", only retired, validateOnRead',
    ],
  ])('refuses %j', (given, message) => {
    const define = defineEvents as (...given: readonly unknown[]) => unknown
    expect(() => define(...given)).toThrow(InvalidArgumentError)
    expect(() => define(...given)).toThrow(message)
  })

  test.each<[unknown, string]>([
    [{ version: 2 }, 'Renamed has no upcaster from version 1 of its data to version 2'],
    [
      { version: 4, upcast: { 1: same, 3: same } },
      'Renamed has no upcaster from version 2 of its data to version 3',
    ],
    [{ upcast: { 1: same } }, 'There is an upcaster of Renamed from version 1, but its data is of version 1'],
    [
      { version: 2, upcast: { 1: same, 2: same } },
      'There is an upcaster of Renamed from version 2, but its data is of version 2',
    ],
    [
      { version: 2, upcast: { 0: same, 1: same } },
      'There is an upcaster of Renamed from version 0, but its data is of version 2',
    ],
    [
      { version: 2, upcast: { '01': same, 1: same } },
      'There is an upcaster of Renamed from version 01, but its data is of version 2',
    ],
    [
      { version: 2, upcast: { 1: 'x' } },
      'The upcaster of Renamed from version 1 must be a function, not "x"',
    ],
  ])('refuses %j of a type, which it names', (options, message) => {
    const definition = options as EventTypeOptions<unknown>
    for (const Renamed of [definition, eventType(definition)]) {
      expect(() => defineEvents({ Noted: types.Noted, Renamed })).toThrow(InvalidArgumentError)
      expect(() => defineEvents({ Noted: types.Noted, Renamed })).toThrow(message)
    }
  })

  test('sums up types, versions and what is retired, in whatever order they are listed', () => {
    const [one, two] = [eventType(), eventType({ version: 2, upcast: { 1: same } })]
    const old = () => []
    const { form } = defineEvents({ A: one, B: two }, { retired: { C: old, D: old } })
    expect(defineEvents({ B: two, A: one }, { retired: { D: old, C: old } }).form).toBe(form)
    const others = [
      defineEvents({ A: one, B: one }, { retired: { C: old, D: old } }),
      defineEvents({ A: one, B: two, C: one }, { retired: { D: old } }),
      defineEvents({ A: one, B: two }, { retired: { C: old } }),
      defineEvents({ 'A@1","B': two }, { retired: { C: old, D: old } }),
      defineEvents({ A: one, B: two, '-C': one, '-D': one }),
    ]
    expect(new Set([form, ...others.map((events) => events.form)]).size).toBe(6)
  })
})
