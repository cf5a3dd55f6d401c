/** The built `flm` as a package manager installs it: files without a clone around them, which can be replaced. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { flmEntry } from './cli.ts';

const root = join(flmEntry, '../..');
const versionText = `version: "${packageJson.version}"`;

export class InstalledCopy {
  /** The program, always at the same path. */
  readonly entry: string;
  version = '';
  readonly #folder: string;
  #builds = 0;

  /** `folder` must not exist. */
  constructor(folder: string) {
    this.#folder = folder;
    this.entry = join(folder, 'bin/flm.mjs');
    this.installNewer();
  }

  /** Replaces the files by those of a newer build, and removes the old ones. */
  installNewer(): void {
    const next = `${this.#folder}.next`;
    for (const name of ['bin', 'package.json'])
      cpSync(join(root, name), join(next, name), { recursive: true });
    cpSync(join(root, 'dist'), join(next, 'dist'), {
      recursive: true,
      filter: (source) => !source.endsWith('.map'),
    });
    this.#builds += 1;
    this.version = `9.0.${this.#builds}`;
    let named = 0;
    for (const name of readdirSync(join(next, 'dist')).filter((one) => one.endsWith('.js'))) {
      const file = join(next, 'dist', name);
      const text = readFileSync(file, 'utf8');
      if (!text.includes(versionText)) continue;
      writeFileSync(file, text.replace(versionText, `version: "${this.version}"`));
      named += 1;
    }
    assert(named > 0, 'a file of the build has the version');
    rmSync(this.#folder, { recursive: true, force: true });
    renameSync(next, this.#folder);
  }
}
