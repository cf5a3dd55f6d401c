/**
 * The dashboard in a real Chromium, served by the real `flm ui` beside a real proxy: from the first key to its revocation.
 * FLM_SCREENSHOTS=FOLDER keeps a picture of every page, light and dark, desktop and phone.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';
import { chromiumPath, skip } from './page.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pages = ['usage', 'keys', 'policy', 'audit', 'sessions'] as const;
const arguments_ = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];

interface Fixture {
  readonly cli: TestCli;
  readonly browser: Browser;
  /** A new browser profile that opened a fresh sign-in link. */
  signedIn(options?: Parameters<Browser['newContext']>[0]): Promise<Page>;
}

async function openFixture(t: TestContext): Promise<Fixture> {
  const cli = makeCli(t);
  const browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: arguments_ });
  t.after(() => browser.close());
  return {
    cli,
    browser,
    async signedIn(options) {
      const running = cli.start('ui', '--json', '--no-open');
      const [text] = await running.saw(/^\{.*\}$/m);
      const page = await (await browser.newContext(options)).newPage();
      page.on('pageerror', (error) => assert.fail(error));
      await page.goto((JSON.parse(text) as { link: string }).link);
      await page.getByRole('heading', { level: 1 }).waitFor();
      return page;
    },
  };
}

async function show(page: Page, name: (typeof pages)[number]): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: false }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.locator('.loading').waitFor({ state: 'detached' });
}

async function ask(baseUrl: string, key: string, content: string): Promise<Response> {
  const body = JSON.stringify({ model: 'flm-demo', messages: [{ role: 'user', content }] });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body });
}

test('an administrator creates a key, sees its use, and revokes it', { skip }, async (t) => {
  const { cli, signedIn } = await openFixture(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  const page = await signedIn();
  await show(page, 'keys');
  await page.getByText('There are no keys.').waitFor();
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByLabel('Label').fill('friend <img src=x onerror=alert(1)>');
  await page.getByLabel('Requests a minute').fill('60');
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  const key = (await page.locator('.secret code').textContent()) ?? '';
  assert.match(key, /^flm_/);
  await page.getByRole('button', { name: 'I have saved it' }).click();
  await page.getByText('60 requests/min').waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 200);

  await show(page, 'usage');
  const row = page.getByRole('row', { name: /friend/ });
  // Usage is stored within a second of the request; a change of the group loads it again.
  while (!(await row.isVisible()))
    await page
      .getByLabel('Group by')
      .selectOption((await page.getByLabel('Group by').inputValue()) === 'key' ? 'model' : 'key');
  await page.getByRole('img', { name: /Usage over time/ }).waitFor();

  await show(page, 'keys');
  await page.getByRole('button', { name: /^Pause friend/ }).click();
  await page.getByText('paused', { exact: true }).last().waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 403);
  await page.getByRole('button', { name: /^Revoke friend/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('revoked', { exact: true }).last().waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 401);

  await show(page, 'audit');
  await page.getByText('key.revoke').waitFor();
  assert.deepEqual(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]'), [
    0,
    0,
    '',
  ]);
  assert.doesNotMatch(page.url(), /ticket|code/);
});

test('a policy that would block the administrator is saved after a second click only', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openFixture(t);
  const page = await signedIn();
  await show(page, 'policy');
  await page.getByLabel(/Allowed addresses/).fill('203.0.113.0/24');
  await page.getByRole('button', { name: 'Save' }).click();
  await page
    .getByRole('dialog')
    .getByText(/would block/)
    .waitFor();
  assert.doesNotMatch((await cli.run('policy', 'show', '--json')).stdout, /203\.0\.113/);
  await page.getByRole('button', { name: 'Save anyway' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.match((await cli.run('policy', 'show', '--json')).stdout, /203\.0\.113/);
});

test('a reload and an ended session say what to do', { skip }, async (t) => {
  const { signedIn } = await openFixture(t);
  const page = await signedIn();
  await page.reload();
  await page.getByText('This session has ended').waitFor();
  const other = await signedIn();
  await show(other, 'sessions');
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByText('This session has ended').waitFor();
});

test('axe finds nothing on any page, in light and dark, on a desktop and a phone', { skip }, async (t) => {
  const { cli, signedIn } = await openFixture(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  for (const label of ['laptop', 'phone', 'ci']) {
    const { key } = (await cli.run('key', 'create', label, '--rpm', '120', '--json')).json<{ key: string }>();
    for (const content of ['hello', 'tell me more']) await ask(baseUrl, key, content);
  }
  await cli.run('key', 'pause', 'ci');
  await cli.run('proxy', 'stop');
  const screenshots = process.env.FLM_SCREENSHOTS;
  if (screenshots !== undefined) mkdirSync(screenshots, { recursive: true });
  for (const [device, viewport] of [
    ['desktop', { width: 1280, height: 800 }],
    ['phone', { width: 360, height: 740 }],
    ['wide', { width: 2560, height: 1200 }],
  ] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await signedIn({ viewport, colorScheme, bypassCSP: true });
      for (const name of pages) {
        await show(page, name);
        if (screenshots !== undefined)
          await page.screenshot({ path: join(screenshots, `${name}-${device}-${colorScheme}.png`) });
        await page.evaluate(axe);
        const violations = await page.evaluate(
          "axe.run().then(({ violations }) => violations.map((v) => v.id + ': ' + v.nodes[0].html))",
        );
        assert.deepEqual(violations, [], `${name} ${device} ${colorScheme}`);
        assert.equal(
          await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
          true,
          `${name} is wider than a ${device}`,
        );
      }
      await page.context().close();
    }
  }
});
