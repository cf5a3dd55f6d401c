import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { failsAs, openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { EngineRegistry } from '../engine/engine-registry.ts';
import { FlmError } from '../errors.ts';
import type { SecretTools } from '../security/key-secret.ts';
import { SecurityService } from '../security/security-service.ts';
import { parseConfigurationFile } from './configuration-file.ts';
import { type ApplyOptions, ConfigurationService } from './configuration-service.ts';

const secrets: SecretTools = {
  randomBytes: (count) => randomBytes(count),
  sha256Hex: (text) => hash('sha256', text, 'hex'),
  crc32: (text) => crc32(text),
};
const digestOf = (name: string): string => hash('sha256', name, 'hex');
const startMs = Date.UTC(2026, 0, 1);

function setUp(t: TestContext) {
  const store = openedStore(t, temporaryHome(t));
  let nowMs = startMs;
  let announced = 0;
  const files = new Map<string, string>();
  const common = {
    clock: { nowMs: () => nowMs },
    actor: 'cli:test',
    secrets,
    ownAddresses: ['192.0.2.7'],
  };
  const announce = async (): Promise<readonly string[]> => {
    announced += 1;
    return [];
  };
  const service = new ConfigurationService({
    ...common,
    repository: store.configuration,
    readSecret: (secret) => (secret.from === 'file' ? files.get(secret.path) : undefined),
    spelling: (url) => url.replace(/\/v1$/, ''),
    announce,
  });
  const apply = (file: unknown, options: Partial<ApplyOptions> = {}) =>
    service.apply(file, { source: 'flm.yaml', prune: false, confirmed: false, dryRun: false, ...options });
  return {
    store,
    service,
    files,
    apply,
    security: new SecurityService({ ...common, repository: store.security, announce }),
    engines: new EngineRegistry({ ...common, repository: store.engines, announce: async () => {} }),
    changes: async (file: unknown, options: Partial<ApplyOptions> = {}) =>
      (await apply(file, options)).steps.map(({ kind, name, change }) => `${change} ${kind} ${name}`),
    pass: (ms: number) => {
      nowMs += ms;
    },
    announced: () => announced,
    actions: async () => (await store.audit.list(99)).map(({ action, subject }) => `${action} ${subject}`),
  };
}

const whole = {
  version: 1,
  profiles: { default: { port: 9000 }, lab: { engines: [{ url: 'localhost:8000' }] } },
  policy: { denyIps: ['10.0.0.1'] },
  keys: [
    { label: 'ci', digest: digestOf('ci'), models: ['llama*'], requestsPerMinute: 60 },
    { label: 'root', digest: `sha256:${digestOf('root')}`, scopes: ['admin'], owner: 'Ann' },
  ],
  engines: [{ id: 'box', url: 'box:8000', kind: 'vllm', apiKey: { from: 'file', path: '/run/box' } }],
  aliases: { gpt: 'llama3' },
};

test('a file makes every part of the configuration, and the same file again changes nothing', async (t) => {
  const { apply, changes, store, announced, actions } = setUp(t);

  const first = await changes(whole);
  assert.deepEqual(first, [
    'change policy policy',
    'create profile default',
    'create profile lab',
    'create key ci',
    'create key root',
    'create engine box',
    'create alias gpt',
  ]);
  const stored = new Map((await store.security.listKeys()).map((key) => [key.label, key]));
  const [ci, root] = [stored.get('ci'), stored.get('root')];
  assert.equal(ci?.limits.requestsPerMinute, 60);
  assert.equal(root?.digest, digestOf('root'));
  assert.deepEqual(root?.scopes, ['admin']);
  assert.deepEqual((await store.proxies.loadProfile('lab'))?.config, whole.profiles.lab);
  assert.deepEqual(
    (await store.engines.listEngines()).map(({ id, url }) => [id, url]),
    [['box', 'http://box:8000']],
  );
  assert.equal((await store.security.loadPolicy()).denyIps[0], '10.0.0.1');
  const written = await actions();
  assert.equal(announced(), 1);

  const again = await apply(whole, { prune: true });
  assert.deepEqual([again.steps, again.unchanged, again.warnings], [[], 7, []]);
  assert.deepEqual([announced(), await actions()], [1, written]);
});

test('each change has its audit entry with the actor, and one entry names the file', async (t) => {
  const { apply, store } = setUp(t);
  await apply(whole);
  await apply({ ...whole, aliases: { gpt: 'qwen' }, engines: [] }, { prune: true });

  const entries = (await store.audit.list(99)).toReversed();
  assert.ok(entries.every(({ actor }) => actor === 'cli:test'));
  assert.deepEqual(
    entries.map(({ action }) => action),
    [
      ...[
        'policy.set',
        'profile.save',
        'profile.save',
        'key.import',
        'key.import',
        'engine.add',
        'alias.set',
      ],
      ...['apply', 'engine.remove', 'alias.set', 'apply'],
    ],
  );
  const last = entries.at(-1);
  assert.deepEqual([last?.subject, last?.after], ['flm.yaml', '{"remove":1,"change":1}']);
  assert.ok(!JSON.stringify(entries).includes(digestOf('ci')), 'no digest in the audit');
});

test('a dry run names the same changes and writes nothing', async (t) => {
  const { apply, store, service, announced } = setUp(t);
  const before = await service.export();
  const planned = await apply(whole, { dryRun: true });
  assert.deepEqual(await service.export(), before);
  assert.deepEqual(await store.audit.list(9), []);
  assert.equal(announced(), 0);
  const made = await apply(whole);
  const nameOf = ({ kind, name, change }: (typeof made.steps)[number]) => [kind, name, change];
  assert.deepEqual(planned.steps.map(nameOf), made.steps.map(nameOf));
});

test('sections that a file leaves out stay as they are, even with --prune', async (t) => {
  const { changes } = setUp(t);
  await changes(whole);
  assert.deepEqual(await changes({}, { prune: true }), []);
  assert.deepEqual(await changes(null, { prune: true }), []);
  assert.deepEqual(await changes({ keys: null, aliases: {} }, { prune: true }), ['remove alias gpt']);
});

test('engines keep the order of the file, in which flm prefers them', async (t) => {
  const { apply, store, service } = setUp(t);
  const engines = ['z', 'm', 'a'].map((id) => ({ id, url: `http://${id}:1` }));
  await apply({ engines });
  const ids = (await store.engines.listEngines()).map(({ id }) => id);
  assert.deepEqual(ids, ['z', 'm', 'a']);
  assert.deepEqual(new Map(Object.entries(await service.export())).get('engines'), engines);
});

test('prune removes what an earlier file listed, and nothing that was made otherwise', async (t) => {
  const { changes, security, engines, store } = setUp(t);
  await changes(whole);
  const { record } = await security.createKey({ label: 'by hand' });
  await engines.add({ id: 'hand', url: 'http://hand:1' });
  await engines.alias('hand', 'llama3');
  const empty = { profiles: {}, keys: [], engines: [], aliases: {} };

  assert.deepEqual(await changes(empty), []);
  assert.deepEqual(await changes(empty, { prune: true }), [
    'remove profile default',
    'remove profile lab',
    'remove key ci',
    'remove key root',
    'remove engine box',
    'remove alias gpt',
  ]);
  const keys = await store.security.listKeys();
  assert.deepEqual(keys.map(({ label, revokedAtMs }) => [label, revokedAtMs]).sort(), [
    ['by hand', null],
    ['ci', startMs],
    ['root', startMs],
  ]);
  assert.equal(keys.find(({ id }) => id === record.id)?.revokedAtMs, null);
  assert.deepEqual(
    (await store.engines.listEngines()).map(({ id }) => id),
    ['hand'],
  );
  assert.deepEqual(
    (await store.engines.listAliases()).map(({ name }) => name),
    ['hand'],
  );
  assert.deepEqual(await changes(empty, { prune: true }), []);
});

test('what a file lists belongs to it, also if it was made otherwise', async (t) => {
  const { changes, engines } = setUp(t);
  await engines.add({ id: 'box', url: 'http://box:8000', kind: 'vllm' });
  assert.deepEqual(await changes({ engines: [{ id: 'box', url: 'http://box:8000', kind: 'vllm' }] }), []);
  assert.deepEqual(await changes({ engines: [] }, { prune: true }), ['remove engine box']);
});

test('a field that an entry leaves out has its default, but a pause stays', async (t) => {
  const { apply, store, security } = setUp(t);
  await apply({ keys: [whole.keys[0]] });
  await security.pauseKey('ci');

  const { steps } = await apply({ keys: [{ label: 'ci 2', digest: digestOf('ci') }] });
  assert.deepEqual(
    steps.map(({ fields }) => fields),
    [['label', 'models', 'requestsPerMinute']],
  );
  const [key] = await store.security.listKeys();
  assert.deepEqual([key?.label, key?.models, key?.limits.requestsPerMinute], ['ci 2', [], null]);
  assert.equal(key?.pausedAtMs, startMs);

  await apply({ keys: [{ label: 'ci 2', digest: digestOf('ci'), paused: false }] });
  assert.equal((await store.security.listKeys())[0]?.pausedAtMs, null);
});

test('a new secret of a listed key rotates the key: limits and usage stay, the old secret ends', async (t) => {
  const { changes, store, pass } = setUp(t);
  await changes(whole);
  pass(1_000);
  const keys = [{ ...whole.keys[0], digest: digestOf('new') }, whole.keys[1]];
  assert.deepEqual(await changes({ keys }), ['rotate key ci']);
  const family = (await store.security.listKeys()).filter(({ label }) => label === 'ci');
  assert.equal(new Set(family.map(({ familyId }) => familyId)).size, 1);
  assert.deepEqual(
    family.map(({ digest, revokedAtMs }) => [digest, revokedAtMs]),
    [
      [digestOf('ci'), startMs + 1_000],
      [digestOf('new'), null],
    ],
  );
  assert.deepEqual(await changes({ keys }, { prune: true }), []);
});

test('a key that nobody listed is never rotated by a label that is the same', async (t) => {
  const { apply, security, service } = setUp(t);
  const { record } = await security.createKey({ label: 'ci' });
  const before = await service.export();
  await assert.rejects(
    apply({ keys: [whole.keys[0]], aliases: { gpt: 'llama' } }),
    failsAs('APPLY_INVALID', /keys\.0\.label/, new RegExp(record.id)),
  );
  assert.deepEqual(await service.export(), before);
});

test('two keys can swap their labels, and a new key can take a label that becomes free', async (t) => {
  const { changes, store } = setUp(t);
  await changes(whole);
  const [ci, root] = whole.keys;
  assert.deepEqual(
    await changes({
      keys: [
        { ...ci, label: 'root' },
        { ...root, label: 'ci' },
      ],
    }),
    ['change key root', 'change key ci'],
  );
  const keys = [
    { label: 'ci', digest: digestOf('third') },
    { ...ci, label: 'old ci' },
  ];
  assert.deepEqual(await changes({ keys: [...keys, { ...root, label: 'boss' }] }), [
    'create key ci',
    'change key old ci',
    'change key boss',
  ]);
  assert.ok((await store.security.listKeys()).every(({ revokedAtMs }) => revokedAtMs === null));
});

test('a revoked key stays revoked, and the rest of the file is applied', async (t) => {
  const { apply, store, security } = setUp(t);
  await apply(whole);
  const { key } = await security.revokeKey('ci');
  const plan = await apply({ ...whole, aliases: { gpt: 'qwen' } });
  assert.deepEqual(plan.warnings, [{ reason: 'revoked', label: 'ci', keyId: key.id }]);
  assert.deepEqual(
    plan.steps.map(({ name }) => name),
    ['gpt'],
  );
  assert.equal((await store.security.findKey(key.id))?.revokedAtMs, startMs);
});

test('a secret that was rotated by a command keeps its end', async (t) => {
  const { apply, store, security } = setUp(t);
  await apply(whole);
  const rotated = await security.rotateKey('ci', 60_000);
  const plan = await apply(whole, { prune: true });
  assert.deepEqual(plan.steps, []);
  assert.deepEqual(
    plan.warnings.map(({ reason, label }) => [reason, label]),
    [['rotated', 'ci']],
  );
  const old = (await store.security.listKeys()).find(({ digest }) => digest === digestOf('ci'));
  assert.equal(old?.expiresAtMs, startMs + 60_000);
  assert.equal((await store.security.findKey(rotated.record.id))?.revokedAtMs, null);
});

test('an entry that has expired makes no key, and a file stays valid when a key expires', async (t) => {
  const { apply, store, pass } = setUp(t);
  const keys = [{ ...whole.keys[0], expiresAt: '2026-01-02' }];
  const late = await apply({ keys: [{ ...whole.keys[0], expiresAt: '2025-12-31' }] });
  assert.deepEqual([late.steps, late.warnings], [[], [{ reason: 'expired', label: 'ci' }]]);
  await apply({ keys });
  pass(2 * 86_400_000);
  assert.deepEqual((await apply({ keys })).steps, []);
  await apply({ keys: [{ ...keys[0], expiresAt: '2026-02-01T00:00:00Z' }] });
  assert.equal((await store.security.listKeys())[0]?.expiresAtMs, Date.UTC(2026, 1, 1));
});

test('a secret is read from its file, and only its digest is stored', async (t) => {
  const { apply, store, files } = setUp(t);
  const secret = randomBytes(32).toString('hex');
  files.set('/run/secrets/ci', `${secret}\n`);
  files.set('/run/secrets/weak', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
  const entry = (label: string, path: string) => ({ label, secret: { from: 'file', path } });
  await assert.rejects(
    apply({ keys: [entry('a', '/run/secrets/none'), entry('b', '/run/secrets/weak')] }),
    failsAs(
      'APPLY_INVALID',
      /keys\.0\.secret is missing in \/run\/secrets\/none/,
      /keys\.1\.secret .*random/,
    ),
  );
  await apply({ keys: [entry('ci', '/run/secrets/ci')] });
  const [key] = await store.security.listKeys();
  assert.equal(key?.digest, digestOf(secret));
  assert.equal(key?.prefix, secret.slice(0, 4));
  assert.ok(!JSON.stringify([await store.security.listKeys(), await store.audit.list(9)]).includes(secret));
  await assert.rejects(
    apply({ keys: [entry('a', '/run/secrets/ci'), { label: 'b', digest: digestOf(secret) }] }),
    failsAs('APPLY_INVALID', /keys\.1\.secret/),
  );
});

test('every fault of a file is reported at once, with its field and without secrets', async (t) => {
  const { apply, service } = setUp(t);
  const before = await service.export();
  const file = {
    versoin: 1,
    profiles: { Default: {}, lab: { port: 90_000, limits: { maxBodyBytes: 1 } } },
    policy: { denyIps: ['nowhere'] },
    keys: [
      { label: 'a' },
      { label: 'b', digest: 'flm_secretsecretsecretsecretsecret', scopes: ['inferense'] },
      { label: 'c', digest: digestOf('c'), secret: { from: 'env', name: 'C' } },
      { label: 'd', digest: digestOf('d'), burst: 3, expiresAt: '30d' },
      'flm_abcdefghijabcdefghijabcdefghij',
    ],
    engines: [{ url: 'ftp://x' }, { id: 'b', url: 'b:1', apiKey: { from: 'file', path: 'relative' } }],
    aliases: { ' x': 'y' },
  };
  await assert.rejects(apply(file), (error) => {
    assert.ok(error instanceof FlmError && error.code === 'APPLY_INVALID');
    assert.deepEqual(error.faults.map(({ field }) => field).sort(), [
      'aliases. x',
      'engines.0.id',
      'engines.0.url',
      'engines.1.apiKey.path',
      'keys.0.digest',
      'keys.1.digest',
      'keys.1.scopes.0',
      'keys.2.digest',
      'keys.3.burst',
      'keys.3.expiresAt',
      'keys.4',
      'policy.denyIps.0',
      'profiles.Default',
      'profiles.lab.limits.maxBodyBytes',
      'profiles.lab.port',
      'versoin',
    ]);
    const byField = new Map(error.faults.map((fault) => [fault.field, fault]));
    assert.equal(byField.get('keys.1.scopes.0')?.value, '"inferense"');
    assert.match(byField.get('aliases. x')?.allowed ?? '', /without blanks/);
    assert.match(byField.get('profiles.Default')?.allowed ?? '', /lower-case/);
    assert.ok(!error.message.includes('flm_'), error.message);
    assert.ok(!error.message.includes(digestOf('c')), error.message);
    return true;
  });
  assert.deepEqual(await service.export(), before);
});

test('two entries for one thing are a fault', async (t) => {
  const { apply, engines } = setUp(t);
  await engines.add({ id: 'hand', url: 'http://box:8000' });
  const [ci] = whole.keys;
  await assert.rejects(
    apply({
      keys: [ci, { ...ci, digest: digestOf('2') }],
      engines: [
        { id: 'a', url: 'a:1' },
        { id: 'a', url: 'b:1' },
      ],
    }),
    failsAs('APPLY_INVALID', /keys\.1\.label/, /engines\.1\.id/),
  );
  await assert.rejects(apply({ aliases: { a: 'b', b: 'c' } }), failsAs('APPLY_INVALID', /aliases\.a/));
  await assert.rejects(
    apply({
      engines: [
        { id: 'box', url: 'http://box:8000/v1' },
        { id: 'new', url: 'n:1', apiKey: { from: 'stored' } },
      ],
    }),
    failsAs('APPLY_INVALID', /engines\.0\.url .*hand has it/, /engines\.1\.apiKey is stored/),
  );
});

test('a policy that would block the administrator or every key needs a confirmation', async (t) => {
  const { apply, store } = setUp(t);
  const policy = { denyIps: ['192.0.2.0/24'] };
  await assert.rejects(apply({ policy, aliases: { a: 'b' } }), failsAs('POLICY_NEEDS_CONFIRMATION'));
  assert.deepEqual(await store.engines.listAliases(), []);
  await apply({ policy }, { confirmed: true });
  // The file is in force already, so nobody is asked again.
  assert.deepEqual((await apply({ policy })).steps, []);
});

test('an export holds no secret and changes nothing where it came from', async (t) => {
  const { apply, service, store, security, engines } = setUp(t);
  await apply(whole);
  const made = await security.createKey({ label: 'by hand', expiresAtMs: startMs + 5, tokensPerDay: 9 });
  await security.pauseKey('by hand');
  await security.rotateKey('ci', 60_000);
  await security.revokeKey((await security.createKey({ label: 'gone' })).record.id);
  await engines.add({ id: 'hand', url: 'http://hand:1', apiKey: { from: 'value', value: 'engine-secret' } });

  const exported = await service.export();
  const text = JSON.stringify(exported);
  assert.ok(!text.includes(made.key) && !text.includes('engine-secret') && !text.includes('gone'), text);
  const plan = await apply(JSON.parse(text), { prune: true });
  assert.deepEqual([plan.steps, plan.warnings], [[], []]);

  const copy = setUp(t);
  const without = JSON.parse(text.replace('"apiKey":{"from":"stored"}', '"slots":1')) as object;
  await copy.apply(without);
  const keysOf = async ({ security: s }: typeof copy) =>
    (await s.records())
      .map(({ label, digest, prefix, limits, expiresAtMs, pausedAtMs }) =>
        JSON.stringify([label, digest, prefix, limits, expiresAtMs, pausedAtMs]),
      )
      .sort();
  const active = (await store.security.listKeys()).filter(
    ({ revokedAtMs, digest }) => revokedAtMs === null && digest !== digestOf('ci'),
  );
  assert.equal((await keysOf(copy)).length, active.length);
  assert.deepEqual((await copy.store.security.loadPolicy()).denyIps, ['10.0.0.1']);
  assert.deepEqual(await copy.store.engines.listAliases(), await store.engines.listAliases());
});

test('a section of the file that nothing follows is not a fault', () => {
  assert.deepEqual(parseConfigurationFile({ keys: null, profiles: { lab: null } }), {
    profiles: { lab: {} },
  });
});

test('applying at the same time makes each key once', async (t) => {
  const { apply, store } = setUp(t);
  const plans = await Promise.all([apply(whole), apply(whole), apply(whole)]);
  assert.deepEqual(plans.map(({ steps }) => steps.length).sort(), [0, 0, 7]);
  assert.equal((await store.security.listKeys()).length, 2);
});
