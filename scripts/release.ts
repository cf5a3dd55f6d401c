/**
 * Makes a release: `npm run release -- VERSION`, or `npm run release -- --dry-run [VERSION]`.
 *
 * Everything happens in a fresh clone of HEAD: version and changelog, a commit and a tag, the npm package, its SBOM
 * (CycloneDX) and checksums. A dry run prints where the files are and changes nothing in this repository; otherwise the
 * commit and the tag are fetched from the clone, and the files are copied to release/. Pushing and publishing stay manual.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { root } from './setup.mjs';

try {
  release(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function release(argv: readonly string[]): void {
  const dryRun = argv.includes('--dry-run');
  const { version: present } = manifestIn(root);
  const version = argv.find((word) => !word.startsWith('--')) ?? (dryRun ? present : undefined);
  if (version === undefined) throw new Error('Name the version: npm run release -- 0.2.0');
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is not a version such as 0.2.0.`);
  if (output('git', ['status', '--porcelain'], root) !== '')
    throw new Error('The working tree has changes. Commit or stash them first.');
  if (output('git', ['tag', '--list', `v${version}`], root) !== '')
    throw new Error(`The tag v${version} exists. Choose the next version.`);

  const clone = join(mkdtempSync(join(tmpdir(), 'flm-release-')), 'clone');
  run('git', ['clone', '--quiet', root, clone], root);
  if (version !== present)
    run('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], clone);
  const changelog = join(clone, 'CHANGELOG.md');
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(changelog, released(readFileSync(changelog, 'utf8'), version, date));
  run('git', ['commit', '--quiet', '--all', '--message', `release: ${version}`], clone);
  run('git', ['tag', '--annotate', `v${version}`, '--message', `flm ${version}`], clone);

  const files = join(clone, '../files');
  mkdirSync(files);
  // Builds dist/ first (prepack).
  run('npm', ['pack', '--silent', '--pack-destination', files], clone);
  const sbom = output('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev'], clone);
  writeFileSync(join(files, `flm-proxy-${version}.cdx.json`), `${sbom}\n`);
  writeFileSync(join(files, 'SHA256SUMS'), checksumsOf(files));

  if (dryRun) {
    console.log(`Dry run of ${version}. Nothing in this repository changed. The files are in ${files}:`);
  } else {
    run('git', ['fetch', '--quiet', '--no-tags', clone, `refs/tags/v${version}:refs/tags/v${version}`], root);
    run('git', ['merge', '--quiet', '--ff-only', `v${version}`], root);
    cpSync(files, join(root, 'release'), { recursive: true });
    console.log(`Released ${version}: commit, tag v${version}, and in release/:`);
  }
  for (const name of readdirSync(files)) console.log(`  ${name}`);
  if (!dryRun) console.log(`Next: git push --follow-tags, then npm publish release/flm-proxy-${version}.tgz`);
}

/** The changelog with what was unreleased under its version. Throws where nothing was. */
function released(changelog: string, version: string, date: string): string {
  const heading = '## [Unreleased]\n';
  const [before, after, ...more] = changelog.split(heading);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error('CHANGELOG.md needs exactly one heading "## [Unreleased]".');
  if (!/^- /m.test(after.split('\n## [')[0] ?? ''))
    throw new Error('CHANGELOG.md has no entry under "## [Unreleased]".');
  return `${before}${heading}\n## [${version}] - ${date}\n${after}`;
}

function checksumsOf(folder: string): string {
  return readdirSync(folder)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}  ${name}\n`,
    )
    .join('');
}

function manifestIn(folder: string): { readonly version: string } {
  // npm has read this file to start this script.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: cleanEnvironment(),
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed; its own message is above.`);
}

function output(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
    env: cleanEnvironment(),
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

/** Settings of the npm that runs this script are not for the ones that it runs. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name)),
  );
}
