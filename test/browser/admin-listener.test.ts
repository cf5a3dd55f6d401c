/** The dashboard and the page at `/` on a proxy's own listener (`--admin`), in a real Chromium. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { checkShown, checkView, openDashboard, showPage } from './dashboard-fixture.ts';
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

test('a key that may only read sees every page without what makes a change, and a line that says why', {
  skip,
}, async (t) => {
  const { cli, browser, url, friend } = await started(t);
  await cli.run('engine', 'add', 'http://127.0.0.1:9', '--id', 'box', '--kind', 'vllm');
  await cli.run('share', 'open', '--no-wait');
  const { key } = await createKey(cli, 'reader', '--scope', 'admin:read');
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  page.on('pageerror', (error) => assert.fail(error));
  const refused: string[] = [];
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${url}/flm/`);
  await page.getByLabel('Admin key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Now' }).waitFor();
  const running = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${friend}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content: 'hello' }] }),
  });
  assert.equal(running.status, 200);
  const changing =
    /^(Create|Import|Find|Add|Test|Change|Remove|Pause|Resume|Rotate|Revoke|Withdraw|Save|Send|End|Cancel|Renew|Alias)/;
  for (const name of await page.getByRole('navigation').getByRole('link').allTextContents()) {
    await showPage(page, name);
    await page.getByText('Your key has only the scope').waitFor();
    const buttons = await page.getByRole('main').getByRole('button').allTextContents();
    assert.deepEqual(
      buttons.filter((text) => changing.test(text)),
      [],
      name,
    );
    await checkShown(page, `read-only-${name.toLowerCase().replaceAll(' ', '-')}`);
  }
  await showPage(page, 'Keys');
  assert.equal(await page.getByRole('checkbox').count(), 0);
  await page.getByRole('link', { name: 'friend' }).click();
  await page.getByRole('heading', { level: 2, name: 'friend' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Revoke' }).count(), 0);
  assert.deepEqual(refused, []);
});

test('of two sign-ins at once the valid one stays, whichever ends last', { skip }, async (t) => {
  const { browser, url, boss, friend } = await started(t);
  for (const wrong of [friend, 'flm_none']) {
    const page = await browser.newPage();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route('**/flm/api/v1/**', async (route) => {
      if (route.request().headers().authorization === `Bearer ${wrong}`) await released;
      await route.continue();
    });
    await page.goto(`${url}/flm/`);
    for (const key of [wrong, boss]) {
      await page.getByLabel('Admin key').fill(key);
      await page.getByRole('button', { name: 'Sign in' }).click();
    }
    await page.getByRole('heading', { level: 1, name: 'Now' }).waitFor();
    const late = page.waitForResponse((response) => response.status() >= 400);
    release();
    await (await late).finished();
    await showPage(page, 'Keys');
    await page.getByRole('link', { name: 'boss' }).waitFor();
  }
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
