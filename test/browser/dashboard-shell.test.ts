/** What holds for every page of the dashboard: states of the connection, live updates, and the keyboard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKey } from '../helpers/start-proxy.ts';
import { checkShown, checkView, openDashboard, showPage, viewports } from './dashboard-fixture.ts';
import { skip } from './page.ts';

test('a page keeps what it shows while flm does not answer, and goes on by itself', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('key', 'create', 'laptop');
  const page = await signedIn();
  await showPage(page, 'Audit');
  await page.getByText('key.create').waitFor();
  await page.clock.install();
  await page.route('**/flm/**', (route) => route.abort());
  await page.getByLabel('Action').selectOption('key');
  await page.getByText('flm does not answer.').first().waitFor();
  await page.unroute('**/flm/**');
  await page.clock.fastForward(3_000);
  await page.getByText('flm does not answer.').first().waitFor({ state: 'detached' });
  await page.getByText('key.create').waitFor();
});

test('an update that fails leaves the old state with a note', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('key', 'create', 'laptop');
  const page = await signedIn();
  await page.clock.install();
  await showPage(page, 'Audit');
  const entry = page.getByText('key.create');
  await entry.waitFor();
  await page.route('**/api/v1/audit*', (route) =>
    route.fulfill({ status: 500, json: { error: { code: 'INTERNAL', message: 'It broke.', hint: '' } } }),
  );
  await page.clock.fastForward(10_000);
  await page.getByText(/This is the state of .* It broke\./).waitFor();
  await entry.waitFor();
});

test('updates wait while text is selected or the mouse is over a table', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('key', 'create', 'laptop');
  const page = await signedIn();
  await page.clock.install();
  await showPage(page, 'Audit');
  const rows = page.locator('tbody tr');
  await rows.first().waitFor();
  const before = await rows.count();
  let calls = 0;
  page.on('request', (request) => {
    if (request.url().includes('/api/v1/audit')) calls += 1;
  });
  await rows.first().hover();
  await cli.run('key', 'create', 'phone');
  await page.clock.fastForward(60_000);
  await page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))");
  await page.mouse.move(0, 0);
  await page.clock.fastForward(60_000);
  assert.equal(calls, 0);
  assert.equal(await rows.count(), before);
  await page.evaluate('getSelection().removeAllRanges()');
  await page.getByText('phone').first().waitFor();
});

test('a browser whose clock is an hour ahead shows what is true by the clock of flm', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await createKey(cli, 'laptop', '--expires', '50m');
  const page = await signedIn();
  await page.evaluate('{ const { now } = Date; Date.now = () => now() + 3_600_000; }');
  await showPage(page, 'Keys');
  const row = page.locator('tbody tr');
  await row.getByText('active', { exact: true }).waitFor();
  await row.getByText(/^in \d+ minutes$/).waitFor();
  await showPage(page, 'Audit');
  assert.match(
    (await page.locator('tbody time').first().textContent()) ?? '',
    /^now$|(second|minute)s? ago$/,
  );
  const asked = page.waitForRequest(/api\/v1\/usage\?/);
  await showPage(page, 'Usage');
  const until = new URL((await asked).url()).searchParams.get('to') ?? '';
  assert(Math.abs(Date.parse(until) - Date.now()) < 1_800_000, until);
});

test('the audit shows labels, and each change as a field with its value before and after', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('key', 'create', 'laptop', '--rpm', '5', '--expires', '30d');
  await cli.run('key', 'set', 'laptop', '--rpm', '7');
  const page = await signedIn();
  await showPage(page, 'Audit');
  const row = page.locator('tbody tr').filter({ hasText: 'laptop' });
  await row.locator('code').getByText(/^key_/).first().waitFor();
  await row.getByText('limits.requestsPerMinute: 5 → 7').waitFor();
  await row.locator('.change time').first().waitFor();
  assert.doesNotMatch((await row.allTextContents()).join(' '), /[{}]|\d{13}/);
});

test('the keyboard reaches search, rows and what can be done with a row', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  for (const label of ['laptop', 'phone']) await cli.run('key', 'create', label);
  const page = await signedIn();
  await showPage(page, 'Keys');
  const focused = () => page.evaluate('document.activeElement.innerText || document.activeElement.type');
  await page.keyboard.press('/');
  assert.equal(await focused(), 'search');
  await page.locator('.scroll').focus();
  const names = [];
  for (const _ of ['first', 'second']) {
    await page.keyboard.press('ArrowDown');
    names.push(
      String(await focused())
        .trim()
        .split(/\s/)[0],
    );
  }
  assert.deepEqual(names.toSorted(), ['laptop', 'phone']);
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate('document.activeElement.tagName'), 'A');
  await page.keyboard.press('ArrowUp');
  assert.equal(
    String(await focused())
      .trim()
      .split(/\s/)[0],
    names[0],
  );
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  assert.equal(
    String(await focused())
      .trim()
      .split(/\s/)[0],
    names[0],
  );
});

test('after a dialog, the focus is on the button that opened it', { skip }, async (t) => {
  const { signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Share');
  const open = page.getByRole('button', { name: 'Share a key' });
  const dialog = page.getByRole('dialog');
  const closeWith = async (key: string, button?: string) => {
    if (button !== undefined) await dialog.getByRole('button', { name: button }).focus();
    await page.keyboard.press(key);
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Share a key', button ?? key);
  };
  const openForm = async () => {
    await open.focus();
    await page.keyboard.press('Enter');
    await dialog.getByLabel('Label').waitFor();
  };
  await openForm();
  await closeWith('Escape');
  await openForm();
  await closeWith('Enter', 'Cancel');
  await openForm();
  await dialog.getByLabel('Label').fill('anna');
  await page.keyboard.press('Enter');
  await closeWith('Enter', 'Close');
});

test('axe finds nothing with more contrast, forced colours and less motion', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('key', 'create', 'laptop');
  for (const preference of [
    { contrast: 'more', colorScheme: 'light' },
    { contrast: 'more', colorScheme: 'dark' },
    { forcedColors: 'active', reducedMotion: 'reduce' },
  ] as const) {
    const page = await signedIn({ ...preference, bypassCSP: true });
    for (const title of ['Now', 'Usage', 'Keys', 'Audit']) {
      await showPage(page, title);
      await checkView(page, `${title}-${JSON.stringify(preference).replaceAll(/\W+/g, '-')}`);
    }
    await page.context().close();
  }
});

test('on a phone, a button opens the pages that have no place in the bar', { skip }, async (t) => {
  const { signedIn } = await openDashboard(t);
  const page = await signedIn({ bypassCSP: true, viewport: viewports.phone });
  const navigation = page.getByRole('navigation');
  assert.equal(await navigation.getByRole('link').count(), 4);
  const more = navigation.getByRole('button', { name: 'More' });
  await more.click();
  assert.equal(await more.getAttribute('aria-expanded'), 'true');
  await checkShown(page, 'More-phone');
  await navigation.getByRole('link', { name: 'Sessions' }).click();
  await page.getByRole('heading', { level: 1, name: 'Sessions' }).waitFor();
  await navigation.locator('button[aria-expanded="false"]').waitFor();
});
