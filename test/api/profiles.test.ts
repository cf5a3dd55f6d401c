/** The admin API: profiles and the settings that only the machine itself changes; policy checks; certificates. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isOpen } from '../../src/core/proxy/local-only.ts';
import { type ProxyConfig, proxyConfigSchema } from '../../src/core/proxy/proxy-config.ts';
import { readingCaller, startedAdmin } from '../helpers/admin-fixture.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

test('a profile is saved, shown with defaults, replaced and deleted, with the caller in the audit', async (t) => {
  const { call, flm } = await startedAdmin(t);
  const config = { graceMs: 5_000, engines: [{ url: 'http://127.0.0.1:8000', id: 'box' }] };
  const saved = await call('PUT', '/profiles/lab', { body: config });
  assert.equal(saved.status, 200, saved.body);
  assert.deepEqual([saved.document.config, saved.document.effective.mode], [config, 'local-http']);
  const listed = (await call('GET', '/profiles')).document;
  assert.deepEqual([listed.total, listed.items[0].name, listed.items[0].running], [1, 'lab', []]);
  const { etag = '' } = (await call('GET', '/profiles/lab')).headers;
  const headers = { 'if-match': etag };
  assert.equal((await call('PUT', '/profiles/lab', { body: { graceMs: 1 }, headers })).status, 200);
  assert.equal((await call('PUT', '/profiles/lab', { body: {}, headers })).status, 412);
  assert.equal((await call('DELETE', '/profiles/lab')).status, 204);
  assert.equal((await call('GET', '/profiles/lab')).document.error.code, 'PROFILE_NOT_FOUND');
  assert.deepEqual((await call('GET', '/profiles/default')).document.config, {});
  const actions = (await flm.audit.list(10)).map(({ actor, action }) => `${actor} ${action}`);
  assert.deepEqual(actions, ['ui:test profile.delete', 'ui:test profile.save', 'ui:test profile.save']);
});

test('faults of a profile are all reported, and nothing is saved', async (t) => {
  const { call } = await startedAdmin(t);
  const wrong = await call('PUT', '/profiles/lab', { body: { graceMs: -1, execute: '/bin/sh' } });
  assert.deepEqual(wrong.document.error.faults.map(({ field }: { field: string }) => field).sort(), [
    'execute',
    'graceMs',
  ]);
  const engines = ['a', 'b'].map((host) => ({ url: `http://${host}:1`, id: 'same' }));
  const twice = await call('PUT', '/profiles/lab', { body: { engines } });
  assert.equal(twice.document.error.code, 'PROFILE_INVALID');
  assert.equal((await call('PUT', '/profiles/Lab..%2F', { body: {} })).status, 422);
  assert.equal((await call('GET', '/profiles')).document.total, 0);
});

/** For each setting of the machine, a value that differs from the default. */
const localValues: Partial<Record<keyof ProxyConfig, unknown>> = {
  mode: 'dev-selfsigned',
  bind: ['127.0.0.2'],
  port: 1,
  allowInsecureBind: true,
  domains: ['llm.example.org'],
  acme: { dnsHook: '/bin/sh' },
  clientCaFile: '/etc/passwd',
  admin: true,
  otlp: 'https://elsewhere.example',
};

test('every setting is either open or local, and no local one is changed over the API', async (t) => {
  const { call, cli, flm } = await startedAdmin(t);
  const local = (Object.keys(proxyConfigSchema.shape) as (keyof ProxyConfig)[]).filter(
    (name) => !isOpen(name),
  );
  assert.deepEqual((await call('GET', '/profiles/default')).document.localOnly, local);
  const saved = await cli.run('profile', 'save', 'lab', '--mode', 'dev-selfsigned', '--port', '9000');
  assert.equal(saved.code, 0, saved.stderr);
  const before = (await flm.profiles.load('lab')).config;
  const isRefused = async (method: string, path: string, body?: unknown): Promise<string> => {
    const refused = await call(method, path, body === undefined ? {} : { body });
    assert.deepEqual([refused.status, refused.document.error.code], [403, 'LOCAL_ONLY'], refused.body);
    return refused.document.error.message;
  };
  for (const name of local) {
    // Another helper value is needed for a new setting.
    assert(name in localValues, name);
    assert.match(await isRefused('PUT', '/profiles/new', { [name]: localValues[name] }), new RegExp(name));
  }
  for (const acme of [
    { directory: 'https://ca.example.org/directory' },
    { caFile: '/etc/passwd' },
    { email: 'a@example.org' },
    { acceptTerms: true },
  ])
    await isRefused('PUT', '/profiles/new', { acme });
  // Leaving a setting out, or another value of it, is a change as well.
  for (const config of [{}, { ...before, port: 9001 }, { ...before, mode: 'local-http' }])
    await isRefused('PUT', '/profiles/lab', config);
  await isRefused('DELETE', '/profiles/lab');
  assert.equal((await call('PUT', '/profiles/lab', { body: { ...before, graceMs: 1 } })).status, 200);
  assert.deepEqual((await flm.profiles.load('lab')).config, { ...before, graceMs: 1 });
  assert.deepEqual(
    (await flm.profiles.list()).map(({ name }) => name),
    ['lab'],
  );
});

test('no engine of a profile gets or loses a key, a file or a CA over the API, or takes them to another address', async (t) => {
  const { call, cli, flm } = await startedAdmin(t);
  const file = join(cli.folder, 'key');
  writeFileSync(file, 'sk');
  const lab = join(cli.folder, 'lab.json');
  const bound = { url: 'http://127.0.0.1:8000', id: 'box', apiKey: { from: 'env', name: 'BOX_KEY' } };
  const secure = { url: 'https://10.0.0.5:8000', id: 'far', caFile: file };
  writeFileSync(lab, JSON.stringify({ name: 'lab', engines: [bound, secure] }));
  const imported = await cli.run('profile', 'import', lab);
  assert.equal(imported.code, 0, imported.stderr);
  const open = { url: 'http://127.0.0.1:8001', id: 'open' };
  for (const engines of [
    [{ ...open, apiKey: { from: 'env', name: 'SECRET' } }],
    [{ ...open, apiKey: { from: 'file', path: '/etc/passwd' } }],
    [{ ...open, caFile: '/etc/passwd' }],
    [{ ...bound, url: 'http://thief:1' }, secure],
    [{ ...bound, apiKey: { from: 'env', name: 'OTHER' } }, secure],
    [{ url: bound.url, id: 'box' }, secure],
    [bound, { url: secure.url, id: 'far' }],
  ]) {
    const refused = await call('PUT', '/profiles/lab', { body: { engines } });
    assert.equal(refused.document.error.code, 'LOCAL_ONLY', JSON.stringify(engines));
  }
  const engines = [{ ...secure, slots: 2 }, open, { ...bound, id: 'renamed' }];
  const allowed = await call('PUT', '/profiles/lab', { body: { engines } });
  assert.equal(allowed.status, 200, allowed.body);
  assert.deepEqual((await flm.profiles.load('lab')).config, { engines });
  assert.equal((await call('DELETE', '/profiles/lab')).document.error.code, 'LOCAL_ONLY');
});

test('the policy is checked for a request, and for whom it would block', async (t) => {
  const { call, cli } = await startedAdmin(t);
  const caller = readingCaller;
  await createKey(cli, 'laptop', '--model', 'qwen*');
  const check = async (body: object) => (await call('POST', '/policy/check', { body, caller })).document;
  assert.equal((await check({})).decision, 'allowed');
  const refused = await check({ key: 'laptop', model: 'llama3', ip: '10.1.2.3' });
  assert.deepEqual([refused.decision, refused.step, refused.status], ['refused', 'model', 404]);
  const command = await cli.run(
    'policy',
    'check',
    '--key',
    'laptop',
    '--model',
    'llama3',
    '--ip',
    '10.1.2.3',
    '--json',
  );
  assert.deepEqual(command.json(), refused);
  assert.equal((await check({ key: 'nobody' })).error.code, 'KEY_NOT_FOUND');
  assert.equal((await check({ ip: 'here' })).error.code, 'ADMIN_INPUT_INVALID');
  const admin = { ...readingCaller, address: '192.0.2.7' };
  const blocks = async (body: object) =>
    (await call('POST', '/policy/lock-out', { body, caller: admin })).document.blocks;
  assert.match(await blocks({ allowIps: ['10.0.0.0/8'] }), /your own address 192\.0\.2\.7/);
  assert.equal(await blocks({}), null);
  assert.deepEqual((await call('GET', '/policy')).document.allowIps, []);
});

test('certificates are shown without a private key, and only an https-acme proxy renews over the API', async (t) => {
  const { call, cli } = await startedAdmin(t);
  assert.equal((await call('GET', '/certificates')).document.authority, null);
  assert.equal((await call('GET', '/certificates/authority')).document.error.code, 'CERT_AUTHORITY_ABSENT');
  const { id } = await startProxy(cli, '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  const { body, document } = await call('GET', '/certificates');
  const { authority: shown, certificates } = (await cli.run('cert', 'show', '--json')).json<{
    authority: object;
    certificates: object[];
  }>();
  assert.deepEqual([document.authority, document.items], [shown, certificates]);
  assert.equal(document.items[0].profile, 'default');
  const authority = await call('GET', '/certificates/authority');
  assert.match(authority.document.pem, /^-----BEGIN CERTIFICATE-----/);
  assert.equal(authority.document.fingerprint, document.authority.fingerprint);
  assert.doesNotMatch(`${body}${authority.body}`, /PRIVATE KEY/);
  const proxy = (await call('GET', `/proxies/${id}`)).document;
  assert.equal(proxy.certificate.expired, false);
  const renewal = await call('POST', '/certificates/renew', { body: { proxy: id } });
  assert.equal(renewal.document.error.code, 'PROXY_NOT_RUNNING');
  assert.deepEqual((await call('POST', '/certificates/renew')).document, { asked: [] });
});
