import { defineConfig } from 'vitest/config'

const source = { conditions: ['eventdb-source'] }
const shared = {
  pool: 'forks' as const,
  execArgv: ['--conditions=eventdb-source'],
}

/** Two tiers: `fast` runs within `npm run check`; `npm test` adds `full`: the store's laws on all engines and compositions, and real processes. */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/closing-line.ts'],
    maxWorkers: 2,
    projects: [
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          ...shared,
          name: 'fast',
          testTimeout: 30_000,
          include: ['src/**/*.test.ts', 'test/{repo,conformance,format,simulation,cli,docs}/**/*.test.ts'],
        },
      },
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          ...shared,
          name: 'full',
          testTimeout: 600_000,
          include: ['test/{compositions,crash,processes,real-input,package}/**/*.test.ts'],
        },
      },
    ],
  },
})
