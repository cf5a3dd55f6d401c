/** The admin API: settings of clients and the check of an address, beside a real proxy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startedAdmin } from '../helpers/admin-fixture.ts';
import { startProxy } from '../helpers/start-proxy.ts';

test('settings of a client are those of flm connect, without a secret', async (t) => {
  const { call, cli } = await startedAdmin(t);
  const none = await call('GET', '/connect?client=codex');
  assert.deepEqual([none.status, none.document.error.code], [404, 'PROXY_NOT_RUNNING']);
  const { id } = await startProxy(cli, '--demo');
  const { items } = (await call('GET', '/connect/clients')).document;
  assert.ok(items.some((client: { id: string }) => client.id === 'codex'));
  const shown = (await call('GET', '/connect?client=codex')).document;
  const { snippets, notes, warnings, baseUrl } = (await cli.run('connect', 'codex', '--json')).json<
    Readonly<Record<string, unknown>>
  >();
  assert.deepEqual(
    [shown.snippets, shown.notes, shown.warnings, shown.baseUrl, shown.proxy, shown.models],
    [snippets, notes, warnings, baseUrl, id, ['flm-demo']],
  );
  const elsewhere = await call('GET', '/connect?client=codex&host=laptop.lan');
  assert.match(elsewhere.document.warnings.join(' '), /does not answer for laptop\.lan/);
  for (const query of ['client=emacs', 'client=codex&host=http://x', 'client=codex&host=a%2Fb', ''])
    assert.equal((await call('GET', `/connect?${query}`)).status, 422, query);
});

test('a check sends its temporary key to the own addresses of a proxy only', async (t) => {
  const { call, cli } = await startedAdmin(t);
  const { id } = await startProxy(cli, '--demo');
  const { document } = await call('POST', '/connect/check', { body: {} });
  assert.deepEqual(document, { ok: true, reason: null, models: ['flm-demo'] });
  assert.equal((await call('POST', '/connect/check', { body: { proxy: id } })).status, 200);
  for (const host of ['192.0.2.1', 'example.org', 'x y'])
    assert.equal((await call('POST', '/connect/check', { body: { host } })).status, 422, host);
});
