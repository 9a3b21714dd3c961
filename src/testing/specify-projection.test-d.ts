import { defineEvents } from '../events/define-events.ts'
import { defineProjection } from '../projection/define-projection.ts'
import { specifyProjection } from './specify-projection.ts'

/** What the types must infer, and what must not compile. Nothing here runs. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function isTrue<_Claim extends true>(): void {}

type OrderEvent =
  | { readonly type: 'Placed'; readonly data: { readonly total: number } }
  | { readonly type: 'Paid' }

const sales = defineProjection(defineEvents<OrderEvent>(), {
  name: 'sales',
  source: { kind: 'category', category: 'order' },
  initialState: () => ({ total: 0 }),
  on: { Placed: (state, { data }) => ({ total: state.total + data.total }) },
})

const { given, deleted } = specifyProjection(sales)
const placed = { streamId: 'order-1', type: 'Placed', data: { total: 5 } } as const

function aLogHasEventsOfTheProjection(): void {
  specifyProjection(sales, { now: new Date(0), codecs: [] })
  given([])
  given(placed)
  given([placed, { ...placed, time: new Date(0), recordedAt: new Date(0), tags: ['t'], id: 'x' }])
  given([{ streamId: 'order-1', type: 'Paid' }, deleted('order-1'), deleted('x', { isTombstone: true })])
  given({ streamId: 'order-1', type: 'Old', data: 1, metadata: { $schemaVersion: 1 } })
  // @ts-expect-error no stream
  given({ type: 'Paid' })
  // @ts-expect-error a misspelt type
  given({ streamId: 'order-1', type: 'Payed' })
  // @ts-expect-error other data
  given([{ streamId: 'order-1', type: 'Placed', data: { total: '5' } }])
  // @ts-expect-error an unknown option
  specifyProjection(sales, { clock: new Date(0) })
}

function expectationsHaveTheStateOfTheProjection(): void {
  const promise = given(placed).thenState({ total: 5 })
  isTrue<Equal<typeof promise, Promise<void>>>()
  void given(placed).thenState((state) => {
    isTrue<Equal<typeof state, { total: number }>>()
    return true
  }, 'partition')
  void given(placed)
    .at(new Date(0))
    .thenPartitions({ a: { total: 5 }, b: ({ total }) => total > 5 })
  void given(placed).thenEmitted([])
  void given(placed).thenEmitted({ streamId: 's', events: { type: 'E', data: 1, tags: ['t'] } })
  void given(placed).thenEmitted([
    { streamId: 's', events: [{ type: 'E' }, { type: 'F', data: { any: 1 } }] },
    { streamId: 's', link: { streamId: 'order-1', version: 1 } },
  ])
  void given(placed).thenKv([
    [['a', 1], { any: 1 }],
    [['b'], new Uint8Array()],
  ])
  void given(placed).thenThrows(RangeError)
  void given(placed).thenThrows(/no/)
  // @ts-expect-error another state
  void given(placed).thenState({ total: '5' })
  // @ts-expect-error one of the states is another
  void given(placed).thenPartitions({ a: { total: 5 }, b: { sum: 5 } })
  // @ts-expect-error neither events nor a link
  void given(placed).thenEmitted([{ streamId: 's' }])
  // @ts-expect-error a key is a tuple
  void given(placed).thenKv([['a', 1]])
  // @ts-expect-error not awaited as a whole
  given(placed).then(() => {})
}

void aLogHasEventsOfTheProjection
void expectationsHaveTheStateOfTheProjection
