/**
 * The pages for people without the dashboard, in a real Chromium before a real proxy: the link of `flm share` and *My key*.
 * FLM_SCREENSHOTS=FOLDER keeps pictures.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { ask, checkPages, checkView, openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

interface ShareView {
  readonly id: string;
  readonly link: string;
  readonly otherLinks: readonly string[];
}

interface Visit {
  readonly page: Page;
  /** Method and address of every request, and the requests that named where they came from. */
  readonly sent: string[];
  readonly referrers: string[];
}

async function visit(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  const page = await (await browser.newContext(options)).newPage();
  const sent: string[] = [];
  const referrers: string[] = [];
  page.on('pageerror', (error) => assert.fail(error));
  page.on('request', (request) => {
    sent.push(`${request.method()} ${request.url()}`);
    const { referer } = request.headers();
    if (referer !== undefined && referer !== '') referrers.push(referer);
  });
  await page.goto(url);
  await page.getByRole('heading', { level: 1 }).waitFor();
  return { page, sent, referrers };
}

async function opened(t: TestContext, ...flags: string[]) {
  const { cli, browser } = await openDashboard(t);
  const proxy = await startProxy(cli, '--demo', ...flags);
  const share = async (...more: string[]): Promise<ShareView> => {
    const made = await cli.run('share', ...more, '--no-wait', '--json');
    assert.equal(made.code, 0, made.stderr);
    return made.json<ShareView>();
  };
  return { cli, browser, proxy, share };
}

const stored = '[localStorage.length, sessionStorage.length, document.cookie]';

test('a friend gets a key once, the test turns green in page and terminal, and nothing keeps the secrets', {
  skip,
}, async (t) => {
  const { cli, browser, proxy } = await opened(t);
  const label = 'anna <img src=x onerror=alert(1)>';
  const terminal = cli.start('share', label, '--rpm', '20', '--tokens-per-day', '20000', '--json');
  const [text] = await terminal.saw(/^\{.*\}$/m);
  const { link } = JSON.parse(text) as ShareView;
  const token = new URL(link).hash.slice(1);

  const friend = await visit(browser, link, { permissions: ['clipboard-read', 'clipboard-write'] });
  const { page } = friend;
  await page.getByRole('button', { name: 'Make my key' }).waitFor();
  assert.ok(friend.sent.every((sent) => sent.startsWith(`GET ${proxy.url}/flm/`)));
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 0);

  await page.getByRole('button', { name: 'Make my key' }).click();
  await page.getByRole('heading', { level: 1, name: `The key of ${label}` }).waitFor();
  const key = (await page.locator('.secret code').textContent()) ?? '';
  assert.match(key, /^flm_/);
  await page.locator('.secret').getByRole('button', { name: 'Copy' }).click();
  await page.locator('.secret').getByRole('button', { name: 'Copied' }).waitFor();
  assert.equal(await page.evaluate('navigator.clipboard.readText()'), key);
  await page.getByRole('button', { name: 'Send a test request' }).click();
  await page.locator('.result.good').waitFor();
  const ended = await terminal.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /"state":"redeemed"/);
  assert.match(ended.stdout.trimEnd().split('\n').at(-1) ?? '', /^\{"request":/);

  // The settings are those of `flm connect`, with the key filled in.
  await page.getByLabel('Settings for').selectOption('curl');
  const snippet = (await page.locator('.snippet pre').textContent()) ?? '';
  const connect = await cli.run('connect', 'curl', '--key', key, '--json');
  assert.equal(snippet, connect.json<{ snippets: { text: string }[] }>().snippets[0]?.text);

  assert.ok(!page.url().includes('#'), 'the history has no token');
  assert.deepEqual(await page.evaluate(stored), [0, 0, '']);
  assert.deepEqual(friend.referrers, []);
  assert.ok(
    friend.sent.every((sent) => sent.includes(` ${proxy.url}/`)),
    'no request to another host',
  );
  assert.ok(friend.sent.every((sent) => !sent.includes(key) && !/redeem.*#/.test(sent)));
  const log = (await cli.run('proxy', 'logs', '--json', '-n', '200')).stdout;
  for (const secret of [token, key]) assert.ok(!log.includes(secret));

  const second = await visit(browser, link);
  await second.page.getByRole('button', { name: 'Make my key' }).click();
  await second.page.getByRole('alert').getByText('used before').waitFor();
});

test('an administrator shares a key in the dashboard, and sees when a friend has it and when it works', {
  skip,
}, async (t) => {
  const dashboard = await openDashboard(t);
  const { cli, browser, signedIn } = dashboard;
  await startProxy(cli, '--demo');
  const admin = await signedIn();
  await showPage(admin, 'Share');
  await admin.getByText('There are no links.').waitFor();
  await admin.getByRole('button', { name: 'Share a key' }).click();
  await admin.getByLabel('Label').fill('anna <img src=x onerror=alert(1)>');
  await admin.getByLabel('Requests a minute').fill('20');
  await admin.getByLabel('The link works for').selectOption('1h');
  const dialog = admin.getByRole('dialog');
  assert.match((await dialog.locator('.command code').textContent()) ?? '', /^flm share 'anna .*--for 1h$/);
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  const link = (await dialog.locator('.secret code').textContent()) ?? '';
  await dialog.getByText('Waiting for the link to be opened').waitFor();

  const { page } = await visit(browser, link);
  await page.getByRole('button', { name: 'Make my key' }).click();
  await page.locator('.secret code').waitFor();
  await dialog.getByText('The key was made').waitFor();
  await page.getByRole('button', { name: 'Send a test request' }).click();
  await page.locator('.result.good').waitFor();
  await dialog.locator('.result.good').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await admin.getByRole('row', { name: /anna .* redeemed/ }).waitFor();
  assert.ok(!(await admin.content()).includes(link.split('#')[1] ?? link), 'the link is shown once');

  const made = await cli.run('share', 'ben', '--no-wait', '--json');
  await admin.getByRole('button', { name: 'Withdraw the link for ben' }).click();
  await dialog.getByRole('button', { name: 'Withdraw' }).click();
  await admin.getByRole('row', { name: /ben revoked/ }).waitFor();
  const late = await visit(browser, made.json<ShareView>().link);
  await late.page.getByRole('button', { name: 'Make my key' }).click();
  await late.page.getByRole('alert').getByText('withdrawn').waitFor();

  await cli.run('share', 'carl', '--rpm', '5', '--no-wait');
  await checkPages(dashboard, ['Share']);
  const dark = await signedIn({ colorScheme: 'dark', bypassCSP: true });
  await showPage(dark, 'Share');
  await dark.getByRole('button', { name: 'Share a key' }).click();
  await dark.getByLabel('Label').fill('dora');
  await dark.getByRole('button', { name: 'Make the link' }).click();
  await dark.getByText('Waiting for the link to be opened').waitFor();
  await checkView(dark, 'Share-made-dark');
});

test('a link without its token, or one that was withdrawn, says what to do', { skip }, async (t) => {
  const { cli, browser, proxy, share } = await opened(t);
  const bare = await visit(browser, `${proxy.url}/flm/share`);
  await bare.page.getByRole('heading', { name: 'This link is not complete.' }).waitFor();
  const { link, id } = await share('anna');
  await cli.run('share', 'revoke', id);
  const late = await visit(browser, link);
  await late.page.getByRole('button', { name: 'Make my key' }).click();
  await late.page.getByRole('alert').getByText('withdrawn').waitFor();
  assert.equal(await late.page.getByRole('button', { name: 'Make my key' }).count(), 0);
});

test('no page can show the pages in a frame', { skip }, async (t) => {
  const { browser, proxy, share } = await opened(t);
  const { link } = await share('anna');
  const page = await (await browser.newContext()).newPage();
  await page.setContent(`<iframe src="${link}"></iframe><iframe src="${proxy.url}/flm/me"></iframe>`);
  for (const frame of page.frames().slice(1)) {
    await frame.waitForLoadState();
    assert.equal(await frame.getByRole('button').count(), 0);
  }
});

test('the holder of a key sees what is left of it, tests it, and reads the error of a wrong one', {
  skip,
}, async (t) => {
  const { cli, browser, proxy } = await opened(t);
  const { key } = await createKey(
    cli,
    'ana',
    ...['--tokens-per-day', '20000', '--concurrency', '2', '--rpm', '60'],
  );
  const { page, sent } = await visit(browser, `${proxy.url}/flm/me`);
  await page.getByLabel('Key').fill('flm_wrong');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('alert').getByText('No valid API key').waitFor();
  await page.getByLabel('Key').fill(key);
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByText('The key of ana works.').waitFor();
  for (const text of ['0 of 20K used', /^0 of \d+ used$/, '0 of 2 used'])
    await page.locator('.limit > span').getByText(text).first().waitFor();
  await page.getByText('This key was not used yet.').waitFor();
  await page.getByRole('button', { name: 'Send a test request' }).click();
  await page.locator('.result.good').waitFor();
  const row = page.getByRole('row', { name: /flm-demo/ });
  // Usage is stored within a second of the request.
  while (!(await row.isVisible())) {
    const answered = page.waitForResponse((response) => response.url().endsWith('/me'));
    await page.getByRole('button', { name: 'Refresh' }).click();
    await answered;
  }
  await page.getByRole('img', { name: /Tokens by day/ }).waitFor();
  assert.deepEqual(await page.evaluate(stored), [0, 0, '']);
  assert.ok(sent.every((one) => !one.includes(key)));
  await page.reload();
  await page.getByLabel('Key').waitFor();
  assert.equal(await page.getByLabel('Key').inputValue(), '');
});

test('the page of a key follows its use by itself', { skip }, async (t) => {
  const { cli, browser, proxy } = await opened(t);
  const { id, key } = await createKey(cli, 'ana', '--tokens-per-day', '20000');
  const { page } = await visit(browser, `${proxy.url}/flm/me`);
  await page.clock.install();
  await page.getByLabel('Key').fill(key);
  await page.getByRole('button', { name: 'Show' }).click();
  const used = page.locator('.limit > span');
  await used.getByText('0 of 20K used').waitFor();
  await ask(proxy.baseUrl, key, 'hello');
  await page.clock.fastForward(30_000);
  await used.getByText(/^[1-9]\d* of 20K used$/).waitFor();
  await cli.run('key', 'revoke', id);
  await page.clock.fastForward(30_000);
  await page.getByRole('alert').getByText('This API key was revoked.').waitFor();
});

test('over HTTPS with the local CA the link works, and the page names the file of the CA', {
  skip,
}, async (t) => {
  const { browser, share } = await opened(t, '--mode', 'dev-selfsigned');
  const { otherLinks, link } = await share('anna');
  // Only this name resolves on every machine that runs the test.
  const local = [link, ...otherLinks].find((one) => one.startsWith('https://localhost:')) ?? '';
  const { page } = await visit(browser, local, { ignoreHTTPSErrors: true });
  await page.getByRole('button', { name: 'Make my key' }).click();
  await page.getByText('flm-ca.pem').waitFor();
  await page.getByRole('button', { name: 'Send a test request' }).click();
  await page.locator('.result.good').waitFor();
});

test('axe finds nothing on the pages for friends, in light and dark, on a phone and a desktop', {
  skip,
}, async (t) => {
  const { cli, browser, proxy, share } = await opened(t);
  const { key } = await createKey(
    cli,
    'ana',
    ...['--tokens-per-day', '20000', '--tpm', '9000', '--concurrency', '2', '--rpm', '60'],
  );
  for (const content of ['hello', 'tell me more']) await ask(proxy.baseUrl, key, content);
  for (const colorScheme of ['light', 'dark'] as const) {
    const options = { colorScheme, bypassCSP: true };
    const { link } = await share(`anna ${colorScheme}`, '--expires', '30d');
    const { page } = await visit(browser, link, options);
    await checkView(page, `share-link-${colorScheme}`);
    await page.getByRole('button', { name: 'Make my key' }).click();
    await page.getByRole('button', { name: 'Send a test request' }).click();
    await page.locator('.result.good').waitFor();
    await page.getByText('QR codes').click();
    await checkView(page, `share-made-${colorScheme}`);
    const me = await visit(browser, `${proxy.url}/flm/me`, options);
    await checkView(me.page, `me-sign-in-${colorScheme}`);
    await me.page.getByLabel('Key').fill(key);
    await me.page.getByRole('button', { name: 'Show' }).click();
    await me.page.getByRole('row', { name: /flm-demo/ }).waitFor();
    await checkView(me.page, `me-${colorScheme}`);
  }
});
