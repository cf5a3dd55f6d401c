/** The pages *Connect* and *Chat* in a real Chromium, beside a real proxy with the demo engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { ask, checkPages, openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

test('settings of every client are those of flm connect, and a new key is filled in', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Connect');
  await page.getByText('No proxy is running.').waitFor();
  const { baseUrl } = await startProxy(cli, '--demo');
  await page.reload();
  await page.close();

  const next = await signedIn();
  await showPage(next, 'Connect');
  const { clients } = (await cli.run('connect', '--json')).json<{
    clients: readonly { id: string; name: string }[];
  }>();
  for (const { id, name } of clients) {
    await next.getByLabel(/^Client/).selectOption(id);
    await next.getByRole('heading', { name, exact: true }).waitFor();
    const printed = (await cli.run('connect', id, '--json')).json<{
      snippets: readonly { text: string }[];
      warnings: readonly string[];
    }>();
    const shown = await next.locator('.snippet pre').allTextContents();
    assert.deepEqual(
      shown,
      printed.snippets.map(({ text }) => text),
      id,
    );
    assert.deepEqual(await next.locator('p.stale').allTextContents(), printed.warnings, id);
  }

  await next.getByLabel(/^Client/).selectOption('curl');
  await next.getByRole('button', { name: 'Create a key and fill it in' }).click();
  await next.getByRole('dialog').getByLabel('Label').fill('phone');
  await next.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  await next.getByText('The key of phone is filled in below').waitFor();
  const text = (await next.locator('.snippet pre').first().textContent()) ?? '';
  const key = /flm_\w{49}/.exec(text)?.[0] ?? '';
  assert.equal((await ask(baseUrl, key, 'hello')).status, 200);
  await next.getByText('QR codes for a phone').click();
  await next.getByRole('img', { name: 'QR code: Key' }).waitFor();
  await next.getByText(/^flm connect curl$/).waitFor();
});

test('the test shows that the proxy answers, then a refused request and the first that came through', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  const { key } = await createKey(cli, 'laptop');
  const other = await createKey(cli, 'other', '--model', 'qwen*');
  const page = await signedIn();
  await showPage(page, 'Connect');
  await page.getByRole('button', { name: 'Check the address' }).click();
  await page.getByText(/^✓ http:\/\/127\.0\.0\.1:\d+ answers and lists 1 model\.$/).waitFor();
  await page.getByRole('button', { name: 'Wait for a request' }).click();
  await page.getByText(/^Waiting for a request of/).waitFor();
  assert.equal((await ask(baseUrl, other.key, 'hello')).status, 403);
  await page.getByText(/^✗ A request was refused: POST \/v1\/chat\/completions, status 403 MODEL_/).waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 200);
  await page.getByText(/^✓ It came through: key laptop, model flm-demo/).waitFor();

  await page.getByLabel('Address').selectOption({ label: 'another name or address …' });
  await page.getByLabel('Host name or address').fill('laptop.lan');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByText(/The proxy does not answer for laptop\.lan/).waitFor();
  await page.getByText(/flm connect curl --host laptop\.lan/).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Check the address' }).count(), 0);
});

test('axe-core finds nothing on the page Connect', { skip }, async (t) => {
  const fixture = await openDashboard(t);
  await startProxy(fixture.cli, '--demo');
  await createKey(fixture.cli, 'laptop');
  await checkPages(fixture, ['Connect']);
});
