import { importsOf } from './imports.ts'
import { isTest, lineAt, type SourceFile } from './source-text.ts'

/** The parts of package.json that the rules look at. */
export interface Manifest {
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const PUBLISHED = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const

/** Every version is exact, so that two installations of one commit are the same. */
export function pinnedVersions(manifest: Manifest): string[] {
  return [...PUBLISHED, 'devDependencies' as const].flatMap((group) =>
    Object.entries(manifest[group] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(
        ([name, version]) =>
          `package.json asks in ${group} for ${name} "${version}": pin one exact version, such as 1.2.3`,
      ),
  )
}

/** Every public name leads to a source, to its types and to what is built from it. */
export function packageExports(manifest: Manifest, exists: (path: string) => boolean): string[] {
  return Object.entries(manifest.exports ?? {})
    .filter(([name]) => name !== './package.json')
    .flatMap(([name, entry]) => {
      const found = typeof entry === 'string' ? { default: entry } : entry
      const source = (found as Readonly<Record<string, string>>)['eventdb-source']
      const [, inside] = /^\.\/src\/(.+)\.ts$/.exec(source ?? '') ?? []
      if (source === undefined || inside === undefined)
        return [`package.json exports ${name} without "eventdb-source": "./src/….ts", which must come first`]
      const wanted = {
        'eventdb-source': source,
        types: `./dist/${inside}.d.ts`,
        default: `./dist/${inside}.js`,
      }
      return [
        ...(JSON.stringify(found) === JSON.stringify(wanted)
          ? []
          : [`package.json exports ${name} as ${JSON.stringify(found)}: make it ${JSON.stringify(wanted)}`]),
        ...(exists(source.slice(2))
          ? []
          : [`package.json exports ${name}, but there is no ${source}: write it, or take the entry out`]),
      ]
    })
}

/** What is published imports only packages that an installation has, or can have. */
export function declaredPackages(files: readonly SourceFile[], manifest: Manifest): string[] {
  const declared = PUBLISHED.flatMap((group) => Object.keys(manifest[group] ?? {}))
  return files
    .filter(({ path }) => path.startsWith('src/') && !isTest(path))
    .flatMap(importsOf)
    .filter(({ specifier }) => specifier !== undefined && !/^(\.|node:|eventdb(\/|$))/.test(specifier))
    .filter(({ specifier }) => !declared.includes(packageName(specifier!)))
    .map(
      ({ at, specifier }) =>
        `${at} imports ${specifier}, which users do not have: do without it, or declare ${packageName(specifier!)} in package.json (not among the devDependencies)`,
    )
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const BOUNDARY = String.raw`(?<![\w.~}-])`
/** Put together from parts, so that this file does not contain what it looks for. */
const TRACES: readonly (readonly [string, RegExp])[] = [
  ...['home', 'Users'].map(
    (top) => ['a path of one machine', new RegExp(`${BOUNDARY}/${top}/\\w`, 'g')] as const,
  ),
  ...['root', 'work'].map(
    (top) => ['a path of one machine', new RegExp(`${BOUNDARY}/${top}/`, 'g')] as const,
  ),
  ['a path of one machine', /\b[A-Z]:\\\\?Users\b/g],
  ['the host of a package registry', /\bregistry(\.[\w-]+)+\.(org|com|net|dev|io|cn)\b/gi],
  ['the host of a package registry', /\/\/[\w.-]*(registry|artifactory|nexus|verdaccio)[\w-]*[.:][\w.]+/gi],
  ['the host of a package registry', /\bnpm(\.[\w-]+)*\.pkg\.[\w.]+/gi],
  ['the host of a package registry', /^(@[\w-]+:)?registry\s*=/gm],
]

/** Nothing tells where it was made: a clone works, and looks the same, anywhere. `package-lock.json` is npm's. */
export function tracesOfMachines(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path !== 'package-lock.json')
    .flatMap((file) =>
      TRACES.flatMap(([what, pattern]) =>
        [...file.text.matchAll(pattern)].map(
          ({ index, 0: match }) =>
            `${file.path}:${lineAt(file.text, index)} contains ${what} (${match}): take it out, or make it relative`,
        ),
      ),
    )
}
