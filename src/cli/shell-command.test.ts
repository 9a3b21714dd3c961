import { expect, test } from 'vitest'
import { COMMAND_ERROR_BYTES } from './limits.ts'
import { runShellCommand, type ShellEnd, type ShellRun } from './shell-command.ts'

const signal = new AbortController().signal

interface Outcome extends ShellEnd {
  readonly outputs: readonly string[]
  readonly errors: readonly string[]
}

async function run(command: string, how: Partial<ShellRun> = {}): Promise<Outcome> {
  const [outputs, errors]: [string[], string[]] = [[], []]
  const end = await runShellCommand(command, {
    input: '',
    env: { PATH: process.env.PATH },
    signal,
    onOutput: async (lines) => void outputs.push(Buffer.from(lines).toString('latin1')),
    onError: async (lines) => void errors.push(Buffer.from(lines).toString('latin1')),
    ...how,
  })
  return { ...end, outputs, errors }
}

test('runShellCommand() gives input and environment, and passes both outputs on', async () => {
  const env = { PATH: process.env.PATH, NAME: 'ada' }
  const end = await run('cat; echo $NAME; echo oh >&2; exit 7', { input: 'one\n', env })
  expect(end).toMatchObject({ code: 7, killedBy: undefined, lastError: 'oh', errors: ['oh\n'] })
  expect(end.outputs.join('')).toBe('one\nada\n')
})

test('runShellCommand() passes bytes on as they are, in whole lines', async () => {
  const { outputs } = await run(`printf 'a\\377'; sleep 0.01; printf '\\000b\\nc'`)
  expect(outputs).toEqual(['a\xff\0b\n', 'c'])
})

test('runShellCommand() does not mind that its input is not read', async () => {
  expect(await run('exit 0', { input: 'x'.repeat(1_000_000) })).toMatchObject({ code: 0 })
})

test('runShellCommand() keeps the end of the standard error, in whole characters', async () => {
  const { lastError } = await run(`printf 'x%.0s' $(seq 2000) >&2; printf 'é%.0s' $(seq 450) >&2`)
  expect(lastError).toMatch(/^é+$/)
  expect(Buffer.byteLength(lastError)).toBe(COMMAND_ERROR_BYTES)
  const odd = await run(`printf 'é%.0s' $(seq 450) >&2; printf 'x' >&2`)
  expect(odd.lastError).toMatch(/^é{399}x$/)
})

test('runShellCommand() ends all processes of the command when it is told to', async () => {
  const stop = new AbortController()
  const end = await run('echo begun; sleep 1000 | sleep 1000', {
    signal: stop.signal,
    onOutput: async () => stop.abort(),
  })
  expect(end).toMatchObject({ code: undefined, killedBy: 'SIGTERM' })
})

test('runShellCommand() says what an output could not take, when the command has ended', async () => {
  const full = async (): Promise<void> => {
    throw new Error('full')
  }
  await expect(run('while echo more; do :; done', { onOutput: full })).rejects.toThrow('full')
})
