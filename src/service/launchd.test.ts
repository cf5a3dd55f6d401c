/** launchd services: the text and path of the property list, and the commands of a plan, with a fake launchctl. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plistText, unitOfPlist } from './plist.ts';
import { ServiceManager } from './service-manager.ts';
import type { InstallRequest } from './service-system.ts';
import type { FileFacts, RunResult, ServiceTools, Words } from './service-tools.ts';
import type { ServiceUnit } from './unit-file.ts';

const systemData = '/Library/Application Support/flm';
const program: Words = ['/usr/local/bin/node', '/usr/local/lib/flm/bin/flm.mjs'];
const unit: ServiceUnit = {
  kind: 'system',
  profile: 'default',
  home: systemData,
  account: 'flm',
  program,
  graceMs: 30_000,
  notify: false,
};

/** A Mac without flm: files in memory, and a launchctl that knows which services are loaded. */
class FakeMac {
  readonly files = new Map<string, string>();
  readonly ran: string[] = [];
  readonly loaded = new Set<string>();
  readonly tools: ServiceTools;
  refusal = '';

  constructor(uid: number, accounts = '') {
    const userHome = uid === 0 ? '/var/root' : '/Users/ada';
    const readable: FileFacts = { uid: 0, mode: 0o755, isFolder: false };
    this.tools = {
      platform: 'darwin',
      uid,
      userName: uid === 0 ? 'root' : 'ada',
      sudoUser: undefined,
      userHome,
      configHome: `${userHome}/.config`,
      ownData: `${userHome}/Library/Application Support/flm`,
      systemData,
      program,
      read: (path) => this.files.get(path),
      list: (folder) =>
        [...this.files.keys()]
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1)),
      facts: (path) => (path.startsWith('/usr/local') || path === '/usr' ? readable : undefined),
      write: (path, text) => void this.files.set(path, text),
      remove: (path) => void this.files.delete(path),
      removeFolder: (path) => void this.ran.push(`rm -r ${path}`),
      copyData: () => assert.fail('nothing is copied'),
      run: async (words) => this.#run(words, accounts),
      portHolder: async () => undefined,
      flm: async (home, args) => {
        this.ran.push(`flm ${args.join(' ')} in ${home}`);
        return done();
      },
    };
  }

  #run(words: Words, accounts: string): RunResult {
    const [name, operation = '', target = '', file = ''] = words;
    if (name === 'dscl' && target === '-list') return done(accounts);
    if (name === 'dscl' && target === '-read') return { ...done(), code: 56 };
    if (name === 'launchctl' && operation === 'print')
      return this.loaded.has(target)
        ? done(`${target} = {\n\tstate = running\n\n\truns = 3\n\tpid = 812\n}\n`)
        : { code: 113, stdout: '', stderr: 'Could not find service' };
    this.ran.push(words.join(' '));
    if (operation === 'bootstrap') {
      if (this.refusal !== '') return { code: 5, stdout: '', stderr: this.refusal };
      this.loaded.add(`${target}/${/([\w.-]+)\.plist$/.exec(file)?.[1]}`);
    }
    if (operation === 'bootout') this.loaded.delete(target);
    return done();
  }
}

function done(stdout = ''): RunResult {
  return { code: 0, stdout, stderr: '' };
}

function request(parts: Partial<InstallRequest> = {}): InstallRequest {
  return {
    kind: 'user',
    profile: 'default',
    account: 'flm',
    settings: {},
    settingFlags: [],
    socket: undefined,
    replace: false,
    stop: false,
    copyData: false,
    ...parts,
  };
}

test('the property list of a system service runs as its own user, restarts after a crash, and has a log', () => {
  const text = plistText(unit, '/Library/Logs/dev.flm.default.log');
  const flat = text.replaceAll(/>\s+</g, '><');
  for (const part of [
    '<key>Label</key><string>dev.flm.default</string>',
    '<key>ProgramArguments</key><array><string>/usr/local/bin/node</string><string>/usr/local/lib/flm/bin/flm.mjs</string><string>proxy</string><string>run</string><string>default</string></array>',
    '<key>FLM_HOME</key><string>/Library/Application Support/flm</string>',
    '<key>UserName</key><string>flm</string><key>GroupName</key><string>flm</string>',
    '<key>RunAtLoad</key><true/>',
    '<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>',
    '<key>ExitTimeOut</key><integer>45</integer>',
    '<key>Umask</key><integer>63</integer>',
    '<key>StandardErrorPath</key><string>/Library/Logs/dev.flm.default.log</string>',
  ])
    assert.ok(flat.includes(part), `${part} is not in\n${text}`);
});

test('flm recognises a property list that it wrote, whatever characters are in its paths', () => {
  const odd = { ...unit, home: '/Users/a & b/-->---<flm>' };
  const text = plistText(odd, '/x.log');
  assert.deepEqual(unitOfPlist(text), odd);
  assert.match(text, /<string>\/Users\/a &amp; b\/--&gt;---&lt;flm&gt;<\/string>/);
  assert.equal(text.match(/-->/g)?.length, 2);
  assert.equal(unitOfPlist('<plist version="1.0"><dict/></plist>'), undefined);
});

test('a user installs an agent: shown first, then written and started in the login of this user', async () => {
  const mac = new FakeMac(501);
  const manager = new ServiceManager(mac.tools);
  const file = '/Users/ada/Library/LaunchAgents/dev.flm.default.plist';
  const plan = await manager.planInstall(request());
  assert.deepEqual(
    plan.steps.map(({ details }) => details),
    [[file], ['launchctl enable gui/501/dev.flm.default', `launchctl bootstrap gui/501 ${file}`]],
  );
  assert.match(plan.notes.map(({ text }) => text).join(' '), /not tested/);
  assert.equal(mac.files.size, 0);
  assert.deepEqual(mac.ran, []);
  for (const step of plan.steps) await step.make();
  assert.deepEqual(mac.ran, plan.steps[1]?.details);
  const found = manager.unit('user', 'default');
  assert.equal(found?.home, '/Users/ada/Library/Application Support/flm');
  assert.ok(found);
  const { state, mainPid, restarts, enabled } = await manager.stateOf(found);
  assert.deepEqual(
    { state, mainPid, restarts, enabled },
    { state: 'active', mainPid: 812, restarts: 2, enabled: true },
  );
  assert.deepEqual(manager.logCommand(found, '20', true), [
    ...['tail', '-n', '20', '-F', '/Users/ada/Library/Logs/dev.flm.default.log'],
  ]);
  assert.deepEqual((await manager.planInstall(request())).steps, []);
});

test('root installs a daemon with a user of its own, whose id nobody has', async () => {
  const mac = new FakeMac(0, '_www  70\n_other  420\nada  501\n');
  const plan = await new ServiceManager(mac.tools).planInstall(request({ kind: 'system' }));
  for (const step of plan.steps) await step.make();
  const home = '/Users/flm NFSHomeDirectory /Library/Application Support/flm';
  assert.ok(mac.ran.includes('dscl . -create /Groups/flm PrimaryGroupID 421'), mac.ran.join('\n'));
  assert.ok(mac.ran.includes(`dscl . -create ${home}`));
  assert.ok(mac.ran.includes(`install -d -m 0700 -o flm -g flm ${systemData}`));
  assert.equal(mac.ran.at(-1), 'launchctl bootstrap system /Library/LaunchDaemons/dev.flm.default.plist');
  assert.match(
    mac.files.get('/Library/LaunchDaemons/dev.flm.default.plist') ?? '',
    /<key>UserName<\/key>\s*<string>flm</,
  );
});

test('a changed service is booted out before it starts again, and an edited one is not overwritten', async () => {
  const mac = new FakeMac(501);
  const manager = new ServiceManager(mac.tools);
  for (const step of (await manager.planInstall(request())).steps) await step.make();
  mac.ran.length = 0;
  const plan = await manager.planInstall(request({ settings: { graceMs: 60_000 } }));
  for (const step of plan.steps) await step.make();
  assert.deepEqual(
    mac.ran.map((line) => line.split(' ')[1]),
    ['bootout', 'enable', 'bootstrap'],
  );
  const file = '/Users/ada/Library/LaunchAgents/dev.flm.default.plist';
  mac.files.set(file, `${mac.files.get(file)}<!-- mine -->\n`);
  await assert.rejects(manager.planInstall(request()), { code: 'SERVICE_UNIT_DIFFERS' });
});

test('uninstalling boots the service out and removes its file', async () => {
  const mac = new FakeMac(501);
  const manager = new ServiceManager(mac.tools);
  await assert.rejects(manager.planUninstall('user', 'default', false), { code: 'SERVICE_NOT_INSTALLED' });
  for (const step of (await manager.planInstall(request())).steps) await step.make();
  assert.equal(manager.units('user').length, 1);
  for (const step of (await manager.planUninstall('user', 'default', false)).steps) await step.make();
  assert.equal(mac.ran.at(-1), 'launchctl bootout gui/501/dev.flm.default');
  assert.equal(mac.files.size, 0);
  assert.equal(mac.loaded.size, 0);
});

test('what launchd cannot do is refused or told, and so is what it refuses', async () => {
  const mac = new FakeMac(501);
  const manager = new ServiceManager(mac.tools);
  await assert.rejects(manager.planInstall(request({ socket: true })), { code: 'SERVICE_UNSUPPORTED' });
  await assert.rejects(manager.planInstall(request({ kind: 'system' })), { code: 'SERVICE_NEEDS_ROOT' });
  const low = await manager.planInstall(request({ settings: { port: 443 } }));
  assert.match(low.notes.map(({ text }) => text).join(' '), /port 443 on all addresses only/);
  mac.refusal = 'Bootstrap failed: 5: Input/output error\n';
  await assert.rejects(
    async () => {
      for (const step of low.steps) await step.make();
    },
    { code: 'SERVICE_START_FAILED', message: /5: Input\/output error/ },
  );
});

test('Windows has no service, and the advice names the Task Scheduler', async () => {
  const tools: ServiceTools = { ...new FakeMac(501).tools, platform: 'win32' };
  await assert.rejects(new ServiceManager(tools).planInstall(request()), {
    code: 'SERVICE_UNSUPPORTED',
    hint: /schtasks/,
  });
});
