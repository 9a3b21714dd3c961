import assert from 'node:assert/strict'
import { type NotYetProjectedError, ProjectionTimeoutError } from '../../errors.ts'
import { defineProjection } from '../../projection/define-projection.ts'
import { lists } from './aggregate-examples.ts'
import { failureOf, type StoreLaws } from './laws.ts'

const sizes = defineProjection({
  name: 'sizes',
  source: { kind: 'category', category: 'list' },
  partitionBy: 'stream',
  initialState: () => 0,
  any: (count) => count + 1,
})

/** Commands that wait for projections of their events. */
export function projectionWaitingLaws(laws: StoreLaws): void {
  const law: StoreLaws['law'] = (name, verify, options) => laws.law(`projections: ${name}`, verify, options)
  const simulatedLaw: StoreLaws['simulatedLaw'] = (name, verify, options) =>
    laws.simulatedLaw(`projections: ${name}`, verify, options)

  law('a command that waits for a projection sees itself in it', async ({ store }) => {
    await using projection = await store.project(sizes)
    const of = store.aggregate(lists())
    for (let count = 1; count <= 5; count += 1) {
      await of.execute('1', 'add', count, { waitFor: [projection] })
      assert.equal(await projection.state('list-1'), count)
    }
  })

  simulatedLaw('a command is done although its projection is late, and says so', async ({ store }) => {
    await using projection = await store.project(sizes)
    await projection.pause()
    const of = store.aggregate(lists())
    const error = (await failureOf('not-yet-projected', () =>
      of.execute('1', 'add', 1, { waitFor: [projection] }),
    )) as NotYetProjectedError
    assert.ok(error.cause instanceof ProjectionTimeoutError)
    assert.equal((error.details.result as { readonly version: number }).version, 1)
    assert.equal((await of.load('1')).version, 1)
  })
}
