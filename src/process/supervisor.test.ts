/** Detecting supervisors: what systemd, containers and other supervisors put in the environment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findSupervisor, type SupervisorFacts, withoutSupervisor } from './supervisor.ts';

interface Machine extends Partial<Omit<SupervisorFacts, 'read' | 'exists'>> {
  readonly files?: Readonly<Record<string, string>>;
}

function found({ files = {}, ...parts }: Machine) {
  return findSupervisor({
    env: {},
    platform: 'linux',
    pid: 400,
    ppid: 300,
    workingFolder: '/',
    uid: 501,
    read: (path) => files[path] ?? '',
    exists: (path) => path in files,
    ...parts,
  });
}

const none = { kind: 'none', restartCommand: undefined };
const systemUnit = {
  '/proc/self/cgroup': '0::/system.slice/flm.service\n',
  '/usr/bin/systemd-notify': '',
};
const userUnit = {
  '/proc/self/cgroup': '0::/user.slice/user-1000.slice/user@1000.service/app.slice/flm.service\n',
  '/usr/bin/systemd-notify': '',
};
const notify = { NOTIFY_SOCKET: '/run/systemd/notify' };

test('a unit of Type=notify can be told of another main process', () => {
  const env = { ...notify, SYSTEMD_EXEC_PID: '400', INVOCATION_ID: 'a1' };
  assert.deepEqual(found({ env, files: systemUnit }), {
    kind: 'systemd-notify',
    restartCommand: 'sudo systemctl restart flm.service',
    unit: 'flm.service',
  });
});

test('a unit of a user is restarted by the manager of that user', () => {
  const env = { ...notify, SYSTEMD_EXEC_PID: '400' };
  assert.equal(found({ env, files: userUnit }).restartCommand, 'systemctl --user restart flm.service');
  // With cgroups of version 1.
  const files = {
    ...userUnit,
    '/proc/self/cgroup': `12:pids:/user.slice\n1:name=systemd:${userUnit['/proc/self/cgroup'].slice(3)}`,
  };
  assert.equal(found({ env, files }).restartCommand, 'systemctl --user restart flm.service');
});

test('a unit without notify, or a machine without systemd-notify, is restarted by systemctl alone', () => {
  const { '/usr/bin/systemd-notify': _, ...files } = systemUnit;
  assert.equal(found({ env: { SYSTEMD_EXEC_PID: '400' }, files: systemUnit }).kind, 'systemd');
  assert.equal(found({ env: { ...notify, SYSTEMD_EXEC_PID: '400' }, files }).kind, 'systemd');
});

test('a program started in a session that systemd manages is not supervised', () => {
  // A terminal of a desktop session: all its child processes inherit these variables.
  const session = { INVOCATION_ID: 'a1', JOURNAL_STREAM: '8:1', SYSTEMD_EXEC_PID: '120' };
  assert.deepEqual(found({ env: session, files: userUnit }), none);
  assert.deepEqual(found({ env: { ...session, ...notify }, files: userUnit }), none);
  assert.deepEqual(found({ env: { INVOCATION_ID: 'a1' }, files: userUnit }), none);
  assert.deepEqual(found({ env: {}, files: userUnit }), none);
});

test('a shell between systemd and the proxy, and a systemd older than 248, are recognised', () => {
  assert.equal(
    found({ env: { ...notify, SYSTEMD_EXEC_PID: '300' }, files: systemUnit }).kind,
    'systemd-notify',
  );
  assert.equal(found({ env: notify, files: systemUnit }).kind, 'systemd-notify');
  // Without notify, a terminal that starts flm directly looks the same.
  assert.deepEqual(found({ env: { SYSTEMD_EXEC_PID: '300' }, files: systemUnit }), none);
});

test('a process that took over from a supervised one is supervised', () => {
  const env = { ...notify, SYSTEMD_EXEC_PID: '120' };
  assert.equal(found({ env, files: systemUnit, successor: true }).kind, 'systemd-notify');
});

test('the first process of a container is restarted by its container engine', () => {
  assert.deepEqual(found({ env: { HOSTNAME: 'c0ffee' }, pid: 1, ppid: 0 }), {
    kind: 'container',
    restartCommand: 'docker restart c0ffee',
  });
  const podman = { pid: 1, ppid: 0, env: { HOSTNAME: 'c0ffee' }, files: { '/run/.containerenv': '' } };
  assert.equal(found(podman).restartCommand, 'podman restart c0ffee');
  const pod = { pid: 7, ppid: 1, env: { HOSTNAME: 'flm-0', KUBERNETES_SERVICE_HOST: '10.0.0.1' } };
  assert.equal(found(pod).restartCommand, 'kubectl delete pod flm-0');
  // A shell in the container started it.
  assert.deepEqual(found({ files: { '/.dockerenv': '' } }), none);
  // A background process of a machine without containers.
  assert.deepEqual(found({ ppid: 1 }), none);
});

test('runit, s6, supervisord and launchd name the service and the command', () => {
  const under = (parent: string): Record<string, string> => ({ '/proc/300/comm': `${parent}\n` });
  assert.equal(
    found({ files: under('runsv'), workingFolder: '/etc/service/flm' }).restartCommand,
    'sv restart flm',
  );
  assert.equal(
    found({ files: under('s6-supervise'), workingFolder: '/run/service/flm' }).restartCommand,
    's6-svc -r /run/service/flm',
  );
  const env = { SUPERVISOR_PROCESS_NAME: 'flm' };
  assert.equal(found({ env, files: under('supervisord') }).restartCommand, 'supervisorctl restart flm');
  const label = { XPC_SERVICE_NAME: 'dev.flm.proxy' };
  assert.equal(
    found({ env: label, platform: 'darwin', ppid: 1 }).restartCommand,
    'launchctl kickstart -k gui/501/dev.flm.proxy',
  );
  const daemon = { '/Library/LaunchDaemons/dev.flm.proxy.plist': '' };
  assert.deepEqual(found({ env: label, platform: 'darwin', ppid: 1, files: daemon }), {
    kind: 'launchd',
    restartCommand: 'sudo launchctl kickstart -k system/dev.flm.proxy',
  });
  assert.deepEqual(found({ env: { XPC_SERVICE_NAME: '0' }, platform: 'darwin', ppid: 1 }), none);
});

test('a supervisor is named although its working folder was deleted', () => {
  const files = { '/proc/300/comm': 'runsv\n' };
  assert.deepEqual(found({ files, workingFolder: '' }), {
    kind: 'runit',
    restartCommand: 'sv restart SERVICE',
  });
});

test('a program that is started without them has none of the variables of a supervisor', () => {
  const env = {
    ...notify,
    LISTEN_FDS: '1',
    LISTEN_PID: '4',
    SYSTEMD_EXEC_PID: '4',
    WATCHDOG_USEC: '1',
    PATH: '/bin',
  };
  assert.deepEqual(withoutSupervisor(env), { PATH: '/bin' });
});
