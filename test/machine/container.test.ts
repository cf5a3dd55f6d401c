/**
 * The container recipe of docs/operations.md, built and run as it is written. No base image can be assumed here, so a
 * minimal Debian with Node takes the place of the official image, under its name. Needs root, debootstrap and buildah.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
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

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const missing = ['debootstrap', 'buildah'].filter((name) => spawnSync('which', [name]).status !== 0);
const skip =
  process.getuid?.() !== 0
    ? 'needs root'
    : missing.length > 0 && `${missing.join(' and ')} are not installed`;

/** Certificates and npm settings of this machine: the steps of the recipe download packages as this machine does. */
async function machineVolumes(): Promise<readonly string[]> {
  const globalSettings = (await run('npm', ['config', 'get', 'globalconfig'], { cwd: '/' })).stdout.trim();
  const places = [
    ['/etc/ssl/certs', '/etc/ssl/certs'],
    ['/root/.npmrc', '/root/.npmrc'],
    [globalSettings, '/usr/local/etc/npmrc'],
  ] as const;
  return places
    .filter(([from]) => existsSync(from))
    .flatMap(([from, to]) => ['--volume', `${from}:${to}:ro`]);
}

interface Buildah {
  (...args: readonly string[]): Promise<string>;
  readonly env: NodeJS.ProcessEnv;
}

function buildahIn(t: TestContext, folder: string): Buildah {
  const env = {
    ...process.env,
    BUILDAH_ISOLATION: 'chroot',
    STORAGE_DRIVER: 'vfs',
    CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
  };
  writeFileSync(
    env.CONTAINERS_STORAGE_CONF,
    `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/storage"\nrunroot = "${folder}/run"\n`,
  );
  const call = async (...args: readonly string[]): Promise<string> =>
    (await run('buildah', args, { env, maxBuffer: 64 * 1024 ** 2 })).stdout.trim();
  t.after(() => call('rm', '--all').catch(() => {}));
  return Object.assign(call, { env });
}

/** A minimal Debian with Node, npm and a user named node, as the official image has them. */
async function makeBaseImage(buildah: Buildah, folder: string): Promise<void> {
  const system = join(folder, 'system');
  const include = '--include=ca-certificates,libatomic1';
  await run('debootstrap', ['--variant=minbase', include, 'bookworm', system], { maxBuffer: 64 * 1024 ** 2 });
  cpSync(realpathSync(process.execPath), join(system, 'usr/local/bin/node'));
  await run('npm', ['install', '--global', '--silent', '--prefix', join(system, 'usr/local'), 'npm@11']);
  await run('chroot', [system, 'useradd', '--create-home', '--uid', '1000', 'node']);
  const container = await buildah('from', 'scratch');
  await buildah('add', '--quiet', container, system, '/');
  await buildah('commit', '--quiet', '--rm', container, 'docker.io/library/node:26-slim');
  rmSync(system, { recursive: true, force: true });
}

test('the container recipe of the documentation starts a proxy that answers, with its data in the volume', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-container-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const buildah = buildahIn(t, folder);
  await makeBaseImage(buildah, folder);
  const recipe = /```dockerfile\n(.*?)```/s.exec(readFileSync(join(root, 'docs/operations.md'), 'utf8'))?.[1];
  assert.ok(recipe !== undefined);
  const context = join(folder, 'clone');
  await run('git', ['clone', '--quiet', root, context]);
  writeFileSync(join(context, 'Dockerfile'), recipe);
  const volumes = await machineVolumes();
  const trust = process.env.NODE_EXTRA_CA_CERTS;
  await buildah(
    ...['build', '--quiet', '--pull-never', '--network', 'host', '--tag', 'flm-image', ...volumes],
    ...(trust === undefined ? [] : ['--env', `NODE_EXTRA_CA_CERTS=${trust}`]),
    context,
  );

  const container = await buildah('from', '--pull-never', 'localhost/flm-image');
  const data = statSync(join(await buildah('mount', container), 'data'));
  assert.deepEqual([data.uid, data.mode & 0o777], [1000, 0o700]);
  const { OCIv1 } = JSON.parse(await buildah('inspect', container)) as {
    OCIv1: { config: { Cmd: string[] } };
  };
  // This test shares the network of the machine, so the proxy takes a free port and the demo engine.
  const command = [
    ...OCIv1.config.Cmd.filter((word) => !/--engine|host\.docker/.test(word)),
    '--port',
    '0',
    '--demo',
  ];
  const proxy = spawn('buildah', ['run', container, '--', ...command], { env: buildah.env });
  const closed = new Promise((resolve) => proxy.once('close', resolve));
  t.after(async () => {
    proxy.kill('SIGTERM');
    await closed;
  });
  const port = await new Promise<number>((resolve, reject) => {
    let log = '';
    proxy.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const found = /"port":(\d+).*"msg":"started"/.exec(log)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    proxy.once('close', () => reject(new Error(`it ended:\n${log}`)));
  });

  const key = await buildah('run', container, '--', 'node', 'bin/flm.mjs', 'key', 'create', 'laptop');
  const answer = await fetch(`http://127.0.0.1:${port}/v1/models`, {
    headers: { authorization: `Bearer ${key}` },
  });
  assert.equal(answer.status, 200, await answer.text());
  assert.match(
    await buildah('run', container, '--', 'node', 'bin/flm.mjs', 'proxy', 'stop', '--grace', '0'),
    /^Stopped px_/,
  );
});
