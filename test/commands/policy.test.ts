import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Change {
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

const nothing = {
  allowIps: [],
  denyIps: [],
  trustedProxies: [],
  allowOrigins: [],
  requestsPerMinute: null,
  requestsPerMinutePerKey: null,
  requestsPerMinutePerAddress: null,
};

test('what is given is set, what is not given stays, and both are shown before and after', async (t) => {
  const cli = makeCli(t);

  const first = await cli.run(
    ...['policy', 'set', '--yes', '--allow-ip', '10.0.0.0/8', '--allow-ip', '::1', '--deny-ip', '10.0.0.9'],
    ...['--allow-origin', 'https://app.example.org', '--trusted-proxy', '127.0.0.1', '--json'],
  );
  const second = await cli.run(
    ...[
      'policy',
      'set',
      '--yes',
      '--allow-ip',
      '10.1.0.0/16',
      '--rpm',
      '600',
      '--rpm-per-key',
      '60',
      '--rpm-per-address',
      '30',
    ],
  );

  const { before, after } = first.json<Change>();
  assert.deepEqual(before, nothing);
  const kept = {
    denyIps: ['10.0.0.9'],
    allowOrigins: ['https://app.example.org'],
    trustedProxies: ['127.0.0.1'],
  };
  assert.deepEqual(after, { ...nothing, ...kept, allowIps: ['10.0.0.0/8', '::1'] });
  assert.match(second.stdout, /^RULE +BEFORE +AFTER\n/);
  assert.match(second.stdout, /^allow-ip +10\.0\.0\.0\/8, ::1 +10\.1\.0\.0\/16$/m);
  assert.match(second.stdout, /^rpm +no limit +600 a minute$/m);
  assert.deepEqual((await cli.run('policy', 'show', '--json')).json(), {
    ...nothing,
    ...kept,
    allowIps: ['10.1.0.0/16'],
    requestsPerMinute: 600,
    requestsPerMinutePerKey: 60,
    requestsPerMinutePerAddress: 30,
  });
});

test('a rule can be emptied', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--yes', '--deny-ip', '10.0.0.9', '--rpm', '10', '--allow-ip', '::1');

  const cleared = await cli.run('policy', 'set', '--yes', '--clear', 'deny-ip', '--clear', 'rpm', '--json');

  assert.deepEqual(cleared.json<Change>().after, { ...nothing, allowIps: ['::1'] });
  assertMistake(
    await cli.run('policy', 'set', '--yes', '--clear', 'colour'),
    /--clear takes one of allow-origin/,
  );
  assertMistake(await cli.run('policy', 'set', '--yes', '--clear', 'rpm', '--rpm', '1'), /not both/);
});

test('a whole policy comes from a file or from standard input, and replaces the one before', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--yes', '--deny-ip', '10.0.0.9');
  const file = join(cli.folder, 'policy.yaml');
  writeFileSync(file, 'allowIps:\n  - 10.0.0.0/8\n');

  const yaml = await cli.run('policy', 'set', '--yes', '--file', file, '--json');
  const json = await cli.pipe('{"requestsPerMinute": 5}', 'policy', 'set', '--yes', '--file', '-', '--json');

  assert.deepEqual(yaml.json<Change>().after, { ...nothing, allowIps: ['10.0.0.0/8'] });
  assert.deepEqual(json.json<Change>().after, { ...nothing, requestsPerMinute: 5 });
});

test('what is exported is read back as it was, as YAML and as JSON, and names its schema', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--yes', '--deny-ip', '10.0.0.5-10.0.0.9', '--rpm-per-key', '60');
  const before = (await cli.run('policy', 'show', '--json')).json();

  const yaml = await cli.run('policy', 'export');
  const json = await cli.run('policy', 'export', '--json');

  assert.match(
    yaml.stdout,
    /^# yaml-language-server: \$schema=\.\/flm-policy\.schema\.json\n# Editors .*flm policy schema.*\nallowIps: \[\]\n/,
  );
  assert.match(json.json<{ $schema: string }>().$schema, /\/flm-policy\.schema\.json$/);
  for (const { stdout } of [yaml, json]) {
    await cli.run('policy', 'set', '--yes', '--clear', 'deny-ip', '--rpm', '5');
    const read = await cli.pipe(stdout, 'policy', 'set', '--yes', '--file', '-', '--json');
    assert.deepEqual(read.json<Change>().after, before);
  }
});

test('a policy with faults is refused whole, and the one in force stays', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--yes', '--deny-ip', '10.0.0.9');

  const flags = await cli.run(
    'policy',
    'set',
    '--allow-ip',
    '10.0.0.0/33',
    '--rpm',
    'many',
    '--deny-ip',
    '::2',
  );
  const file = await cli.pipe(
    'allowIps:\n  - ::1\n  - nonsense\nx: 1\n',
    'policy',
    'set',
    '--yes',
    '--file',
    '-',
  );

  assertMistake(flags, /--allow-ip \(allowIps\.0\) is "10\.0\.0\.0\/33"; allowed: an address, a range/);
  assert.match(flags.stderr, /--rpm \(requestsPerMinute\) is "many"; allowed: a number/);
  assertMistake(file, /allowIps\.1 \(line 3, column 5\) is "nonsense"/);
  assert.match(file.stderr, /x \(line 4, column 1\) is an unknown field/);
  assertMistake(await cli.pipe('', 'policy', 'set', '--yes', '--file', '-'), /is null/);
  assertMistake(
    await cli.run('policy', 'set', '--yes', '--file', 'none.yaml', '--rpm', '1'),
    /cannot be combined with other flags/,
  );
  assertMistake(await cli.run('policy', 'set'), /No rule was given/);
  assert.deepEqual((await cli.run('policy', 'show', '--json')).json(), { ...nothing, denyIps: ['10.0.0.9'] });
});

test('a running proxy follows a change at once', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli);
  const { key } = await createKey(cli, 'laptop');
  const status = async (): Promise<number> =>
    (await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

  assert.equal(await status(), 200);
  await cli.run('policy', 'set', '--yes', '--deny-ip', '127.0.0.0/8');
  assert.equal(await status(), 403);
});

test('a policy that locks the administrator out is set only where that is said to be meant', async (t) => {
  const cli = makeCli(t);

  const refused = await cli.run('policy', 'set', '--deny-ip', '127.0.0.0/8');

  assertMistake(refused, /would block your own address 127\.0\.0\.1 \(denyIps\)/);
  assert.match(refused.stderr, /--yes/);
  assert.deepEqual((await cli.run('policy', 'show', '--json')).json(), nothing);
  assert.equal((await cli.run('policy', 'set', '--deny-ip', '127.0.0.0/8', '--yes')).code, 0);
});

test('check without a key judges the rules that hold for every key', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--deny-ip', '192.168.1.7', '--allow-origin', 'https://app.example.org');
  const check = (...flags: readonly string[]) => cli.run('policy', 'check', ...flags);

  assert.match((await check('--ip', '192.168.1.7')).stdout, /^Refused with 403 ADDRESS_DENIED/);
  const page = await check('--ip', '192.168.1.8', '--origin', 'https://other.example.org');
  assert.match(page.stdout, /^Refused with 403 ORIGIN_DENIED/);
  const good = await check('--ip', '192.168.1.8', '--origin', 'https://app.example.org');
  assert.match(good.stdout, /^Allowed with any valid key/);
});

test('check tells the decision and the rule behind it', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--deny-ip', '10.0.0.5-10.0.0.9');
  await cli.run('key', 'create', 'web', '--model', 'qwen*');

  const allowed = await cli.run('policy', 'check', '--key', 'web', '--model', 'qwen3', '--json');
  const denied = await cli.run('policy', 'check', '--key', 'web', '--ip', '10.0.0.7', '--json');
  const page = await cli.run('policy', 'check', '--key', 'web', '--origin', 'https://a.example.org');
  const keyless = await cli.run('policy', 'check', '--json');

  assert.deepEqual(allowed.json(), {
    decision: 'allowed',
    status: null,
    code: null,
    step: null,
    rule: null,
    passed: ['auth', 'address', 'origin', 'route', 'model'],
  });
  assert.deepEqual(denied.json(), {
    decision: 'refused',
    status: 403,
    code: 'ADDRESS_DENIED',
    step: 'address',
    rule: 'denyIps',
    passed: ['auth'],
  });
  assert.match(page.stdout, /^Refused with 403 ORIGIN_DENIED\.\n/);
  assert.match(page.stdout, /flm policy set --allow-origin/);
  assert.deepEqual(keyless.json<{ decision: string; passed: string[] }>().passed, ['address', 'origin']);
  assert.equal(keyless.json<{ decision: string }>().decision, 'allowed');
  assertMistake(await cli.run('policy', 'check', '--ip', '10.1'), /--ip takes one/);
  assertMistake(await cli.run('policy', 'check', '--key', 'nobody'), /no key nobody/);
  assertMistake(await cli.run('policy', 'check', '--endpoint', 'x'), /--endpoint is one of/);
});
