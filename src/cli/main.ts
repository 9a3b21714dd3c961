#!/usr/bin/env node
/**
 * The command line, `eventdb`. It knows arguments, terminals and NDJSON, and the library by its public name only. It must
 * not know keys, rows or engines.
 */
import { Output } from './output.ts'
import { run } from './run.ts'

const { argv, env, stdin, stdout, stderr } = process
process.exitCode = await run(argv.slice(2), {
  stdin,
  out: new Output(stdout, env),
  err: new Output(stderr, env),
  env,
})
