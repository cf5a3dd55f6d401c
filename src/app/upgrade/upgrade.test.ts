/** Upgrades of a small executable; a real flm is upgraded in test/machine/installed.test.ts. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { tinyExecutable } from '../../../test/helpers/tiny-executable.ts';
import { shellWord } from '../../core/shell-word.ts';
import { capabilitiesOf } from './file-capabilities.ts';
import { type UpgradeOptions, upgradeTo } from './upgrade.ts';

const skip = process.platform !== 'linux' || process.arch !== 'x64';
const nothingRuns = `echo '{"handedOver":[],"failed":[]}'`;

interface Machine {
  readonly folder: string;
  /** Holds the old program and nothing more. */
  readonly bin: string;
  readonly target: string;
}

/** A machine with an old program that runs `script` when it is asked to hand proxies over. */
function machine(t: TestContext, script = nothingRuns): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'flm-upgrade-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const target = join(bin, 'flm');
  writeFileSync(target, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { folder, bin, target };
}

/** The options of an upgrade to a file that says it is flm `version`. */
function offer({ folder, target }: Machine, version: string): UpgradeOptions {
  const bytes = tinyExecutable(`${JSON.stringify({ version })}\n`);
  const file = join(folder, `flm-${version}-linux-x64`);
  writeFileSync(file, bytes);
  return {
    file,
    trustedHash: createHash('sha256').update(bytes).digest('hex'),
    installation: 'executable',
    target,
    home: folder,
    environment: {},
  };
}

/** Gives a file capabilities. Skips the test and returns false if this is not possible here. */
function setCapabilities(t: TestContext, text: string, file: string): boolean {
  const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  if (spawnSync('setcap', [text, file], { env: { PATH } }).status === 0) return true;
  t.skip('may not set file capabilities here');
  return false;
}

const printed = (program: string): string => execFileSync(program, { encoding: 'utf8' });

test('a second upgrade at the same time is refused, and the first one completes', { skip }, async (t) => {
  const here = machine(t, `cd "$FLM_HOME"; echo . > started; read -r _ < go; ${nothingRuns}`);
  for (const pipe of ['started', 'go']) execFileSync('mkfifo', [join(here.folder, pipe)]);
  const first = upgradeTo(offer(here, '9.9.8'));
  await Promise.race([readFile(join(here.folder, 'started')), first]);

  await assert.rejects(upgradeTo(offer(here, '9.9.9')), { code: 'UPGRADE_RUNNING' });

  await Promise.race([writeFile(join(here.folder, 'go'), '.\n'), first]);
  assert.deepEqual(await first, { version: '9.9.8', report: { handedOver: [], failed: [] } });
  assert.equal(printed(here.target), '{"version":"9.9.8"}\n');
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('of many upgrades at once, the refused ones leave the program to the one that installs its file', {
  skip,
}, async (t) => {
  const here = machine(t);
  const versions = ['9.9.1', '9.9.2', '9.9.3', '9.9.4'];
  const ended = await Promise.allSettled(versions.map((version) => upgradeTo(offer(here, version))));
  assert.deepEqual(
    ended.map((one) => (one.status === 'fulfilled' ? 'installed' : one.reason.code)),
    ['installed', 'UPGRADE_RUNNING', 'UPGRADE_RUNNING', 'UPGRADE_RUNNING'],
  );
  assert.equal(printed(here.target), '{"version":"9.9.1"}\n');
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('an upgrade after a killed one removes what that one left', { skip }, async (t) => {
  const here = machine(t);
  // The largest pid of Linux is 2^22.
  const dead = 99_999_999;
  writeFileSync(join(here.bin, 'flm.previous'), 'older');
  writeFileSync(join(here.bin, `.flm-upgrade-${dead}`), 'half');
  writeFileSync(join(here.bin, `.flm-upgrade-${dead}.lock`), 'half');
  writeFileSync(join(here.bin, '.flm.upgrade-lock'), `{"pid":${dead},"processStart":""}\n`);
  await upgradeTo(offer(here, '9.9.9'));
  assert.equal(printed(here.target), '{"version":"9.9.9"}\n');
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('a failed hand-over restores the old program, and the next upgrade can run', { skip }, async (t) => {
  const here = machine(t, 'echo broken >&2; exit 1');
  const old = readFileSync(here.target, 'utf8');
  for (const version of ['9.9.8', '9.9.9'])
    await assert.rejects(upgradeTo(offer(here, version)), { code: 'UPGRADE_NOT_HANDED_OVER' });
  assert.equal(readFileSync(here.target, 'utf8'), old);
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('a proxy that cannot be handed over does not stop the upgrade of the others', { skip }, async (t) => {
  const moved = { id: 'px_new', profile: 'default', from: 'px_old' };
  const kept = { id: 'px_lab', profile: 'lab', code: 'PROXY_START_FAILED', reason: 'no.', hint: '' };
  const report = { handedOver: [moved], failed: [kept] };
  const here = machine(t, `echo '${JSON.stringify(report)}'; exit 1`);
  assert.deepEqual(await upgradeTo(offer(here, '9.9.9')), { version: '9.9.9', report });
  assert.equal(printed(here.target), '{"version":"9.9.9"}\n');
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('a new program that serves no proxy is replaced by the old one, unless a supervisor restarts it', {
  skip,
}, async (t) => {
  const failed = (code: string) => ({
    handedOver: [],
    failed: [{ id: 'px_a', profile: 'default', code, reason: 'no.', hint: '' }],
  });
  const broken = machine(t, `echo '${JSON.stringify(failed('PROXY_START_FAILED'))}'; exit 1`);
  const old = readFileSync(broken.target, 'utf8');
  await assert.rejects(upgradeTo(offer(broken, '9.9.9')), { code: 'UPGRADE_NOT_HANDED_OVER' });
  assert.equal(readFileSync(broken.target, 'utf8'), old);

  const report = failed('PROXY_SUPERVISED');
  const supervised = machine(t, `echo '${JSON.stringify(report)}'; exit 1`);
  assert.deepEqual(await upgradeTo(offer(supervised, '9.9.9')), { version: '9.9.9', report });
  assert.equal(printed(supervised.target), '{"version":"9.9.9"}\n');
});

test('a signed file is installed only under a name with its version and architecture', {
  skip,
}, async (t) => {
  const here = machine(t);
  const old = readFileSync(here.target, 'utf8');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  /** Offers flm `version` in a release that lists the file as `listed`. */
  const upgrade = (version: string, listed: string) => {
    const { trustedHash, ...options } = offer(here, version);
    const sums = `${trustedHash}  ${listed}\n`;
    writeFileSync(join(here.folder, 'SHA256SUMS'), sums);
    writeFileSync(join(here.folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), privateKey));
    return upgradeTo({ ...options, trustedHash: undefined, publicKey: key });
  };
  const refused = async (version: string, listed: string, message: RegExp): Promise<void> => {
    await assert.rejects(upgrade(version, listed), { code: 'UPGRADE_WRONG_FILE', message });
    assert.equal(readFileSync(here.target, 'utf8'), old);
    assert.deepEqual(readdirSync(here.bin), ['flm']);
  };

  await refused('9.9.9', 'flm-9.9.9-linux-arm64', /the kind "x64 executable", but/);
  await refused('9.9.9', 'flm-proxy-9.9.9.tgz', /the kind "x64 executable", but/);
  await refused('9.9.9', 'README', /cannot be installed/);
  await refused('9.9.9', 'flm-9.9.8-linux-x64', /has the name of another file/);
  await refused('not-flm', 'flm-9.9.9-linux-x64', /is not flm/);
  // The file is named `flm-9.9-linux-x64`, which is no name of a release.
  await refused('9.9', 'flm-9.9.0-linux-x64', /is not flm/);

  const candidate = await upgrade('10.0.0-rc.1', 'flm-10.0.0-rc.1-linux-x64');
  assert.deepEqual(candidate, { version: '10.0.0-rc.1', report: { handedOver: [], failed: [] } });
  assert.equal(printed(here.target), '{"version":"10.0.0-rc.1"}\n');
});

test('a signed file that prints another version than its name states is not installed', {
  skip,
}, async (t) => {
  const here = machine(t);
  const old = readFileSync(here.target, 'utf8');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { trustedHash, ...options } = offer(here, '9.9.8');
  const name = 'flm-9.9.9-linux-x64';
  renameSync(options.file, join(here.folder, name));
  const sums = `${trustedHash}  ${name}\n`;
  writeFileSync(join(here.folder, 'SHA256SUMS'), sums);
  writeFileSync(join(here.folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), privateKey));
  const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

  await assert.rejects(
    upgradeTo({ ...options, file: join(here.folder, name), trustedHash: undefined, publicKey: key }),
    { code: 'UPGRADE_WRONG_FILE', message: /is flm 9\.9\.8, but SHA256SUMS lists the file as flm-9\.9\.9-/ },
  );
  assert.equal(readFileSync(here.target, 'utf8'), old);
  assert.deepEqual(readdirSync(here.bin), ['flm']);
});

test('an upgrade names the command that restores the file capabilities of the old program', {
  skip,
}, async (t) => {
  const here = machine(t);
  if (!setCapabilities(t, 'cap_net_bind_service=+ep', here.target)) return;

  const upgraded = await upgradeTo(offer(here, '9.9.8'));

  assert.ok('lostCapabilities' in upgraded && upgraded.lostCapabilities);
  const { capabilities, command } = upgraded.lostCapabilities;
  assert.match(capabilities, /^cap_net_bind_service[=+]+ep$/);
  assert.equal(command, `sudo setcap ${shellWord(capabilities)} ${here.target}`);
  execFileSync('/bin/sh', ['-c', command.replace(/^sudo /, 'PATH="$PATH:/usr/sbin:/sbin" ')]);
  const again = await capabilitiesOf(here.target, {});
  assert.deepEqual(again, upgraded.lostCapabilities);
});

test('a program without file capabilities has nothing to restore', async (t) => {
  const { target } = machine(t);
  assert.equal(await capabilitiesOf(target, {}), undefined);
});
