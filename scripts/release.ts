/**
 * Makes a release: `npm run release -- VERSION [--key FILE]`, or `npm run release -- --dry-run [VERSION] [--into FOLDER] [--twice]`.
 *
 * Everything happens in a fresh clone of HEAD: version and changelog, a commit and a tag, and then the npm package, the
 * executables, the Debian packages, the container image, the SBOM (CycloneDX), licences, checksums, and with `--key`
 * their signature. A dry run prints where the files are and changes nothing in this repository; otherwise the commit and
 * the tag are fetched from the clone, and the files are copied to release/. Pushing and publishing stay manual. `--into`
 * names the folder of a dry run.
 *
 * `--make-key FILE` makes the key pair for signatures. `--twice` makes all files again in a second clone and names those
 * that differ.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { makeKey, signChecksums, writeChecksums } from './release/signature.ts';
import { output, run } from './release/tools.ts';
import { root } from './setup.mjs';

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function main(argv: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      'dry-run': { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
      into: { type: 'string' },
      key: { type: 'string' },
      'make-key': { type: 'string' },
    },
  });
  if (values['make-key'] !== undefined) {
    makeKey(values['make-key'], root);
    console.log(`The private key is in ${values['make-key']}. Keep it secret, and keep a copy offline.`);
    console.log(
      'The public key is in release-key.json. Commit it: builds from then on verify signatures with it.',
    );
    return;
  }
  release({
    version: positionals[0],
    dryRun: values['dry-run'],
    twice: values.twice,
    into: values.into,
    key: values.key,
  });
}

interface ReleaseOptions {
  readonly version: string | undefined;
  readonly dryRun: boolean;
  readonly twice: boolean;
  readonly into: string | undefined;
  readonly key: string | undefined;
}

function release({ version: wanted, dryRun, twice, into, key }: ReleaseOptions): void {
  const { version: present } = manifestIn(root);
  const version = wanted ?? (dryRun ? present : undefined);
  if (version === undefined) throw new Error('Name the version: npm run release -- 0.2.0');
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is not a version such as 0.2.0.`);
  if (output('git', ['status', '--porcelain'], root) !== '')
    throw new Error('The working tree has changes. Commit or stash them first.');
  if (output('git', ['tag', '--list', `v${version}`], root) !== '')
    throw new Error(`The tag v${version} exists. Choose the next version.`);

  const folder = mkdtempSync(join(tmpdir(), 'flm-release-'));
  const epochSeconds = Number(output('git', ['log', '-1', '--format=%ct'], root));
  const clone = taggedClone(join(folder, 'clone'), { version, present, epochSeconds });
  const files = filesOf(clone, into ?? join(folder, 'files'), epochSeconds);
  if (key !== undefined) signChecksums(files, key, releaseKeyIn(clone));
  if (twice) {
    const second = taggedClone(join(folder, 'clone-2'), { version, present, epochSeconds });
    tellDifferences(files, filesOf(second, join(folder, 'files-2'), epochSeconds));
  }

  if (dryRun) {
    console.log(`Dry run of ${version}. Nothing in this repository changed. The files are in ${files}:`);
  } else {
    run('git', ['fetch', '--quiet', '--no-tags', clone, `refs/tags/v${version}:refs/tags/v${version}`], root);
    run('git', ['merge', '--quiet', '--ff-only', `v${version}`], root);
    cpSync(files, join(root, 'release'), { recursive: true });
    console.log(`Released ${version}: commit, tag v${version}, and in release/:`);
  }
  for (const name of readdirSync(files)) console.log(`  ${name}`);
  if (key === undefined) console.log('The checksums are not signed; --key FILE signs them.');
  rmSync(clone, { recursive: true, force: true });
  if (!dryRun) console.log(`Next: git push --follow-tags, then npm publish release/flm-proxy-${version}.tgz`);
}

interface Tagging {
  readonly version: string;
  readonly present: string;
  readonly epochSeconds: number;
}

/** A clone of HEAD with the commit and the tag of the release. */
function taggedClone(clone: string, { version, present, epochSeconds }: Tagging): string {
  run('git', ['clone', '--quiet', root, clone], root);
  if (version !== present)
    run('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], clone);
  const changelog = join(clone, 'CHANGELOG.md');
  const date = new Date(epochSeconds * 1000).toISOString().slice(0, 10);
  writeFileSync(changelog, released(readFileSync(changelog, 'utf8'), version, date));
  const chart = join(clone, 'charts/flm/Chart.yaml');
  const about = readFileSync(chart, 'utf8').replaceAll(/^(version|appVersion): .*$/gm, `$1: ${version}`);
  writeFileSync(chart, about);
  run('git', ['commit', '--quiet', '--all', '--message', `release: ${version}`], clone);
  run('git', ['tag', '--annotate', `v${version}`, '--message', `flm ${version}`], clone);
  return clone;
}

/** Makes all files of a release, with the scripts of the clone. */
function filesOf(clone: string, files: string, epochSeconds: number): string {
  mkdirSync(files, { recursive: true });
  const made = { SOURCE_DATE_EPOCH: String(epochSeconds) };
  // Builds dist/ first (prepack), with the dependencies of the lockfile.
  run('npm', ['pack', '--silent', '--pack-destination', files], clone, made);
  console.error(output('node', ['scripts/run.mjs', 'scripts/release/make.ts', files], clone, made));
  writeChecksums(files);
  return files;
}

/** Prints which files differ between two releases of the same sources. */
function tellDifferences(first: string, second: string): void {
  const names = [...new Set([...readdirSync(first), ...readdirSync(second)])].sort();
  const differing = names.filter((name) => {
    const paths = [join(first, name), join(second, name)] as const;
    return !paths.every((path) => existsSync(path)) || !readFileSync(paths[0]).equals(readFileSync(paths[1]));
  });
  const same = names.filter((name) => !differing.includes(name) && !name.startsWith('SHA256SUMS'));
  console.log(`Made twice; equal bytes: ${same.join(', ')}.`);
  if (differing.length > 0) throw new Error(`Made twice with other bytes: ${differing.join(', ')}.`);
}

/** Returns the changelog with the unreleased entries under the new version. Throws if there are none. */
function released(changelog: string, version: string, date: string): string {
  const heading = '## [Unreleased]\n';
  const [before, after, ...more] = changelog.split(heading);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error('CHANGELOG.md needs exactly one heading "## [Unreleased]".');
  if (!/^- /m.test(after.split('\n## [')[0] ?? ''))
    throw new Error('CHANGELOG.md has no entry under "## [Unreleased]".');
  return `${before}${heading}\n## [${version}] - ${date}\n${after}`;
}

function manifestIn(folder: string): { readonly version: string } {
  // npm has already parsed this file to start this script.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
}

function releaseKeyIn(folder: string): string | null {
  // Written by --make-key; a test checks this repository's file.
  return (JSON.parse(readFileSync(join(folder, 'release-key.json'), 'utf8')) as { publicKey: string | null })
    .publicKey;
}
