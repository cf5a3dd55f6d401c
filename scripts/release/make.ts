/**
 * Makes the files of a release that hold a program: `node scripts/run.mjs scripts/release/make.ts FOLDER`.
 *
 * scripts/release.ts runs it inside the clone, so that the clone's own scripts and dependencies make the files. The time
 * of all files is SOURCE_DATE_EPOCH. Files that cannot be made on this machine are named on stdout.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { manPages } from '../docs/man-pages.ts';
import { root } from '../setup.mjs';
import { makeDebianPackage } from './debian.ts';
import { architectures, bundleProgram, makeExecutable } from './executable.ts';
import { makeImage, missingForImage } from './image.ts';
import { sbomOf } from './sbom.ts';

const [files = ''] = process.argv.slice(2);
const epochSeconds = Number(process.env.SOURCE_DATE_EPOCH);
if (files === '' || !Number.isInteger(epochSeconds) || epochSeconds <= 0)
  throw new Error('Give the folder for the files, and SOURCE_DATE_EPOCH in the environment.');
if (process.platform !== 'linux' || process.arch !== 'x64')
  throw new Error('A release is made on Linux x64.');

// npm has already parsed this file too.
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const work = mkdtempSync(join(tmpdir(), 'flm-make-'));
try {
  const bundle = await bundleProgram(work);
  for (const architecture of architectures)
    makeExecutable(bundle, architecture, join(files, `flm-${version}-linux-${architecture}`));
  cpSync(bundle.licences, join(files, 'LICENSES.txt'));
  writeFileSync(join(files, `flm-proxy-${version}.cdx.json`), sbomOf(root, version, epochSeconds));
  for (const architecture of architectures)
    makeDebianPackage({
      executable: join(files, `flm-${version}-linux-${architecture}`),
      completions: join(files, `flm-${version}-linux-x64`),
      licences: bundle.licences,
      manPages: manPages({ root, version, epochSeconds }),
      architecture,
      version,
      epochSeconds,
      folder: files,
    });
  const missing = missingForImage();
  if (missing === undefined)
    makeImage({
      executable: join(files, `flm-${version}-linux-x64`),
      licences: bundle.licences,
      version,
      epochSeconds,
      target: join(files, `flm-${version}-image-linux-x64.tar`),
    });
  else console.log(`No image: ${missing}.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
