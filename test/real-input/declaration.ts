import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  type Aggregate,
  type Aggregates,
  defineAggregate,
  defineEvents,
  type NewEvent,
  type SnapshotPolicy,
} from 'eventdb'
import { DECLARATIONS } from './declarations.ts'

/** What happened to a declaration, as the file has it. */
export interface DeclarationLine {
  readonly stream: string
  readonly type: string
  readonly time: string
  readonly data: { readonly amount: number }
  readonly metadata: { readonly role: string }
}

/** Who did something, and when. */
type Deed = readonly [role: string, at: string]

/** Where a declaration stands. */
export interface Declaration {
  status: 'none' | 'draft' | 'submitted' | 'rejected' | 'approved' | 'to be paid' | 'paid'
  amount: number
  submissions: number
  /** Since it was submitted last. */
  approvals: readonly Deed[]
  rejections: readonly Deed[]
  changedAt: string | null
  paidAt: string | null
}

type DeclarationEvent = Pick<DeclarationLine, 'type' | 'data' | 'metadata'>

interface DeclarationCommands {
  readonly record: (state: Declaration, line: DeclarationLine) => NewEvent<DeclarationEvent>
}

/** Declarations of a store. */
export type DeclarationUse = Aggregates<DeclarationEvent, Declaration, DeclarationCommands>

const NONE: Declaration = {
  status: 'none',
  amount: 0,
  submissions: 0,
  approvals: [],
  rejections: [],
  changedAt: null,
  paidAt: null,
}

/** Declarations as aggregates, whose only command records what has happened. `onEvolve` is told of each event that is folded. */
export function declarationAggregate(
  onEvolve: () => unknown,
  snapshots?: SnapshotPolicy<Declaration>,
): Aggregate<DeclarationEvent, Declaration, DeclarationCommands> {
  return defineAggregate(defineEvents<DeclarationEvent>(), {
    category: 'declaration',
    initialState: () => NONE,
    evolve: (state, { type, data, metadata, time }) => {
      onEvolve()
      const changedAt = time.toISOString()
      return { ...state, ...change(state, type, [metadata.role, changedAt]), amount: data.amount, changedAt }
    },
    commands: {
      record: (_, { type, data, metadata, time }: DeclarationLine) => ({
        type,
        data,
        metadata,
        time: new Date(time),
      }),
    },
    snapshots,
  })
}

function change(state: Declaration, type: string, deed: Deed): Partial<Declaration> {
  switch (type) {
    case 'DeclarationSavedByEmployee':
      return { status: 'draft' }
    case 'DeclarationSubmittedByEmployee':
      return { status: 'submitted', approvals: [], submissions: state.submissions + 1 }
    case 'DeclarationFinalApprovedBySupervisor':
      return { status: 'approved', approvals: [...state.approvals, deed] }
    case 'RequestPayment':
      return { status: 'to be paid' }
    case 'PaymentHandled':
      return { status: 'paid', paidAt: deed[1] }
  }
  if (type.startsWith('DeclarationApprovedBy')) return { approvals: [...state.approvals, deed] }
  if (type.startsWith('DeclarationRejectedBy')) {
    return { status: 'rejected', rejections: [...state.rejections, deed] }
  }
  throw new Error(`There is no such event: ${type}`)
}

/** Reads the file. */
export function readDeclarations(): readonly DeclarationLine[] {
  const lines = gunzipSync(readFileSync(DECLARATIONS)).toString().trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as DeclarationLine)
}
