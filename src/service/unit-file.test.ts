/** The text of units, and how flm recognises units that it wrote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ServiceUnit, serviceUnitText, socketText, unitName, unitOf } from './unit-file.ts';

const unit: ServiceUnit = {
  kind: 'system',
  profile: 'default',
  home: '/var/lib/flm',
  account: 'flm',
  program: ['/usr/bin/node', '/usr/lib/flm/bin/flm.mjs'],
  graceMs: 30_000,
  notify: true,
};
const has = (text: string, line: string): void =>
  assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);

test('a system unit runs as its own user, with state in the standard folder, and is told of successors', () => {
  const text = serviceUnitText(unit);
  for (const line of [
    'Type=notify',
    'NotifyAccess=all',
    'WatchdogSec=30',
    'User=flm',
    'StateDirectory=flm',
    'ExecStart=/usr/bin/node /usr/lib/flm/bin/flm.mjs proxy run default',
    'ExecReload=/usr/bin/node /usr/lib/flm/bin/flm.mjs proxy restart default',
    'TimeoutStopSec=45',
    'WantedBy=multi-user.target',
  ])
    has(text, line);
});

test('another data folder is named as writable, and a longer grace time gives more time to stop', () => {
  const text = serviceUnitText({ ...unit, home: '/srv/my flm', graceMs: 600_000 });
  has(text, 'ReadWritePaths="/srv/my flm"');
  has(text, 'TimeoutStopSec=615');
  assert.doesNotMatch(text, /StateDirectory/);
});

test('a user unit has no user, no sandbox that needs root, and starts with the session manager', () => {
  const { account: _, ...rest } = unit;
  const text = serviceUnitText({ ...rest, kind: 'user', home: '/home/ada/.local/share/flm' });
  assert.doesNotMatch(text, /^User=|ProtectHome|StateDirectory|network-online/m);
  has(text, 'WantedBy=default.target');
});

test('without systemd-notify the unit has no watchdog and no reload', () => {
  const text = serviceUnitText({ ...unit, notify: false });
  has(text, 'Type=exec');
  assert.doesNotMatch(text, /WatchdogSec|ExecReload|NotifyAccess/);
});

test('special characters of systemd in a path are escaped', () => {
  const text = serviceUnitText({ ...unit, program: ['/opt/100%/$x "y"/flm'] });
  has(text, 'ExecStart="/opt/100%%/$$x \\"y\\"/flm" proxy run default');
  // Only a command line has variables.
  has(serviceUnitText({ ...unit, home: '/srv/$x' }), 'ReadWritePaths=/srv/$x');
  assert.match(serviceUnitText({ ...unit, home: '/srv/$x' }), /^Environment=FLM_HOME=\/srv\/\$x /m);
});

test('the socket unit has one line for each address', () => {
  const text = socketText({
    ...unit,
    profile: 'lab',
    sockets: [
      { address: '0.0.0.0', port: 443 },
      { address: '::', port: 443 },
    ],
  });
  for (const line of ['ListenStream=0.0.0.0:443', 'ListenStream=[::]:443', 'BindIPv6Only=ipv6-only'])
    has(text, line);
  assert.equal(unitName('lab'), 'flm-lab');
});

test('flm recognises a unit that it wrote, and no other', () => {
  assert.deepEqual(unitOf(serviceUnitText(unit)), unit);
  assert.equal(unitOf('[Unit]\nDescription=flm\n'), undefined);
  assert.equal(unitOf('# x\n# flm-service {broken\n'), undefined);
  assert.equal(unitOf(''), undefined);
});
