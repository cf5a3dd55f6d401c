/** Cases that an installation refuses before it changes anything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../core/errors.ts';
import { ServiceManager } from './service-manager.ts';
import type { InstallRequest } from './service-system.ts';
import type { FileFacts, ServiceTools } from './service-tools.ts';

const folder: FileFacts = { uid: 0, mode: 0o755, isFolder: true };
const machine: Readonly<Record<string, FileFacts>> = {
  '/run/systemd/system': folder,
  '/usr': folder,
  '/usr/bin': folder,
  '/usr/bin/flm': { uid: 0, mode: 0o755, isFolder: false },
  '/srv': folder,
};

function rootOf(names: readonly string[]): ServiceTools {
  const never = (): never => assert.fail('nothing may be changed');
  return {
    platform: 'linux',
    uid: 0,
    userName: 'root',
    sudoUser: undefined,
    userHome: '/root',
    configHome: '/root/.config',
    ownData: '/srv',
    systemData: '/srv',
    program: ['/usr/bin/flm'],
    read: () => undefined,
    list: (path) => (path === '/srv' ? names : []),
    facts: (path) => machine[path],
    write: never,
    remove: never,
    removeFolder: never,
    copyData: never,
    run: async () => ({ code: 2, stdout: '', stderr: '' }),
    portHolder: async () => undefined,
    flm: never,
  };
}

const request: InstallRequest = {
  kind: 'system',
  profile: 'default',
  account: 'flm',
  settings: {},
  settingFlags: [],
  socket: undefined,
  replace: false,
  stop: false,
  copyData: false,
};

test('a folder of root with other files in it does not become the data folder of a service', async () => {
  await assert.rejects(
    new ServiceManager(rootOf(['www', 'backup'])).planInstall(request),
    (error: unknown) =>
      error instanceof ServiceError &&
      error.code === 'SERVICE_FOLDER_UNFIT' &&
      error.message.includes('/srv cannot be used by the service: it belongs to root and is not empty'),
  );
});

test('an empty folder of root is given to the user of the service', async () => {
  const { steps } = await new ServiceManager(rootOf(['lost+found'])).planInstall(request);
  assert.deepEqual(steps.find(({ title }) => title.text.startsWith('make the data folder'))?.details, [
    'install -d -m 0700 -o flm -g flm /srv',
  ]);
});
