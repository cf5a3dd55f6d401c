/**
 * The files of a release, each installed and used in a clean Debian root: first response, restart, upgrade, removal.
 *
 * FLM_TEST_RELEASE names the folder that `npm run release -- --dry-run --into FOLDER` made. Needs root and debootstrap.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { bundleProgram, makeExecutable } from '../../scripts/release/executable.ts';
import { makeKey, signChecksums, writeChecksums } from '../../scripts/release/signature.ts';
import { BootedRoot, noSystemd } from '../helpers/booted-root.ts';
import {
  type CleanRoot,
  cleanRoot,
  emptyRoot,
  noCleanRoot,
  type RootOptions,
} from '../helpers/clean-root.ts';
import { atEnd } from '../helpers/temporary-store.ts';

const run = promisify(execFile);
const release = process.env.FLM_TEST_RELEASE ?? '';
const skip = noCleanRoot || (release === '' && 'FLM_TEST_RELEASE names no release');

/** The one file of the release whose name matches. */
function released(pattern: RegExp): string {
  const found = readdirSync(release).filter((name) => pattern.test(name));
  assert.equal(found.length, 1, `one file of ${found} matches ${pattern}`);
  return join(release, found[0] ?? '');
}

/** A person of the clean root. */
const person: RootOptions = { user: '1000:1000', env: { HOME: '/home/person' } };

function makePerson(root: CleanRoot): void {
  mkdirSync(join(root.folder, 'home/person'));
  chownSync(join(root.folder, 'home/person'), 1000, 1000);
}

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly url: string;
}

async function json<T>(root: CleanRoot, options: RootOptions, ...words: readonly string[]): Promise<T> {
  return JSON.parse((await root.run([...words, '--json'], options)).stdout) as T;
}

async function assertServes(url: string, key: string): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'Say hello.' }] }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** Starts a proxy, gets a response and one of its admin thread, restarts it, gets a response, and stops it. */
async function useInstalled(t: TestContext, root: CleanRoot, options: RootOptions): Promise<void> {
  const start = ['flm', 'proxy', 'start', '--demo', '--admin', '--port', '0'];
  const started = await json<Proxy>(root, options, ...start);
  atEnd(t, () => root.run(['flm', 'proxy', 'stop', '--all', '--grace', '0'], options).catch(() => {}));
  const { key } = await json<{ key: string }>(root, options, 'flm', 'key', 'create', 'laptop');
  await assertServes(started.url, key);
  const boss = await json<{ key: string }>(root, options, 'flm', 'key', 'create', 'boss', '--scope', 'admin');
  const headers = { authorization: `Bearer ${boss.key}` };
  assert.equal((await fetch(`${started.url}/flm/api/v1/keys`, { headers })).status, 200);
  await root.run(['flm', 'proxy', 'status', '--check'], options);
  const restarted = await json<Proxy>(root, options, 'flm', 'proxy', 'restart');
  assert.notEqual(restarted.pid, started.pid);
  assert.equal(restarted.url, started.url);
  await assertServes(restarted.url, key);
  await root.run(['flm', 'proxy', 'stop'], options);
  await assert.rejects(root.run(['flm', 'proxy', 'status', '--check'], options));
}

test('the release has a checksum for each file, in the format of sha256sum', { skip }, async () => {
  await run('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: release });
});

test('the executable serves, restarts and prints its licences in a clean root', { skip }, async (t) => {
  const root = await cleanRoot(t);
  makePerson(root);
  copyFileSync(released(/linux-x64$/), join(root.folder, 'usr/local/bin/flm'));
  await useInstalled(t, root, person);
  const { stdout } = await root.run(['flm', 'version', '--licenses'], person);
  assert.match(stdout, /^Node\.js 26/m);
  assert.match(stdout, /^commander 15/m);
});

test('the npm package serves, restarts and is removed in a clean root', { skip }, async (t) => {
  const root = await cleanRoot(t);
  makePerson(root);
  const prefix = join(root.folder, 'usr/local');
  copyFileSync(realpathSync(process.execPath), join(prefix, 'bin/node'));
  await run('npm', ['install', '--global', '--silent', '--prefix', prefix, released(/\.tgz$/)]);
  await useInstalled(t, root, person);
  await run('npm', ['uninstall', '--global', '--silent', '--prefix', prefix, 'flm-proxy']);
  assert.equal(existsSync(join(prefix, 'bin/flm')), false);
  assert.ok(existsSync(join(root.folder, 'home/person/.local/share/flm/flm.db')));
});

test('the Debian package serves as its own user, upgrades, and keeps the data when it is purged', {
  skip,
}, async (t) => {
  const root = await cleanRoot(t);
  copyFileSync(released(/_amd64\.deb$/), join(root.folder, 'flm.deb'));
  const apt = (...words: readonly string[]) =>
    root.run(['apt-get', '-y', '-o', 'APT::Sandbox::User=root', ...words]);
  await apt('install', './flm.deb');

  const data = statSync(join(root.folder, 'var/lib/flm'));
  assert.equal(data.mode & 0o777, 0o700);
  const service = { user: `${data.uid}:${data.gid}`, env: { FLM_HOME: '/var/lib/flm' } };
  assert.notEqual(data.uid, 0);
  await useInstalled(t, root, service);
  assert.match(
    readFileSync(join(root.folder, 'usr/share/bash-completion/completions/flm'), 'utf8'),
    /complete .* flm flm-proxy/,
  );
  await apt('install', '--reinstall', './flm.deb');
  const { stdout } = await apt('purge', 'flm-proxy');
  assert.match(stdout, /\/var\/lib\/flm .*are kept/);
  assert.ok(existsSync(join(root.folder, 'var/lib/flm/flm.db')));
  assert.equal(existsSync(join(root.folder, 'usr/bin/flm')), false);
});

test('the service of the Debian package hands over at an upgrade, stops, and is purged', {
  skip: skip || noSystemd,
}, async (t) => {
  const system = await BootedRoot.make();
  t.after(() => system.end());
  for (const path of ['usr/local/bin/flm', 'usr/local/bin/node']) rmSync(join(system.folder, path));
  copyFileSync(released(/_amd64\.deb$/), join(system.folder, 'root/flm.deb'));
  await system.must('dpkg', '-i', '/root/flm.deb');
  const first = await system.property('flm', 'MainPID');
  assert.equal(await system.property('flm', 'ActiveState'), 'active');
  assert.equal(await system.property('flm', 'UnitFileState'), 'enabled');

  await system.must('dpkg', '-i', '/root/flm.deb');
  await system.until(
    'the new process is the main one',
    async () => (await system.property('flm', 'MainPID')) !== first,
  );
  assert.equal(await system.property('flm', 'ActiveState'), 'active');
  assert.equal(await system.property('flm', 'NRestarts'), '0');
  assert.equal(
    (
      await system.must('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:8484/health')
    ).trim(),
    '200',
  );

  const purged = await system.must('dpkg', '--purge', 'flm-proxy');
  assert.match(purged, /\/var\/lib\/flm .*are kept/);
  assert.equal((await system.run('curl', '-s', 'http://127.0.0.1:8484/health')).code, 7);
  assert.equal(existsSync(join(system.folder, 'usr/lib/systemd/system/flm.service')), false);
  // Nothing runs any more that could still write.
  assert.equal(await system.must('find', '/proc', '-maxdepth', '1', '-user', 'flm'), '');
  assert.ok(existsSync(join(system.folder, 'var/lib/flm/flm.db')));
});

interface ImageConfig {
  readonly config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly Env: readonly string[];
    readonly Healthcheck: { readonly Test: readonly string[] };
    readonly Volumes: object;
  };
}

test('the image is small, has no shell, and serves with a read-only root as a user without rights', {
  skip:
    skip || (!existsSync(release) || readdirSync(release).some((n) => /image/.test(n)) ? false : 'no image'),
}, async (t) => {
  const unpacked = emptyRoot(t).folder;
  await run('tar', ['-xf', released(/image-linux-x64\.tar$/), '-C', unpacked]);
  const [manifest] = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8')) as [
    { Config: string; Layers: string[]; RepoTags: string[] },
  ];
  const { config } = JSON.parse(readFileSync(join(unpacked, manifest.Config), 'utf8')) as ImageConfig;
  const root = emptyRoot(t);
  chmodSync(root.folder, 0o755);
  for (const layer of manifest.Layers) await run('tar', ['-xf', join(unpacked, layer), '-C', root.folder]);
  const { stdout: size } = await run('du', ['--summarize', '--bytes', root.folder]);
  assert.ok(Number(size.split('\t')[0]) < 200_000_000, size);
  for (const shell of ['bin/sh', 'usr/bin/sh', 'bin/bash'])
    assert.equal(existsSync(join(root.folder, shell)), false);
  assert.match(manifest.RepoTags[0] ?? '', /(^|\/)flm:\d/);
  assert.deepEqual(config.Volumes, { '/data': {} });

  const data = mkdtempSync(join(tmpdir(), 'flm-data-'));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const image = statSync(join(root.folder, 'data'));
  assert.equal(`${image.uid}:${image.gid}`, config.User);
  assert.equal(image.mode & 0o777, 0o700);
  chownSync(data, image.uid, image.gid);
  chmodSync(data, 0o700);
  const env = Object.fromEntries(
    config.Env.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  const container: RootOptions = { user: config.User, env, readOnlyWithData: data };
  // This test shares the network of the machine, so the proxy takes a free port.
  const words = [...config.Entrypoint, ...config.Cmd, '--port', '0', '--demo'];
  const proxy = root.start(words, container);
  const closed = new Promise<number | null>((resolve) => proxy.once('close', resolve));
  t.after(async () => {
    proxy.kill('SIGKILL');
    await closed;
  });
  const port = await new Promise<number>((resolve, reject) => {
    let log = '';
    proxy.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const found = /"port":(\d+).*"msg":"started"/.exec(log)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    proxy.once('close', () => reject(new Error(`it ended:\n${log}`)));
  });

  const { key } = await json<{ key: string }>(root, container, '/usr/bin/flm', 'key', 'create', 'laptop');
  await assertServes(`http://127.0.0.1:${port}`, key);
  const health = config.Healthcheck.Test.slice(1);
  assert.equal(config.Healthcheck.Test[0], 'CMD');
  await root.run(health, container);
  await assert.rejects(
    root.run(['/usr/bin/flm', 'proxy', 'restart'], container),
    /docker|container|supervisor|foreground/i,
  );
  proxy.kill('SIGTERM');
  assert.equal(await closed, 0);
  await assert.rejects(root.run(health, container));
});

/** A program that passes for a newer flm. In place of taking over, it dies or hangs, as a file says. */
const impostor = `
import { readFileSync } from 'node:fs';
import process from 'node:process';
if (process.argv[2] === 'version') console.log(JSON.stringify({ version: '9.9.10' }));
else if (readFileSync('/impostor', 'utf8') === 'dies') process.exit(3);
else setInterval(() => {}, 1000);
`;
const impostorName = 'flm-9.9.10-linux-x64';

test('flm upgrade --to replaces an executable only by a genuine one that takes over', { skip }, async (t) => {
  const root = await cleanRoot(t);
  makePerson(root);
  const bin = join(root.folder, 'home/person/bin');
  const target = join(bin, 'flm');
  const offers = join(root.folder, 'offers');
  for (const folder of [bin, offers]) mkdirSync(folder);
  chownSync(bin, 1000, 1000);
  copyFileSync(released(/linux-x64$/), target);
  chownSync(target, 1000, 1000);
  const work = emptyRoot(t).folder;
  const keys = emptyRoot(t).folder;
  makeKey(join(keys, 'private.pem'), work);
  const { publicKey } = JSON.parse(readFileSync(join(work, 'release-key.json'), 'utf8')) as {
    publicKey: string;
  };
  const changed = await bundleProgram(join(work, 'newer'), {
    'package.json': { version: '9.9.9' },
    'release-key.json': { publicKey },
  });
  const newer = join(offers, 'flm-9.9.9-linux-x64');
  makeExecutable(changed, 'x64', newer);
  mkdirSync(join(work, 'impostor'));
  writeFileSync(join(work, 'impostor/main.js'), impostor);
  const impostorFile = { main: join(work, 'impostor/main.js'), licences: changed.licences };
  makeExecutable(impostorFile, 'x64', join(offers, impostorName));
  writeFileSync(join(offers, 'flm-9.9.11-linux-x64'), readFileSync(newer).subarray(0, 1_000_000));
  const signAll = (): void => {
    writeChecksums(offers);
    signChecksums(offers, join(keys, 'private.pem'), publicKey);
  };

  const options: RootOptions = {
    user: '1000:1000',
    env: { HOME: '/home/person', PATH: '/home/person/bin:/usr/bin:/bin' },
  };
  const upgrade = (...words: readonly string[]) => root.run(['flm', 'upgrade', ...words], options);
  const fails = async (pattern: RegExp, ...words: readonly string[]): Promise<void> => {
    const before = statSync(target).size;
    await assert.rejects(upgrade(...words), (error: { stderr?: string }) => {
      assert.match(error.stderr ?? '', pattern);
      return true;
    });
    assert.equal(statSync(target).size, before);
    assert.deepEqual(readdirSync(bin), ['flm']);
  };
  const started = await json<Proxy>(root, options, 'flm', 'proxy', 'start', '--demo', '--port', '0');
  atEnd(t, () => root.run(['flm', 'proxy', 'stop', '--all', '--grace', '0'], options).catch(() => {}));
  const { key } = await json<{ key: string }>(root, options, 'flm', 'key', 'create', 'laptop');

  // The release was built without a key, so it asks for a checksum.
  await fails(/without a release key[\s\S]*--sha256/, '--to', '/offers/flm-9.9.9-linux-x64');
  const { stdout: sum } = await run('sha256sum', [newer]);
  const installed = await upgrade('--to', '/offers/flm-9.9.9-linux-x64', '--sha256', sum.slice(0, 64));
  assert.match(installed.stdout, /Installed flm 9\.9\.9[\s\S]*Handed over px_/);
  assert.deepEqual(readdirSync(bin), ['flm']);
  assert.match((await root.run(['flm', 'version'], options)).stdout, /^flm 9\.9\.9/);
  await assertServes(started.url, key);

  // From here on the running version has the key.
  await fails(/No valid signature[\s\S]*SHA256SUMS cannot be read/, '--to', '/offers/flm-9.9.9-linux-x64');
  signAll();
  writeFileSync(join(offers, 'SHA256SUMS.sig'), Buffer.alloc(64));
  await fails(/not a signature by flm/, '--to', '/offers/flm-9.9.9-linux-x64');
  signAll();
  writeFileSync(join(offers, impostorName), 'changed', { flag: 'a' });
  await fails(/another SHA-256 than SHA256SUMS/, '--to', `/offers/${impostorName}`);
  signAll();
  await fails(/does not run on this machine/, '--to', '/offers/flm-9.9.11-linux-x64');
  for (const how of ['dies', 'hangs']) {
    writeFileSync(join(root.folder, 'impostor'), how);
    await fails(/continues to serve/, '--to', `/offers/${impostorName}`);
  }
  await assertServes(started.url, key);
  assert.match((await root.run(['flm', 'version'], options)).stdout, /^flm 9\.9\.9/);

  // A folder that this user may not write.
  chownSync(bin, 0, 0);
  await fails(/does not have permission/, '--to', '/offers/flm-9.9.9-linux-x64');
  chownSync(bin, 1000, 1000);
  const again = await upgrade('--to', '/offers/flm-9.9.9-linux-x64');
  assert.match(again.stdout, /Handed over px_/);
  await assertServes(started.url, key);
});
