/** `flm share` of the built program: links, and where they are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { type ProxyView, startProxy } from '../helpers/start-proxy.ts';

interface MadeKey {
  readonly key: string;
  readonly id: string;
  readonly label: string;
}

const tokenOf = (link: string): string => new URL(link).hash.slice(1);

async function redeem(url: string, token: string, more: Readonly<Record<string, string>> = {}) {
  const headers = { authorization: `Bearer ${token}`, ...more };
  const response = await fetch(`${url}/flm/share/redeem`, { method: 'POST', headers });
  const text = await response.text();
  const document = JSON.parse(text) as MadeKey & { error?: { code: string } };
  return { status: response.status, text, document, headers: response.headers };
}

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

test('a token becomes a key at once, and once, and the terminal tells when the key is made and answers', async (t) => {
  const cli = makeCli(t);
  const { url, baseUrl } = await startProxy(cli, '--demo');
  const running = cli.start('share', 'anna', '--rpm', '20', '--json');
  const [text] = await running.saw(/^\{.*\}$/m);
  const { link, id } = JSON.parse(text) as ShareView;
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 0);
  const made = await redeem(url, tokenOf(link));
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('cache-control'), 'no-store');
  assert.match(made.document.key, /^flm_[0-9A-Za-z]{49}$/);
  assert.equal(made.document.label, 'anna');
  const [, redeemed] = await running.saw(/\n(\{.*"state":"redeemed".*\})\n/);
  assert.equal((JSON.parse(redeemed ?? '') as ShareView).keyId, made.document.id);
  const headers = { authorization: `Bearer ${made.document.key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'hello' }] });
  assert.equal((await fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body })).status, 200);
  const ended = await running.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout.trimEnd().split('\n').at(-1) ?? '', /^\{"request":\{.*"keyLabel":"anna"/);

  const again = await redeem(url, tokenOf(link));
  assert.deepEqual([again.status, again.document.error?.code], [410, 'share_redeemed']);
  assertMistake(await cli.run('share', 'revoke', id), /was redeemed, so its key key_\w+ exists/);
  const log = (await cli.run('proxy', 'logs', '--json', '-n', '100')).stdout;
  assert.ok(log.includes('/flm/share/redeem'));
  for (const secret of [tokenOf(link), made.document.key]) assert.ok(!log.includes(secret));
});

test('two proxies that get one token at the same moment make one key', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'other', '--demo', '--port', '0');
  const urls = [
    (await startProxy(cli, '--demo')).url,
    (await cli.run('proxy', 'start', 'other', '--json')).json<ProxyView>().url,
  ];
  const made = await cli.run('share', 'anna', '--no-wait', '--json', '--proxy', 'other');
  const token = tokenOf(made.json<ShareView>().link);
  const answers = await Promise.all([...urls, ...urls].map((url) => redeem(url, token)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 410, 410, 410]);
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 1);
});

test('a link that expired, was withdrawn, or is guessed makes no key, and guesses are slowed down', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const link = async (label: string, ...flags: string[]): Promise<string> =>
    (await cli.run('share', label, '--no-wait', '--json', ...flags)).json<ShareView>().link;
  const short = tokenOf(await link('short', '--for', '1s'));
  const withdrawn = tokenOf(await link('withdrawn'));
  await cli.run('share', 'revoke', 'withdrawn');
  assert.deepEqual((await redeem(url, withdrawn)).document.error?.code, 'share_revoked');
  while ((await cli.run('share', 'list', '--json')).stdout.includes('"label":"short","state":"open"'));
  assert.deepEqual((await redeem(url, short)).document.error?.code, 'share_expired');
  const codes = new Set<string | undefined>();
  for (let n = 0; n < 25; n++) codes.add((await redeem(url, `guess${n}`)).document.error?.code);
  assert.deepEqual([...codes], ['share_unknown', 'rate_limit_exceeded']);
  // The throttle counts failures only, so a valid link still works from the same address.
  assert.equal((await redeem(url, tokenOf(await link('anna')))).status, 201);
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 1);
});

test('the pages hold nothing about the proxy, refuse frames, and send no referrer and no cookie', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  await cli.run('share', 'anna', '--no-wait');
  for (const path of ['/flm/share', '/flm/me', '/flm/share.js', '/flm/me.js', '/flm/guest.css']) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 200, path);
    const text = await response.text();
    for (const fact of ['flm-demo', 'anna']) assert.ok(!text.includes(fact), path);
    const { headers } = response;
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/);
    assert.equal(headers.get('x-frame-options'), 'DENY');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.equal(headers.get('set-cookie'), null);
  }
  assert.equal((await fetch(`${url}/flm/share/`)).status, 401, 'there is nothing else without a key');
});
