/**
 * `flm service` in a real systemd: install, first answer, crash, watchdog, stop, boot, uninstall. The tests of this file
 * use one system one after another.
 */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BootedRoot, noSystemd, type Ran } from '../helpers/booted-root.ts';

let system: BootedRoot;
let key = '';
const skip = noSystemd;
const healthUrl = 'http://127.0.0.1:8484/health';

before(async () => {
  if (noSystemd === false) system = await BootedRoot.make();
});
after(async () => {
  if (noSystemd === false) await system?.end();
});

interface Status {
  readonly service: {
    readonly state: string;
    readonly mainPid: number;
    readonly restarts: number;
    readonly enabled: boolean;
    readonly home: string;
    readonly account: string;
  };
  readonly proxies: readonly { readonly pid: number; readonly state: string; readonly profile: string }[];
}

async function status(profile = 'default'): Promise<Status> {
  return JSON.parse(await system.must('flm', 'service', 'status', profile, '--json')) as Status;
}

/** Resolves with the HTTP status; '000' where nothing listens. */
async function http(url: string, ...more: readonly string[]): Promise<string> {
  const asked = await system.run(
    'curl',
    '-s',
    '-o',
    '/dev/null',
    '-m',
    '10',
    '-w',
    '%{http_code}',
    ...more,
    url,
  );
  return asked.stdout;
}

function assertMistake({ code, stderr }: Ran, sentence: RegExp): void {
  assert.equal(code, 1, stderr);
  assert.match(stderr, sentence);
}

test('a dry run shows every step and changes nothing', { skip }, async () => {
  const shown = await system.must('flm', 'service', 'install', '--demo', '--dry-run');
  assert.match(shown, /create the system user flm\n {4}useradd --system/);
  assert.match(shown, /systemctl enable flm\.service/);
  assert.equal((await system.run('getent', 'passwd', 'flm')).code, 2);
  assert.equal(existsSync(join(system.folder, 'etc/systemd/system/flm.service')), false);
  assert.equal(existsSync(join(system.folder, 'var/lib/flm')), false);
  assert.equal(existsSync(join(system.folder, 'root/.local')), false);
});

test('an installed service answers, is started at boot, and its data belongs to its own user', {
  skip,
}, async () => {
  assertMistake(await system.run('flm', 'service', 'status'), /There is no service flm\.service/);
  await system.must('flm', 'service', 'install', '--demo', '--yes');
  const { service, proxies } = await status();
  assert.equal(service.state, 'active');
  assert.equal(service.enabled, true);
  assert.equal(service.home, '/var/lib/flm');
  assert.deepEqual(
    proxies.map(({ pid, state, profile }) => ({ pid, state, profile })),
    [{ pid: service.mainPid, state: 'running', profile: 'default' }],
  );
  assert.equal(await system.must('stat', '-c', '%U %a', '/var/lib/flm'), 'flm 700\n');
  assert.equal(await system.must('stat', '-c', '%U', `/proc/${service.mainPid}`), 'flm\n');
  const made = await system.run('flm', 'key', 'create', 'laptop');
  assert.match(made.stderr, /Data of the system service: \/var\/lib\/flm/);
  key = made.stdout.trim();
  assert.equal(await http('http://127.0.0.1:8484/v1/models', '-H', `Authorization: Bearer ${key}`), '200');
  // No file of root's own stays behind that the service could not write.
  assert.equal(await system.must('find', '/var/lib/flm', '!', '-user', 'flm'), '');
  assert.match(await system.must('flm', 'service', 'logs'), /"msg":"started"/);
});

test('the unit gives the service little: its exposure is at most 2.0', { skip }, async () => {
  const shown = await system.must('systemd-analyze', 'security', '--no-pager', 'flm.service');
  const exposure = Number(/Overall exposure level for flm\.service: ([\d.]+)/.exec(shown)?.[1]);
  assert.ok(exposure <= 2, `it is ${exposure}`);
  assert.equal((await system.must('systemd-analyze', 'verify', 'flm.service')).trim(), '');
});

test('installing again changes nothing, and a unit that somebody edited is not overwritten', {
  skip,
}, async () => {
  const { mainPid } = (await status()).service;
  const again = await system.run('flm', 'service', 'install', '--yes');
  assert.match(again.stderr, /There is nothing to change/);
  assert.equal((await status()).service.mainPid, mainPid);
  const unit = join(system.folder, 'etc/systemd/system/flm.service');
  appendFileSync(unit, '# mine\n');
  assertMistake(
    await system.run('flm', 'service', 'install', '--yes'),
    /flm\.service is there already .* edited/,
  );
  await system.must('flm', 'service', 'install', '--replace', '--yes');
  assert.doesNotMatch(system.read('etc/systemd/system/flm.service'), /# mine/);
});

test('a service that is killed starts again', { skip }, async () => {
  const { mainPid } = (await status()).service;
  await system.must('systemctl', 'kill', '--kill-who=main', '--signal=KILL', 'flm');
  await system.until('systemd restarted it', async () => (await system.property('flm', 'NRestarts')) === '1');
  await system.until('it answers', async () => (await http(healthUrl)) === '200');
  assert.notEqual(Number(await system.property('flm', 'MainPID')), mainPid);
});

test('a service whose event loop stands still is restarted by the watchdog', { skip }, async () => {
  const folder = join(system.folder, 'etc/systemd/system/flm.service.d');
  mkdirSync(folder);
  writeFileSync(join(folder, 'fast.conf'), '[Service]\nWatchdogSec=3\n');
  await system.must('systemctl', 'daemon-reload');
  await system.must('systemctl', 'restart', 'flm');
  await system.must('systemctl', 'kill', '--kill-who=main', '--signal=STOP', 'flm');
  await system.until(
    'the watchdog ended it',
    async () => (await system.property('flm', 'NRestarts')) === '1',
  );
  await system.until('it answers', async () => (await http(healthUrl)) === '200');
  assert.match(await system.must('journalctl', '--unit', 'flm', '--no-pager'), /Watchdog timeout/);
  await system.must('rm', '-r', '/etc/systemd/system/flm.service.d');
  await system.must('systemctl', 'daemon-reload');
  await system.must('systemctl', 'restart', 'flm');
});

test('a reload replaces the process, and systemd follows to the newest one', { skip }, async () => {
  await system.must('systemctl', 'restart', 'flm');
  const seen = new Set<string>();
  for (let round = 0; round < 10; round++) {
    await system.must('systemctl', 'reload', 'flm');
    assert.equal(await http(healthUrl), '200');
    seen.add(await system.property('flm', 'MainPID'));
  }
  const { service, proxies } = await status();
  assert.equal(seen.size, 10);
  assert.equal(service.restarts, 0);
  assert.equal(proxies.find(({ state }) => state === 'running')?.pid, service.mainPid);
  assert.match(await system.must('cat', `/proc/${service.mainPid}/cgroup`), /flm\.service$/m);
  assert.match(await system.must('grep', 'NoNewPrivs', `/proc/${service.mainPid}/status`), /1$/m);
});

test('systemctl stop ends it, and it comes back at the next boot', { skip }, async () => {
  await system.must('systemctl', 'stop', 'flm');
  assert.equal(await http(healthUrl), '000');
  await system.powerOff();
  await system.boot();
  await system.until('it answers', async () => (await http(healthUrl)) === '200');
  assert.equal(await http('http://127.0.0.1:8484/v1/models', '-H', `Authorization: Bearer ${key}`), '200');
});

test('uninstalling leaves nothing but the data, and with --data nothing at all', { skip }, async () => {
  const removed = await system.run('flm', 'service', 'uninstall', '--yes');
  assert.equal(removed.code, 0, removed.stderr);
  assert.match(removed.stderr, /The data stays in \/var\/lib\/flm/);
  const left = async (): Promise<string> =>
    system.must(
      'find',
      '/etc',
      '/usr/lib/systemd',
      '/var',
      '/run',
      '-name',
      '*flm*',
      '-not',
      '-path',
      '/var/lib/flm/*',
    );
  assert.equal(await left(), '/var/lib/flm\n');
  assert.equal(await http(healthUrl), '000');
  assertMistake(
    await system.run('flm', 'service', 'uninstall', '--yes'),
    /There is no system service flm\.service/,
  );
  // Installed once more, the service finds its data.
  await system.must('flm', 'service', 'install', '--yes');
  assert.equal(await http('http://127.0.0.1:8484/v1/models', '-H', `Authorization: Bearer ${key}`), '200');
  await system.must('flm', 'service', 'uninstall', '--data', '--yes');
  assert.equal(await left(), '');
  assert.equal((await system.run('getent', 'passwd', 'flm')).code, 2);
});

test('with sockets of systemd, port 443 needs no right, and a plain restart refuses no connection', {
  skip,
}, async () => {
  await system.must('flm', 'service', 'install', '--demo', '--port', '443', '--yes');
  assert.match(system.read('etc/systemd/system/flm.socket'), /^ListenStream=127\.0\.0\.1:443$/m);
  const { mainPid } = (await status()).service;
  assert.match(await system.must('grep', 'CapEff', `/proc/${mainPid}/status`), /\t0+$/m);
  // A loop of new connections, one after another, while the service restarts three times.
  const loop = system.run(
    'sh',
    '-c',
    'while [ ! -e /run/enough ]; do curl -s -o /dev/null -m 30 -w "%{http_code}\\n" http://127.0.0.1:443/health; done',
  );
  for (let round = 0; round < 3; round++) await system.must('systemctl', 'restart', 'flm');
  await system.must('touch', '/run/enough');
  const answers = (await loop).stdout.trim().split('\n');
  assert.deepEqual([...new Set(answers)], ['200'], answers.join(' '));
  // Another port needs another socket.
  await system.must('flm', 'service', 'install', '--port', '8484', '--yes');
  assert.equal(existsSync(join(system.folder, 'etc/systemd/system/flm.socket')), false);
  assert.equal(await http(healthUrl), '200');
  await system.must('flm', 'service', 'uninstall', '--data', '--yes');
});

test('the data of the person who asked is copied, once no proxy uses it', { skip }, async () => {
  await system.must('useradd', '--create-home', 'ada');
  const ada = (...words: readonly string[]): Promise<Ran> =>
    system.run(
      'setpriv',
      '--reuid=ada',
      '--regid=ada',
      '--init-groups',
      'env',
      'HOME=/home/ada',
      'flm',
      ...words,
    );
  const made = (await ada('key', 'create', 'of-ada')).stdout.trim();
  assert.equal((await ada('proxy', 'start', '--demo')).code, 0);
  const install = (...flags: readonly string[]): Promise<Ran> =>
    system.run('env', 'SUDO_USER=ada', 'flm', 'service', 'install', '--copy-data', '--yes', ...flags);
  assertMistake(await install(), /These proxies run and are in the way: px_\w+ \(profile default/);
  const installed = await install('--stop', '--demo');
  assert.equal(installed.code, 0, installed.stderr);
  assert.equal(await http('http://127.0.0.1:8484/v1/models', '-H', `Authorization: Bearer ${made}`), '200');
  assert.equal(await system.must('find', '/var/lib/flm', '!', '-user', 'flm'), '');
  await system.must('flm', 'service', 'uninstall', '--data', '--yes');
  // The original stays.
  assert.match((await ada('key', 'list')).stdout, /of-ada/);
});
