/** The admin API over a real store: what callers get, and that each response is as its schema says. */
import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { startedAdmin } from '../../test/helpers/admin-fixture.ts';
import { sampleKey } from '../../test/helpers/key-samples.ts';
import { sampleUsage, sometimeMs } from '../../test/helpers/store-samples.ts';
import { openedStore } from '../../test/helpers/temporary-store.ts';
import { systemClock } from '../core/clock.ts';
import { SecurityService } from '../core/security/security-service.ts';
import { ShareService } from '../core/security/share-service.ts';
import { AdminApi, type AdminRequest, operations } from './admin-api.ts';
import { adminBasePath } from './error-response.ts';
import { exampleBody, exampleParameter } from './examples.ts';
import { openApiDocument } from './openapi.ts';
import type { AdminCaller, AdminServices } from './operation.ts';

const admin: AdminCaller = { actor: 'ui:test', scopes: ['admin'], address: undefined };
const reader: AdminCaller = { actor: 'key:reader', scopes: ['admin:read'], address: undefined };

interface Call extends Partial<Pick<AdminRequest, 'headers' | 'caller'>> {
  readonly body?: unknown;
}

async function startedApi(t: TestContext) {
  const { cli, services: ofFlm } = await startedAdmin(t);
  const store = openedStore(t, cli.home);
  const clock = { nowMs: () => sometimeMs };
  const secrets = { randomBytes, sha256Hex: (text: string) => hash('sha256', text, 'hex'), crc32 };
  const security = ({ actor, address }: AdminCaller) =>
    new SecurityService({
      repository: store.security,
      clock,
      secrets,
      ownAddresses: address === undefined ? [] : [address],
      actor,
      announce: async () => [],
    });
  const services: AdminServices = {
    ...ofFlm,
    nowMs: clock.nowMs,
    security,
    shares: ({ actor }) => new ShareService({ repository: store.shares, clock, secrets, actor }),
    shareOrigins: async () => ['https://192.0.2.1:8484'],
    usage: store.usage,
    audit: store.audit,
    keyUse: async () => ({
      tokensToday: 5,
      proxies: [{ id: 'px_a', requests: null, tokens: null, tokensToday: 5, inProgress: 1 }],
    }),
  };
  const errors: unknown[] = [];
  const api = new AdminApi({
    services,
    clock: { ...clock, after: systemClock.after },
    onError: (error) => errors.push(error),
  });
  t.after(() => assert.deepEqual(errors, []));
  const call = async (method: string, path: string, { body, headers = {}, caller = admin }: Call = {}) => {
    const response = await api.handle({
      method,
      target: `${adminBasePath}${path}`,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
      caller,
    });
    const text = response.body;
    assert(typeof text === 'string', 'the response is no stream');
    checkAgainstSchema(method, path, response.status, text);
    // biome-ignore lint/suspicious/noExplicitAny: documents differ by operation; tests look at single fields
    const document: any =
      response.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined;
    return { ...response, body: text, document };
  };
  return { call, store, home: cli.home };
}

function checkAgainstSchema(method: string, path: string, status: number, body: string): void {
  if (status >= 300 || body === '') return;
  const pattern = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}(\\?|$)`);
  const operation = operations.find((o) => o.method === method && pattern(o.path).test(path));
  operation?.response?.parse(operation.media === undefined ? JSON.parse(body) : body);
}

test('a key is created, changed, paused, rotated, revoked and deleted, each with the caller in the audit', async (t) => {
  const { call, store } = await startedApi(t);
  const created = await call('POST', '/keys', {
    body: { label: 'laptop', limits: { requestsPerMinute: 60 }, expiresAt: '2030-01-01T00:00:00Z' },
  });
  assert.equal(created.status, 201);
  assert.match(created.document.key, /^flm_/);
  assert.doesNotMatch(created.body, /digest/);
  const { id } = created.document;
  const changed = await call('PATCH', `/keys/${id}`, { body: { models: ['qwen*'], expiresAt: null } });
  assert.deepEqual(
    [changed.document.models, changed.document.expiresAt, changed.document.limits.requestsPerMinute],
    [['qwen*'], null, 60],
  );
  assert.notEqual((await call('POST', `/keys/${id}/pause`)).document.pausedAt, null);
  assert.equal((await call('POST', `/keys/${id}/resume`)).document.pausedAt, null);
  const rotated = await call('POST', '/keys/laptop/rotate', { body: { overlapSeconds: 60 } });
  assert.deepEqual([rotated.status, rotated.document.familyId], [201, id]);
  const revoked = await call('POST', `/keys/${id}/revoke`);
  assert.deepEqual(revoked.document.stillActive, [rotated.document.id]);
  assert.equal((await call('DELETE', `/keys/${id}`)).status, 204);
  assert.equal((await call('GET', `/keys/${id}`)).status, 404);
  const audit = await store.audit.list(20);
  assert.deepEqual(
    audit.map(({ actor, action }) => `${actor} ${action}`).sort(),
    ['create', 'delete', 'pause', 'resume', 'revoke', 'rotate', 'set'].map((verb) => `ui:test key.${verb}`),
  );
});

test('keys are listed in pages, searched and filtered by the server', async (t) => {
  const { call } = await startedApi(t);
  for (const label of ['alpha', 'beta', 'gamma']) await call('POST', '/keys', { body: { label } });
  await call('POST', '/keys/beta/pause');
  const first = await call('GET', '/keys?limit=2');
  assert.deepEqual([first.document.items.length, first.document.total], [2, 3]);
  const second = await call('GET', `/keys?limit=2&cursor=${first.document.nextCursor}`);
  assert.deepEqual([second.document.items.length, second.document.nextCursor], [1, null]);
  const labels = async (query: string) =>
    (await call('GET', `/keys?${query}`)).document.items.map((key: { label: string }) => key.label);
  assert.deepEqual(await labels('search=BETA'), ['beta']);
  assert.deepEqual(await labels('state=paused'), ['beta']);
});

test('pages from the store have the keys that the whole list has, in the same order', async (t) => {
  const { call, store } = await startedApi(t);
  const keys = Array.from({ length: 24 }, (_, i) =>
    sampleKey({
      id: `key_${(i * 7) % 24}`,
      label: `key ${i}`,
      digest: `digest ${i}`,
      createdAtMs: sometimeMs - 1_000 * Math.floor(i / 3),
      revokedAtMs: i % 4 === 1 ? sometimeMs - 1 : null,
      pausedAtMs: i % 4 === 2 ? sometimeMs - 1 : null,
      expiresAtMs: [null, sometimeMs, sometimeMs + 1][i % 3] ?? null,
    }),
  );
  await store.security.insertKeys(keys);
  for (const order of ['asc', 'desc'])
    for (const state of ['', '&state=active', '&state=paused', '&state=expired', '&state=revoked']) {
      // A search that finds every key is not done in the store.
      const whole = await call('GET', `/keys?limit=500&order=${order}${state}&search=key`);
      const ids: string[] = [];
      let cursor = '';
      do {
        const { document } = await call('GET', `/keys?limit=4&order=${order}${state}${cursor}`);
        assert.equal(document.total, whole.document.total);
        ids.push(...document.items.map((key: { id: string }) => key.id));
        cursor = document.nextCursor === null ? '' : `&cursor=${document.nextCursor}`;
      } while (cursor !== '');
      assert.deepEqual(
        ids,
        whole.document.items.map((key: { id: string }) => key.id),
        `${order}${state}`,
      );
      assert.ok(ids.length > 0);
    }
  const first = await call('GET', '/keys?limit=4');
  assert.deepEqual((await call('GET', '/keys?limit=4&cursor=gone')).document, first.document);
});

test('keys are found by owner and sorted, and the same list is exported as CSV', async (t) => {
  const { call } = await startedApi(t);
  await call('POST', '/keys', { body: { label: 'laptop', owner: 'Ann', note: '=1+1' } });
  await call('POST', '/keys', { body: { label: 'ci', owner: 'Bo' } });
  await call('PATCH', '/keys/ci', { body: { owner: 'Ann', note: 'builds\nnightly' } });
  await call('POST', '/keys', { body: { label: 'spare' } });
  const labels = async (query: string) =>
    (await call('GET', `/keys?${query}`)).document.items.map((key: { label: string }) => key.label);
  assert.deepEqual(await labels('owner=ann&sort=label'), ['ci', 'laptop']);
  assert.deepEqual(await labels('owner='), ['spare']);
  assert.deepEqual(await labels('sort=label&order=desc'), ['spare', 'laptop', 'ci']);
  const { headers, body } = await call('GET', '/keys/export?owner=ann&sort=label');
  assert.equal(headers['content-type'], 'text/csv; charset=utf-8');
  assert.match(body, /^id,prefix,state,label,owner,note/);
  assert.match(body, /,ci,Ann,"builds\nnightly",[\s\S]*,laptop,Ann,'=1\+1,/);
  assert.doesNotMatch(body, /digest|spare/);
});

test('a table of keys is created whole or not at all, and a check of it creates nothing', async (t) => {
  const { call, store } = await startedApi(t);
  const csv = 'label,owner,models,rpm\nann,Ann Lee,llama*;qwen,60\nbob,,,\n';
  const checked = await call('POST', '/keys/import/check', { body: { csv }, caller: reader });
  assert.deepEqual(
    checked.document.keys.map((key: { line: number; label: string }) => [key.line, key.label]),
    [
      [2, 'ann'],
      [3, 'bob'],
    ],
  );
  assert.equal((await call('GET', '/keys')).document.total, 0);

  await call('POST', '/keys', { body: { label: 'bob' } });
  const refused = await call('POST', '/keys/import', { body: { csv } });
  assert.deepEqual([refused.status, refused.document.error.code], [422, 'KEY_TABLE_INVALID']);
  assert.deepEqual(
    refused.document.error.faults.map((fault: { line: number; field: string }) => [fault.line, fault.field]),
    [[3, 'label']],
  );
  assert.equal((await call('GET', '/keys')).document.total, 1);
  await call('POST', '/keys/bob/revoke');

  const created = await call('POST', '/keys/import', { body: { csv } });
  assert.equal(created.status, 201);
  const [ann, bob] = created.document.keys;
  assert.deepEqual(
    [ann.owner, ann.models, ann.limits.requestsPerMinute],
    ['Ann Lee', ['llama*', 'qwen'], 60],
  );
  assert.match(ann.key, /^flm_/);
  assert.notEqual(ann.key, bob.key);
  const audit = (await store.audit.list(9)).filter(({ subject }) => [ann.id, bob.id].includes(subject));
  assert.deepEqual(
    audit.map(({ actor, action }) => `${actor} ${action}`),
    ['ui:test key.create', 'ui:test key.create'],
  );
  assert.equal((await call('POST', '/keys/import', { body: { csv }, caller: reader })).status, 404);
});

test('a thousand keys are imported in one request', async (t) => {
  const { call } = await startedApi(t);
  const csv = `label\n${Array.from({ length: 1_000 }, (_, i) => `student ${i}`).join('\n')}`;
  const created = await call('POST', '/keys/import', { body: { csv } });
  assert.equal(created.document.keys.length, 1_000);
  assert.equal((await call('GET', '/keys?search=student%20999')).document.total, 1);
});

test('a caller with admin:read reads, and sees no difference between a forbidden and an absent operation', async (t) => {
  const { call } = await startedApi(t);
  const caller = reader;
  assert.equal((await call('GET', '/keys', { caller })).status, 200);
  const forbidden = await call('POST', '/keys/x/revoke', { caller });
  const absent = await call('POST', '/keys/x/unknown', { caller });
  assert.equal(forbidden.status, 404);
  assert.equal(forbidden.body.replaceAll('/revoke', ''), absent.body.replaceAll('/unknown', ''));
  const nobody = { ...reader, scopes: [] };
  assert.equal((await call('GET', '/keys', { caller: nobody })).status, 404);
  // POST exists, but not for this caller.
  const method = await call('POST', '/keys', { caller, body: { label: 'x' } });
  assert.deepEqual([method.status, method.headers.allow], [405, 'GET']);
});

test('a caller learns its own name and scopes', async (t) => {
  const { call } = await startedApi(t);
  assert.deepEqual((await call('GET', '/caller')).document, { actor: 'ui:test', scopes: ['admin'] });
  assert.deepEqual((await call('GET', '/caller', { caller: reader })).document, {
    actor: 'key:reader',
    scopes: ['admin:read'],
  });
  assert.equal((await call('GET', '/caller', { caller: { ...reader, scopes: [] } })).status, 404);
});

test('input that is not valid is refused whole, with each field', async (t) => {
  const { call } = await startedApi(t);
  const wrong = await call('POST', '/keys', { body: { label: 5, limits: { burst: 0 }, execute: '/bin/sh' } });
  assert.equal(wrong.status, 422);
  const fields = wrong.document.error.faults.map((fault: { field: string }) => fault.field);
  assert.deepEqual(fields.sort(), ['execute', 'label', 'limits.burst']);
  assert.equal(
    (await call('POST', '/keys', { body: { label: 'a', models: [''] } })).document.error.code,
    'KEY_INVALID',
  );
  assert.equal((await call('GET', '/keys?limit=0')).status, 422);
  assert.equal((await call('GET', '/keys?color=red')).status, 422);
  assert.equal((await call('GET', '/policy?x=1')).status, 422);
  assert.equal(
    (await call('POST', '/keys', { headers: { 'content-type': 'text/plain' }, body: {} })).status,
    415,
  );
  assert.equal((await call('GET', '/keys/%ff')).status, 404);
  assert.equal((await call('GET', '/keys/__proto__')).status, 404);
  assert.equal((await call('GET', '/keys?__proto__=1&constructor=2')).status, 422);
});

test('a change of what somebody else changed meanwhile is refused', async (t) => {
  const { call } = await startedApi(t);
  await call('POST', '/keys', { body: { label: 'laptop' } });
  const { etag = '' } = (await call('GET', '/keys/laptop')).headers;
  const fresh = await call('PATCH', '/keys/laptop', {
    body: { models: ['a'] },
    headers: { 'if-match': etag },
  });
  assert.equal(fresh.status, 200);
  const stale = await call('PATCH', '/keys/laptop', {
    body: { models: ['b'] },
    headers: { 'if-match': etag },
  });
  assert.deepEqual([stale.status, stale.document.error.code], [412, 'ADMIN_CHANGED_MEANWHILE']);
  assert.deepEqual((await call('GET', '/keys/laptop')).document.models, ['a']);
  // Two changes that were read at the same time: only one of them is made.
  const headers = { 'if-match': (await call('GET', '/keys/laptop')).headers.etag };
  const both = await Promise.all(
    ['c', 'd'].map((model) => call('PATCH', '/keys/laptop', { body: { models: [model] }, headers })),
  );
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 412]);
  await call('PATCH', '/keys/laptop', { body: { models: ['a'] } });
  const again = { 'if-none-match': (await call('GET', '/keys/laptop')).headers.etag };
  assert.equal((await call('GET', '/keys/laptop', { headers: again })).status, 304);
});

test('a create that is repeated with its Idempotency-Key makes one key', async (t) => {
  const { call } = await startedApi(t);
  const once = { body: { label: 'laptop' }, headers: { 'idempotency-key': 'k1' } };
  const [first, second] = await Promise.all([call('POST', '/keys', once), call('POST', '/keys', once)]);
  assert.equal(first.document.key, second.document.key);
  assert.equal((await call('GET', '/keys')).document.total, 1);
  const other = await call('POST', '/keys', { ...once, body: { label: 'other' } });
  assert.equal(other.document.error.code, 'IDEMPOTENCY_KEY_REUSED');
  // A create that failed can be repeated.
  const failing = { body: { label: 'laptop' }, headers: { 'idempotency-key': 'k2' } };
  assert.equal((await call('POST', '/keys', failing)).status, 422);
  await call('POST', '/keys/laptop/revoke');
  assert.equal((await call('POST', '/keys', failing)).status, 201);
});

test('an Idempotency-Key of one key is refused for another, so that nobody gets a foreign secret', async (t) => {
  const { call } = await startedApi(t);
  for (const label of ['ann', 'bob']) await call('POST', '/keys', { body: { label } });
  const rotation = { body: { overlapSeconds: 60 }, headers: { 'idempotency-key': 'k1' } };
  const ann = await call('POST', '/keys/ann/rotate', rotation);
  assert.deepEqual([ann.status, ann.document.label], [201, 'ann']);
  const bob = await call('POST', '/keys/bob/rotate', rotation);
  assert.deepEqual([bob.status, bob.document.error.code], [422, 'IDEMPOTENCY_KEY_REUSED']);
  const again = await call('POST', '/keys/ann/rotate', rotation);
  assert.equal(again.document.key, ann.document.key);
});

test('a policy that would block the caller needs a confirmation', async (t) => {
  const { call } = await startedApi(t);
  const caller = { ...admin, address: '192.0.2.7' };
  const body = { allowIps: ['10.0.0.0/8'] };
  const refused = await call('PUT', '/policy', { body, caller });
  assert.deepEqual([refused.status, refused.document.error.code], [409, 'POLICY_NEEDS_CONFIRMATION']);
  const done = await call('PUT', '/policy?confirm=true', { body, caller });
  assert.deepEqual(done.document.allowIps, ['10.0.0.0/8']);
});

test('usage is reported by hour or day, by any dimension, with labels of keys', async (t) => {
  const { call, store } = await startedApi(t);
  const { document: key } = await call('POST', '/keys', { body: { label: 'laptop' } });
  await store.usage.addUsage([
    sampleUsage({ keyId: key.id, atMs: sometimeMs - 1 }),
    sampleUsage({ keyId: key.id, atMs: sometimeMs - 7_200_000, firstByteMs: 700 }),
    sampleUsage({
      keyId: 'key_gone',
      atMs: sometimeMs - 1,
      answered: false,
      ending: 'refused',
      firstByteMs: null,
    }),
  ]);
  const hours = await call('GET', '/usage?by=key');
  const [mine, gone] = hours.document.series;
  assert.deepEqual(mine.group, { key: { id: key.id, label: 'laptop' } });
  assert.deepEqual(
    [mine.points.length, mine.total.requests, mine.total.firstByteP50Ms, mine.total.firstByteP95Ms],
    [2, 2, 250, 1_000],
  );
  assert.deepEqual([gone.group.key.label, gone.total.firstByteP50Ms], [null, null]);
  const day = await call('GET', '/usage?step=total&ending=refused&ending=timeout&by=ending&by=model');
  assert.deepEqual(day.document.series[0].group, { model: 'llama3:8b', ending: 'refused' });
  for (const query of [
    'timeZone=Mars/Base',
    'from=2025-06-16T00:00:00Z',
    'step=hour&from=2024-01-01T00:00:00Z',
    'by=colour',
  ])
    assert.equal((await call('GET', `/usage?${query}`)).status, 422, query);
});

test('retention is changed with an entry in the audit', async (t) => {
  const { call } = await startedApi(t);
  assert.deepEqual((await call('GET', '/retention')).document, {
    hourlyDays: 90,
    dailyDays: 1096,
    auditDays: 366,
  });
  const body = { hourlyDays: 30, dailyDays: 60, auditDays: 10 };
  assert.equal((await call('PUT', '/retention', { body })).status, 200);
  assert.equal((await call('PUT', '/retention', { body: { ...body, dailyDays: 1 } })).status, 422);
  const { items } = (await call('GET', '/audit?action=retention')).document;
  assert.deepEqual([items.length, items[0].after, items[0].actor], [1, body, 'ui:test']);
});

test('the audit names keys and shares by their labels, also where an entry has only the id', async (t) => {
  const { call, store } = await startedApi(t);
  const { id } = (await call('POST', '/keys', { body: { label: 'laptop' } })).document;
  await call('POST', '/shares', { body: { label: 'anna' } });
  await store.audit.record({ atMs: sometimeMs, actor: 'cli:ann', action: 'key.purge', subject: id });
  await store.audit.record({ atMs: sometimeMs, actor: 'cli:ann', action: 'key.purge', subject: 'key_gone' });
  const labels = async (action: string) =>
    (await call('GET', `/audit?action=${action}`)).document.items.map(
      (item: { subjectLabel: string | null }) => item.subjectLabel,
    );
  assert.deepEqual(await labels('key.create'), ['laptop']);
  assert.deepEqual(await labels('share.create'), ['anna']);
  assert.deepEqual((await labels('key.purge')).toSorted(), ['laptop', null]);
});

test('tokens of today are listed by key, both secrets of a rotated one together', async (t) => {
  const { call, store } = await startedApi(t);
  const usage = sampleUsage({ keyId: 'key_b', familyId: 'key_a', inputTokens: 3, outputTokens: 4 });
  await store.usage.addUsage([
    usage,
    { ...usage, keyId: 'key_a' },
    { ...usage, keyId: 'key_c', familyId: 'key_c', model: 'other' },
    { ...usage, atMs: sometimeMs - 86_400_000 },
  ]);
  const { items } = (await call('GET', '/keys/today')).document;
  assert.deepEqual(
    new Map(items.map((i: { familyId: string; tokens: number }) => [i.familyId, i.tokens])),
    new Map([
      ['key_a', 14],
      ['key_c', 7],
    ]),
  );
});

test('the use of a key is reported for each proxy', async (t) => {
  const { call } = await startedApi(t);
  await call('POST', '/keys', { body: { label: 'laptop' } });
  const { document } = await call('GET', '/keys/laptop/use');
  assert.deepEqual(
    document.proxies.map(({ id, tokensToday }: { id: string; tokensToday: number }) => [id, tokensToday]),
    [['px_a', 5]],
  );
});

test('every operation is in the OpenAPI document, and every reference in it leads somewhere', () => {
  const text = JSON.stringify(openApiDocument('1.2.3'));
  // biome-ignore lint/suspicious/noExplicitAny: a document of JSON
  const document: any = JSON.parse(text);
  for (const { id, method, path } of operations)
    assert.equal(document.paths[`${adminBasePath}${path}`][method.toLowerCase()].operationId, id);
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    assert(Object.hasOwn(document.components.schemas, name), name);
  assert.doesNotMatch(text, /\$defs/);
  assert.equal(new Set(operations.map(({ id }) => id)).size, operations.length);
});

test('a share is made with its link, listed without it, and withdrawn', async (t) => {
  const { call, store } = await startedApi(t);
  const body = { label: 'anna', limits: { requestsPerMinute: 20 }, validSeconds: 3_600 };
  const created = await call('POST', '/shares', { body });
  assert.equal(created.status, 201);
  const { id, token, links } = created.document;
  assert.deepEqual(links, [`https://192.0.2.1:8484/flm/share#${token}`]);
  const listed = await call('GET', '/shares', { caller: reader });
  assert.ok(!listed.body.includes(token));
  assert.deepEqual(
    listed.document.items.map((item: Record<string, unknown>) => [item.id, item.state, item.createdBy]),
    [[id, 'open', 'ui:test']],
  );
  assert.equal((await call('POST', '/shares', { body })).document.error.code, 'KEY_INVALID');
  assert.equal((await call('GET', '/shares/anna', { caller: reader })).document.id, id);
  assert.equal((await call('GET', '/shares/nobody')).document.error.code, 'SHARE_NOT_FOUND');
  assert.equal((await call('GET', '/shares?order=desc')).document.total, 1);
  assert.equal((await call('DELETE', `/shares/${id}`, { caller: reader })).status, 405);
  assert.equal((await call('DELETE', `/shares/${id}`)).status, 204);
  assert.equal((await call('GET', '/shares')).document.items[0].state, 'revoked');
  assert.equal((await call('DELETE', '/shares/nobody')).document.error.code, 'SHARE_NOT_FOUND');
  const audit = await store.audit.list(10);
  assert.deepEqual(audit.map(({ action, actor }) => [action, actor]).sort(), [
    ['share.create', 'ui:test'],
    ['share.revoke', 'ui:test'],
  ]);
  assert.ok(!JSON.stringify(audit).includes(token));
});

test('every body and required parameter has an example that works, and every named schema is defined', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a document of JSON
  const { components }: any = openApiDocument('1.2.3');
  for (const [name, schema] of Object.entries<object>(components.schemas))
    assert(!Object.hasOwn(schema, '$ref'), name);
  for (const { id, path, params, query, body } of operations) {
    if (body !== undefined) assert.equal(body.safeParse(exampleBody(id)).success, true, `body of ${id}`);
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const values = Object.fromEntries(names.map((name) => [name, exampleParameter(id, name)]));
    const required = Object.entries(query?.shape ?? {}).filter(
      ([, field]) => !field.safeParse(undefined).success,
    );
    const fields = Object.fromEntries(required.map(([name]) => [name, exampleParameter(id, name)]));
    if (query !== undefined) assert.equal(query.safeParse(fields).success, true, `query of ${id}`);
    if (params !== undefined) assert.equal(params.safeParse(values).success, true, `path of ${id}`);
  }
});

test('entries of the audit have their place in the chain, and a check finds the first one that was edited', async (t) => {
  const { call, store, home } = await startedApi(t);
  await call('POST', '/keys', { body: { label: 'laptop' } });
  await call('PUT', '/policy', { body: { requestsPerMinute: 60 } });
  const { items } = (await call('GET', '/audit?actor=test&since=2000-01-01T00:00:00Z')).document;
  assert.deepEqual(
    items.map(({ action, source, chain, seq }: Record<string, unknown>) => [action, source, chain, seq]),
    [
      ['policy.set', 'dashboard', 'changes', 2],
      ['key.create', 'dashboard', 'changes', 1],
    ],
  );
  const [changes, refusals] = (await call('GET', '/audit/check')).document.chains;
  assert.deepEqual([changes.ok, changes.entries, changes.head], [true, 2, `changes_2_${items[0].hash}`]);
  assert.deepEqual([refusals.ok, refusals.entries, refusals.head], [true, 0, null]);
  const wrong = await call('GET', '/audit/check?head=changes_1');
  assert.equal(wrong.status, 422);
  const other = changes.head.replace('_2_', '_1_');
  const against = (await call('GET', `/audit/check?head=${changes.head}&head=${other}`)).document;
  assert.deepEqual(
    [against.ok, against.chains[0].fault.kind, against.chains[0].fault.seq],
    [false, 'otherHead', 1],
  );
  store.close();
  const db = new DatabaseSync(join(home, 'flm.db'));
  db.exec("UPDATE audit SET actor = 'ui:nobody' WHERE seq = 2");
  db.close();
  const { fault } = (await call('GET', '/audit/check')).document.chains[0];
  assert.deepEqual([fault.kind, fault.seq, fault.entry.actor], ['changed', 2, 'ui:nobody']);
});
