import assert from 'node:assert/strict'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import { defineProjection } from '../../projection/define-projection.ts'
import { failureOf, type StoreLaws } from './laws.ts'
import { append, caughtUp, type Log, logs, ofProjections, projectionsOf } from './projection-examples.ts'

/** What is refused of definitions and options. */
export function projectionDefinitionLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  definitionLaws(named)
  optionLaws(named)
  acceptedLaws(named)
}

const same = (state: Log): Log => state

const BAD: Readonly<Record<string, object>> = {
  'no name': { name: undefined },
  'an empty name': { name: '' },
  'half a character in its name': { name: '\u{d800}' },
  'NUL in its name': { name: 'a\0b' },
  'a name that is no text': { name: 7 },
  'version 0': { version: 0 },
  'a version of a half': { version: 1.5 },
  'a version that is a text': { version: '1' },
  'a version that is null': { version: null },
  'no source': { source: undefined },
  'a source that is a text': { source: 'all' },
  'a source of an unknown kind': { source: { kind: 'some' } },
  'a category without a name': { source: { kind: 'category' } },
  'an empty category': { source: { kind: 'category', category: '' } },
  'a stream without an id': { source: { kind: 'stream' } },
  'an empty stream id': { source: { kind: 'stream', streamId: '' } },
  'a type that is no text': { source: { kind: 'type', type: 7 } },
  'no query': { source: { kind: 'query' } },
  'a query that is none': { source: { kind: 'query', query: { items: [{ types: 'A' }] } } },
  'a query with a misspelt name': { source: { kind: 'query', query: { item: [] } } },
  'resolveLinks that is no boolean': { resolveLinks: 1 },
  'partitions by what is no function': { partitionBy: 'category' },
  'partitions by null': { partitionBy: null },
  'no initial state': { initialState: undefined },
  'an initial state that is no function': { initialState: [] },
  'no handlers': { any: undefined },
  'no handlers but empty cases': { any: undefined, on: {} },
  'cases that are null': { on: null },
  'cases that are a function': { on: () => {} },
  'a case that is no function': { on: { A: 7 } },
  'any that is no function': { any: 'x' },
  'deleted that is no function': { deleted: 'x' },
  'a timer that is no function': { timer: {} },
  'an encode that is no function': { encode: 1 },
  'a decode that is no function': { decode: 1 },
  'fromOlder that is no function': { fromOlder: 1 },
  'a clock that is none': { clock: 'sun' },
  'deleted of a type': { deleted: same, source: { kind: 'type', type: 'A' } },
  'deleted of a query': { deleted: same, source: { kind: 'query', query: { items: [{ types: ['A'] }] } } },
  'deleted in partitions by a function': { deleted: same, partitionBy: () => 'x' },
  'a misspelt name': { partitionsBy: 'stream' },
}

function definitionLaws({ simulatedLaw }: StoreLaws): void {
  for (const [what, settings] of Object.entries(BAD)) {
    simulatedLaw(`a definition with ${what} is refused`, async () => {
      await failureOf('invalid-argument', () => logs(settings as never))
    })
  }

  simulatedLaw('a name that is too long is refused', async () => {
    await failureOf('limit-exceeded', () => logs({ name: 'ä'.repeat(129) }))
  })

  simulatedLaw('what is no definition is refused', async () => {
    for (const definition of [undefined, null, 7, 'p', [], () => {}]) {
      await failureOf('invalid-argument', () => defineProjection(definition as never), String(definition))
    }
    for (const events of [null, {}, 'A', { A: eventType() }]) {
      const { definition } = logs()
      await failureOf('invalid-argument', () => defineProjection(events as never, definition as never))
    }
  })

  simulatedLaw('cases are for the types that there are', async () => {
    const events = defineEvents({ Known: eventType() }, { retired: { Old: () => [] } })
    const define = (on: object) => defineProjection(events, { ...logs().definition, on } as never)
    assert.equal(define({ Known: same }).name, 'p')
    await failureOf('invalid-argument', () => define({ Unknown: same }))
    await failureOf('invalid-argument', () => define({ Old: same }))
  })

  simulatedLaw('encode and decode go together', async () => {
    await failureOf('invalid-argument', () => logs({ encode: () => 1 }))
    await failureOf('invalid-argument', () => logs({ decode: () => [] }))
  })
}

function optionLaws({ simulatedLaw }: StoreLaws): void {
  for (const options of [
    { leaseMs: 999 },
    { leaseMs: 600_001 },
    { leaseMs: 1_500.5 },
    { leaseMs: '2000' },
    { cacheMax: -1 },
    { cacheMax: 1_000_001 },
    { cacheMax: 0.5 },
    { onProgress: 1 },
    { onFault: 'x' },
    { onProblem: {} },
    { onError: () => {} },
    { signal: 7 },
    null,
    7,
  ]) {
    simulatedLaw(
      `project() with ${options === null ? null : JSON.stringify(options)} is refused`,
      async ({ store }) => {
        await failureOf('invalid-argument', () => store.project(logs(), options as never))
        assert.deepEqual(await projectionsOf(store), [])
      },
    )
  }

  simulatedLaw('what was not defined cannot be run', async ({ store }) => {
    for (const projection of [undefined, null, 'p', 7, {}, logs().definition]) {
      await failureOf('invalid-argument', () => store.project(projection as never))
    }
    for (const projection of [undefined, null, 7, {}, logs().definition]) {
      await failureOf('invalid-argument', () => store.projection(projection as never))
    }
  })

  simulatedLaw(
    'an index that the store does not have is a fault, and told',
    async ({ store }) => {
      const source = { kind: 'category', category: 'c' } as const
      await append(store, 1)
      let told: { error: { name: string } } | undefined
      const onFault = (fault: { error: { name: string } }): void => {
        told = fault
      }
      const running = await store.project(logs({ source }), { onFault })
      await failureOf('projection-faulted', async () => {
        for (;;) await caughtUp(store, running)
      })
      assert.equal(told?.error.name, 'IndexMissingError')
      await failureOf('index-missing', () => store.runOnce(logs({ source })))
    },
    { open: { indexes: ['type'] } },
  )
}

function acceptedLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('settings at their bounds are taken', async ({ store }) => {
    for (const [index, options] of [
      { leaseMs: 1_000, cacheMax: 0 },
      { leaseMs: 600_000, cacheMax: 1_000_000 },
      {
        signal: undefined,
        leaseMs: undefined,
        cacheMax: undefined,
        onProgress: undefined,
        onFault: undefined,
      },
      {},
    ].entries()) {
      const position = await append(store, index)
      await using running = await store.project(logs({ name: `${index}` }), options)
      await running.waitFor(position)
    }
  })

  simulatedLaw('settings that are undefined are left out', async ({ store }) => {
    const undefinedSettings = {
      version: undefined,
      resolveLinks: undefined,
      partitionBy: undefined,
      on: undefined,
      deleted: undefined,
      timer: undefined,
      clock: undefined,
      encode: undefined,
      decode: undefined,
      fromOlder: undefined,
    }
    await append(store, 1)
    await using running = await store.project(logs())
    await caughtUp(store, running)
    await using same = await store.project(logs(undefinedSettings))
    assert.deepEqual(await same.state(), [1])
  })

  simulatedLaw('a definition may be changed behind defineProjection()', async ({ store }) => {
    const definition = {
      ...logs().definition,
      source: { kind: 'stream', streamId: 's' } as { kind: 'stream'; streamId: string },
    }
    const projection = defineProjection(definition)
    definition.source.streamId = 'other'
    await append(store, 1)
    await using running = await store.project(projection)
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1])
  })
}
