/** The dashboard and the page at `/` on a proxy's own listener (`--admin`), in a real Chromium. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { checkView, openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

async function started(t: TestContext) {
  const { cli, browser } = await openDashboard(t);
  const { url } = await startProxy(cli, '--demo', '--admin');
  const boss = await createKey(cli, 'boss', '--scope', 'admin');
  const friend = await createKey(cli, 'friend');
  return { cli, browser, url, boss: boss.key, friend: friend.key };
}

/** A web application on another port of this machine. */
async function otherOrigin(t: TestContext, html: string): Promise<string> {
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end(`<!doctype html>${html}`),
  ).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an administrator signs in with a key, which stays in the memory of the page', { skip }, async (t) => {
  const { cli, browser, url, boss, friend } = await started(t);
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => assert.fail(error));
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).origin));
  await page.goto(`${url}/flm/`);
  const signIn = async (key: string): Promise<void> => {
    await page.getByLabel('Admin key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };
  await signIn(friend);
  await page.getByText('This key has neither the scope').waitFor();
  await signIn(boss);
  await page.getByRole('heading', { level: 1, name: 'Now' }).waitFor();
  assert.equal(await page.getByText('boss').count(), 0, 'the dashboard is no running request');
  assert.equal(await page.getByRole('link', { name: 'Sessions' }).count(), 0);
  await showPage(page, 'Keys');
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByLabel('Label').fill('made in the browser');
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  await page.locator('.secret code').waitFor();
  assert.match((await cli.run('key', 'list')).stdout, /made in the browser/);
  const kept = await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]');
  assert.deepEqual(kept, [0, 0, '']);
  assert.deepEqual(await context.cookies(), []);
  assert.deepEqual([...hosts], [url]);
  await page.reload();
  await page.getByLabel('Admin key').waitFor();
});

test('a page of another origin neither reads nor frames the dashboard, even with the key', {
  skip,
}, async (t) => {
  const { browser, cli, url, boss } = await started(t);
  const origin = await otherOrigin(t, `<iframe src="${url}/flm/"></iframe><iframe src="${url}/"></iframe>`);
  await cli.run('policy', 'set', '--allow-origin', origin);
  const page = await browser.newPage();
  await page.goto(origin);
  for (const frame of page.frames().slice(1)) assert.match(frame.url(), /^chrome-error:/);
  const status = await page.evaluate(
    `fetch(${JSON.stringify(`${url}/flm/api/v1/keys`)}, { headers: { authorization: 'Bearer ${boss}' } })
      .then((response) => response.status, () => 'blocked')`,
  );
  assert.ok(status === 404 || status === 'blocked', String(status));
});

test('the page at / says whom to ask, in light and dark, without a script', { skip }, async (t) => {
  const { browser, url } = await started(t);
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await (await browser.newContext({ colorScheme, bypassCSP: true })).newPage();
    await page.goto(`${url}/`);
    await page.getByRole('heading', { name: 'flm runs here' }).waitFor();
    await checkView(page, `root-${colorScheme}`);
    assert.equal(await page.locator('script').count(), 0);
    assert.doesNotMatch((await page.textContent('body')) ?? '', /flm-demo|\d+\.\d+\.\d+/);
  }
});
