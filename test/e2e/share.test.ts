/** `flm share` of the built program: links, and where they are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { type ProxyView, startProxy } from '../helpers/start-proxy.ts';

interface ShareView {
  readonly id: string;
  readonly label: string;
  readonly state: string;
  readonly expiresAt: string;
  readonly createdAt: string;
  readonly link: string;
  readonly keyId: string | null;
  readonly limits: { readonly requestsPerMinute: number | null };
}

test('a share prints a link with the token in its fragment, and is listed and withdrawn without it', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const made = await cli.run('share', 'anna', '--rpm', '20', '--for', '2h', '--no-wait', '--json');
  assert.equal(made.code, 0, made.stderr);
  const share = made.json<ShareView>();
  assert.ok(share.link.startsWith(`${url}/flm/share#`));
  assert.match(new URL(share.link).hash, /^#[0-9A-Za-z]{28}$/);
  assert.equal(Date.parse(share.expiresAt) - Date.parse(share.createdAt), 2 * 3_600_000);
  const token = new URL(share.link).hash.slice(1);
  const listed = await cli.run('share', 'list', '--json');
  assert.ok(!listed.stdout.includes(token));
  const [only] = listed.json<{ shares: ShareView[] }>().shares;
  assert.deepEqual([only?.state, only?.keyId, only?.limits.requestsPerMinute], ['open', null, 20]);
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 0);
  const revoked = await cli.run('share', 'revoke', 'anna', '--json');
  assert.equal(revoked.json<ShareView>().state, 'revoked');
  assert.match((await cli.run('share', 'list')).stdout, /anna\s+sh_\w+\s+revoked/);
});

test('a share is refused where a proxy serves plain HTTP on a network', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy<ProxyView>(cli, '--bind', '0.0.0.0', '--allow-insecure-bind', '--demo');
  assert.match(url, /^http:/);
  assertMistake(await cli.run('share', 'anna', '--no-wait'), /plain HTTP on a network/);
  assertMistake(await cli.run('share', 'anna', '--no-wait', '--url', 'http://ai.example.org'), /--url takes/);
  assert.deepEqual((await cli.run('share', 'list', '--json')).json(), { shares: [] });
  const made = await cli.run('share', 'anna', '--no-wait', '--json', '--url', 'https://ai.example.org');
  assert.match(made.json<ShareView>().link, /^https:\/\/ai\.example\.org\/flm\/share#/);
});

test('a share needs a running proxy, a label of its own, and a time that ends', async (t) => {
  const cli = makeCli(t);
  assertMistake(await cli.run('share', 'anna', '--no-wait'), /No proxy/i);
  await startProxy(cli, '--demo');
  assertMistake(await cli.run('share', 'anna', '--for', 'ever'), /--for takes/);
  assertMistake(await cli.run('share', 'anna', '--for', '31d'), /30 days/);
  assertMistake(await cli.run('share', 'a\u001b[2Jb', '--no-wait'), /printable/);
  assert.equal((await cli.run('share', 'anna', '--no-wait')).code, 0);
  assertMistake(await cli.run('share', 'anna', '--no-wait'), /no other open share has/);
  assertMistake(await cli.run('share', 'revoke', 'ana'), /anna/);
});

test('over HTTPS the link leads to the network, and a page beside it explains the local CA', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--mode', 'dev-selfsigned', '--bind', '0.0.0.0', '--demo');
  const running = cli.start('share', 'anna', '--json');
  const [text] = await running.saw(/^\{.*\}$/m);
  const document = JSON.parse(text) as { link: string; trustUrls: string[]; fingerprint: string };
  assert.match(document.link, /^https:/);
  const { port } = new URL(document.trustUrls[0] ?? '');
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.ok(page.includes(document.fingerprint));
  assert.ok(!page.includes(new URL(document.link).hash.slice(1)), 'plain HTTP shows no secret');
  await cli.run('share', 'revoke', 'anna');
  const ended = await running.ended;
  assert.match(ended.stderr, /Nobody redeemed the share; it is revoked/);
  assert.equal(ended.code, 1);
});
