import { type Import, importsOf } from './imports.ts'
import { isTest, type Rule, type SourceFile } from './source-text.ts'

/** The files at the bottom, which everybody may know. */
const LEAVES = ['src/errors.ts', 'src/limits.ts', 'src/runtime.ts']
/** The one way from the library to its drivers: maps a path to an engine. */
const OPENER = 'src/drivers/open-folder.ts'
/** Who may load the opener, when a store is opened and not before. */
const OPENER_USERS = ['src/index.ts', 'src/opening/open-event-store.ts']

const LOWEST = ['leaves', 'tuple', 'kv', 'directory']
const UP_TO_SUBSCRIPTION = [...LOWEST, 'store', 'events', 'subscription']
const LIBRARY = [...UP_TO_SUBSCRIPTION, 'aggregate', 'projection']

/** What each layer may know besides itself. `drivers` are the files directly in its folder; each engine is a `driver`. */
const MAY_KNOW: Readonly<Record<string, readonly string[]>> = {
  leaves: [],
  tuple: ['leaves'],
  kv: ['leaves', 'tuple'],
  directory: ['leaves', 'tuple', 'kv'],
  drivers: [...LOWEST, 'driver'],
  driver: [...LOWEST, 'drivers'],
  store: LOWEST,
  events: [...LOWEST, 'store'],
  subscription: [...LOWEST, 'store'],
  aggregate: UP_TO_SUBSCRIPTION,
  projection: UP_TO_SUBSCRIPTION,
  opening: LIBRARY,
  index: [...LIBRARY, 'opening'],
  testing: [...LIBRARY, 'opening', 'index', 'drivers', 'driver'],
  cli: [],
}

/** What unit tests may use besides, so that they have something to stand on. */
const TESTS_MAY_KNOW = ['src/drivers/memory/', 'src/opening/', 'src/testing/']

interface Place {
  readonly layer: string
  /** Files with the same home belong together. */
  readonly home: string
}

/** Each file imports its own layer and the layers below it, and nobody reaches a driver but through the opener. */
export const layers: Rule = (files) =>
  files.filter(({ path }) => path.startsWith('src/')).flatMap(objectionsTo)

function objectionsTo(file: SourceFile): string[] {
  const place = placeOf(file.path)
  if (place === undefined)
    return [
      `${file.path} belongs to no layer: move it into the folder of one, or add the layer to test/repo/layers.ts and ARCHITECTURE.md`,
    ]
  return importsOf(file).flatMap((it) => {
    const objection = it.target === undefined ? toPackage(file, place, it) : toFile(file, place, it)
    return objection ?? []
  })
}

/** An import by name. What packages there may be is for `package-rules.ts` to say. */
function toPackage(file: SourceFile, { layer }: Place, { specifier, at }: Import): string | undefined {
  if (specifier === undefined) {
    if (['driver', 'drivers', 'testing', 'cli'].includes(layer)) return undefined
    return `${at} imports a computed name, which hides what ${layer} depends on: write the name out`
  }
  const isSelf = /^eventdb(\/|$)/.test(specifier)
  if (isSelf && layer !== 'cli')
    return `${at} imports ${specifier} by its public name, which is for users and the cli: import the file that defines the thing`
  if (layer !== 'cli' || isSelf || specifier.startsWith('node:') || isTest(file.path)) return undefined
  return `${at} imports ${specifier}: cli may know the library by its public names (eventdb, eventdb/…), its own folder and node:, nothing else`
}

function toFile(file: SourceFile, from: Place, { target, kind, at }: Import): string | undefined {
  if (!target!.startsWith('src/'))
    return `${at} imports ${target}, which is outside src and not published: move what it needs into src`
  const to = placeOf(target!)
  if (to === undefined) return `${at} imports ${target}, which belongs to no layer`
  if (to.home === from.home) return undefined
  if (isTest(file.path) && TESTS_MAY_KNOW.some((folder) => target!.startsWith(folder))) return undefined
  if (from.layer === 'cli')
    return `${at} imports ${target}: cli knows the library as its users do, import it by a public name (eventdb, eventdb/…)`
  if (from.layer === 'driver' && to.layer === 'driver')
    return `${at} imports ${target}: no driver may know another, move what both need to src/drivers/ or to src/kv/`
  if (to.layer === 'driver' || to.layer === 'drivers') return toDriver(file, from, to, { target, kind, at })
  if (MAY_KNOW[from.layer]!.includes(to.layer)) return undefined
  return `${at} imports ${target}: ${from.layer} may not know ${to.layer}, move what it needs to ${from.layer} or below, or turn the dependency round`
}

function toDriver(
  { path }: SourceFile,
  from: Place,
  to: Place,
  { target, kind, at }: Pick<Import, 'target' | 'kind' | 'at'>,
): string | undefined {
  if (target === OPENER && OPENER_USERS.includes(path)) {
    if (kind === 'dynamic') return undefined
    return `${at} imports ${target} at once, and so every engine: use import() when a store is opened`
  }
  if (!MAY_KNOW[from.layer]!.includes(to.layer))
    return `${at} imports ${target}: only files directly in src/drivers/ and testing may know a driver, let ${OPENER} or the caller hand it in`
  if (from.layer === 'drivers' && kind === 'static')
    return `${at} imports ${target} at once, and so its engine: use import(), or import type`
  return undefined
}

function placeOf(path: string): Place | undefined {
  if (LEAVES.includes(path) || LEAVES.includes(path.replace(/\.test(-d)?\.ts$/, '.ts')))
    return { layer: 'leaves', home: 'leaves' }
  if (/^src\/index(\.test(-d)?)?\.ts$/.test(path)) return { layer: 'index', home: 'index' }
  const [, folder, rest] = /^src\/([^/]+)\/(.+)$/.exec(path) ?? []
  if (folder === undefined) return undefined
  if (folder === 'drivers' && rest!.includes('/')) {
    return { layer: 'driver', home: `drivers/${rest!.split('/')[0]}` }
  }
  return Object.hasOwn(MAY_KNOW, folder) ? { layer: folder, home: folder } : undefined
}

/** Inside `src` everybody imports the file that defines the thing. Tests are free to be users. */
export const definingFiles: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/') && !isTest(path))
    .flatMap((file) => importsOf(file).map((it) => ({ file, ...it })))
    .filter(({ file, target }) => target?.endsWith('/index.ts') && !mayEnterDriver(file.path, target))
    .map(
      ({ at, target }) =>
        `${at} imports ${target}, which is for users: import the file that defines the thing`,
    )

/** The function that opens a driver is defined in its `index.ts`, so that is what its few users import. */
function mayEnterDriver(path: string, target: string): boolean {
  const isDriver = /^src\/drivers\/[^/]+\/index\.ts$/.test(target)
  return isDriver && /^src\/(drivers\/[^/]+\.ts$|testing\/)/.test(path)
}
