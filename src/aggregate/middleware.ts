import { InvalidArgumentError } from '../errors.ts'
import type { AnyCommandResult, CommandCall, CommandMiddleware } from '../store/contract-aggregates.ts'
import { checkOrigin } from './call.ts'

/** What middleware may change. */
type Changes = Partial<Pick<CommandCall, 'input' | 'metadata'>>

/** Runs a command through middleware, the first one outermost, and then by `run`. */
export async function throughMiddleware(
  middleware: readonly CommandMiddleware[],
  call: CommandCall,
  run: (call: CommandCall) => Promise<AnyCommandResult>,
): Promise<AnyCommandResult> {
  const [first, ...others] = middleware
  if (first === undefined) return run(call)
  let isCalled = false
  return first(call, async (changes: Changes = {}) => {
    // Whoever wants another try asks for it by `retriesMax`; here, it would be another command.
    if (isCalled) throw new InvalidArgumentError('Middleware may call next() once')
    isCalled = true
    const { input, metadata } = { ...call, ...changes }
    checkOrigin({ metadata })
    return throughMiddleware(others, { ...call, input, metadata }, run)
  })
}
