/** The dashboard in a real Chromium, served by the real `flm ui` beside a real proxy: from the first key to its revocation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProxy } from '../helpers/start-proxy.ts';
import { ask, checkPages, openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

test('an administrator creates a key, sees its use, and revokes it', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  const page = await signedIn();
  await showPage(page, 'Keys');
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

  await showPage(page, 'Usage');
  const row = page.getByRole('row', { name: /friend/ });
  // Usage is stored within a second of the request; a change of the group loads it again.
  while (!(await row.isVisible()))
    await page
      .getByLabel('Group by')
      .selectOption((await page.getByLabel('Group by').inputValue()) === 'key' ? 'model' : 'key');
  await page.getByRole('img', { name: /Usage over time/ }).waitFor();

  await showPage(page, 'Keys');
  await page.getByRole('button', { name: /^Pause friend/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
  await page.getByText('paused', { exact: true }).last().waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 403);
  await page.getByRole('button', { name: /^Revoke friend/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('revoked', { exact: true }).last().waitFor();
  assert.equal((await ask(baseUrl, key, 'hello')).status, 401);

  await showPage(page, 'Audit');
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
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Policy');
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
  const { signedIn } = await openDashboard(t);
  const page = await signedIn();
  await page.reload();
  await page.getByText('This session has ended').waitFor();
  const other = await signedIn();
  await showPage(other, 'Sessions');
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByText('This session has ended').waitFor();
});

test('axe finds nothing on any page, in light and dark, and none is wider than its window', {
  skip,
}, async (t) => {
  const fixture = await openDashboard(t);
  const { cli } = fixture;
  const { baseUrl } = await startProxy(cli, '--demo');
  for (const label of ['laptop', 'phone', 'ci']) {
    const { key } = (await cli.run('key', 'create', label, '--rpm', '120', '--json')).json<{ key: string }>();
    for (const content of ['hello', 'tell me more']) await ask(baseUrl, key, content);
  }
  await cli.run('key', 'pause', 'ci');
  await cli.run('proxy', 'stop');
  await checkPages(fixture, ['Usage', 'Keys', 'Policy', 'Audit', 'Sessions']);
});
