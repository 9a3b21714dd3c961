/** Attempts to make a failing run shorter. */
const ATTEMPTS_MAX = 400

/** Leaves out what a failure does not need: first large pieces of the run, then small ones. */
export async function shortened<Step>(
  steps: readonly Step[],
  fails: (some: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  let few = steps
  let attempts = 0
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = few.length - size; from > -size && attempts < ATTEMPTS_MAX; from -= size) {
      const without = [...few.slice(0, Math.max(0, from)), ...few.slice(from + size)]
      attempts += 1
      if (await fails(without)) few = without
    }
  }
  return few
}
