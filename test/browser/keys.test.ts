/** The page *Keys* in a real Chromium: many keys, one key with its use, changes, and keys from a table. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { ask, checkPages, checkView, openDashboard, showPage, viewports } from './dashboard-fixture.ts';
import { skip } from './page.ts';

const labels = (page: Page) => page.locator('tbody th a').allTextContents();
const commandIn = async (dialog: Locator) => (await dialog.locator('.command code').textContent()) ?? '';

test('a dialog taller than the window scrolls, and its buttons stay in view', { skip }, async (t) => {
  const { signedIn } = await openDashboard(t);
  const page = await signedIn({ viewport: { width: 1_280, height: 720 } });
  await showPage(page, 'Keys');
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Scopes, engines, routes, addresses').click();
  const button = dialog.getByRole('button', { name: 'Create key' });
  for (const end of [0, 10_000]) {
    await dialog.evaluate((element, top) => Reflect.set(element, 'scrollTop', top), end);
    const [outer, inner] = [await dialog.boundingBox(), await button.boundingBox()];
    assert(outer !== null && inner !== null);
    assert(outer.y >= 0 && outer.y + outer.height <= 720, 'the dialog is inside the window');
    assert(inner.y + inner.height < outer.y + outer.height, 'the button is inside the dialog');
  }
});

test('a table makes many keys after a preview, and its secrets can be saved once', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Keys');
  await page.getByRole('button', { name: 'Import keys' }).click();
  const dialog = page.getByRole('dialog');
  const rows = Array.from({ length: 60 }, (_, i) => `student ${i},=Ann,60,90d`);
  const file = join(dirname(cli.home), 'people.csv');
  writeFileSync(file, `label,owner,rpm,expires\n${rows.join('\n')}\nlast,Bo,many,\n`);
  await dialog.getByLabel('CSV file').setInputFiles(file);
  await dialog.getByRole('button', { name: 'Check' }).click();
  await dialog.getByText(/rpm \(line 62\) is "many"/).waitFor();

  writeFileSync(file, `label,owner,rpm,expires\n${rows.join('\n')}\n`);
  await dialog.getByLabel('CSV file').setInputFiles([]);
  await dialog.getByLabel('CSV file').setInputFiles(file);
  await dialog.getByRole('button', { name: 'Check' }).click();
  await dialog.getByRole('row', { name: /student 59 =Ann/ }).waitFor();
  assert.equal((await cli.run('key', 'list', '--json')).json<{ keys: unknown[] }>().keys.length, 0);
  await dialog.getByRole('button', { name: 'Create 60 keys' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('button', { name: 'Download CSV' }).click(),
  ]);
  const saved = await readFile(await download.path(), 'utf8');
  assert.match(saved, /^label,owner,id,secret\r\nstudent 0,'=Ann,key_\w{12},flm_\w{49}\r\n/);
  await dialog.getByRole('button', { name: 'I have saved them' }).click();

  // The server sorts, searches and makes the pages.
  await page.getByRole('button', { name: 'Label' }).click();
  // The page says the same range in every order.
  await page.locator('tbody tr').first().getByText('student 0', { exact: true }).waitFor();
  await page.getByText('1 to 50 of 60').waitFor();
  assert.deepEqual((await labels(page)).slice(0, 3), ['student 0', 'student 1', 'student 2']);
  await page.getByRole('button', { name: 'Next page' }).click();
  await page.getByText('51 to 60 of 60').waitFor();
  assert.deepEqual((await labels(page)).at(-1), 'student 59');
  await page.getByRole('searchbox').fill('student 4');
  await page.getByText('student 40').waitFor();
  assert.equal((await labels(page)).length, 11);
});

test('on a phone each fact of a row stands after the title of its column, and nothing scrolls sideways', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await startProxy(cli, '--demo');
  await createKey(cli, 'ann', '--owner', 'Ann Lee', '--rpm', '20', '--tokens-per-day', '50000');
  await createKey(cli, 'bob');
  const page = await signedIn({ viewport: viewports.phone });
  await showPage(page, 'Keys');
  await page.locator('tbody tr').nth(1).waitFor();
  const titles = await page.evaluate(
    `[...document.querySelectorAll('tbody tr:last-child td')].map((cell) =>
      getComputedStyle(cell, '::before').content.replace(/ \\/ .*/, ''))`,
  );
  assert.deepEqual(titles, [
    'none',
    ...['Owner', 'State', 'Limits', 'Expires', 'Last used', 'Actions'].map((title) => `"${title}"`),
  ]);
  const outside = await page.evaluate(
    `[...document.querySelectorAll('tbody td, tbody th, tbody button')].filter((part) => {
      const { left, right } = part.getBoundingClientRect();
      return left < 0 || right > innerWidth;
    }).length`,
  );
  assert.equal(outside, 0);
  await page.getByLabel('Select ann').check();
});

test('several keys are revoked only after a typed confirmation', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  const keys = [await createKey(cli, 'ann'), await createKey(cli, 'bob'), await createKey(cli, 'eve')];
  const page = await signedIn();
  await showPage(page, 'Keys');
  for (const label of ['ann', 'bob']) await page.getByLabel(`Select ${label}`).check();
  await page.getByText('2 keys selected').waitFor();
  await page.getByRole('button', { name: 'Revoke selected' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(
    await commandIn(dialog),
    new RegExp(`flm key revoke ${keys[0]?.id}\\nflm key revoke ${keys[1]?.id}`),
  );
  const revoke = dialog.getByRole('button', { name: 'Revoke' });
  assert.equal(await revoke.isDisabled(), true);
  await dialog.getByLabel(/To confirm/).fill('2 keys');
  await revoke.click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('revoked', { exact: true }).nth(1).waitFor();
  const statuses = await Promise.all(keys.map(async ({ key }) => (await ask(baseUrl, key, 'hi')).status));
  assert.deepEqual(statuses, [401, 401, 200]);
});

test('one key is shown with the use of its limits, changed with its command, and rotated with an overlap', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl } = await startProxy(cli, '--demo');
  const flags = [
    '--rpm',
    '60',
    '--burst',
    '10',
    '--tokens-per-day',
    '1000',
    '--owner',
    'Ann',
    '--note',
    'one\ntwo',
  ];
  const made = await createKey(cli, 'laptop', ...flags);
  assert.equal((await ask(baseUrl, made.key, 'hello')).status, 200);
  const page = await signedIn();
  await showPage(page, 'Keys');
  await page.getByText(/^[1-9]\d* of 1K tokens today$/).waitFor();
  await page.getByRole('link', { name: 'laptop' }).click();
  await page.getByText(/\d of 10 may come at once now, at 60 a minute/).waitFor();
  await page.getByText(/^[1-9]\d* of 1K$/).waitFor();
  await page.getByRole('row', { name: /flm-demo 1/ }).waitFor();
  await page.getByRole('row', { name: /chat\/completions flm-demo .* 200 done/ }).waitFor();
  assert.equal(await page.locator('dd.lines').textContent(), 'one\ntwo');

  await page.getByRole('button', { name: 'Change laptop' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Owner').fill("Ann O'Neil");
  await dialog.getByLabel('Requests a minute').fill('');
  assert.match(
    await commandIn(dialog),
    new RegExp(`flm key set ${made.id} --owner 'Ann O'\\\\''Neil' --clear rpm`),
  );
  // Somebody else changes the key meanwhile.
  await cli.run('key', 'set', 'laptop', '--note', 'mine');
  await dialog.getByLabel(/burst/).fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText(/Somebody changed this since you read it/).waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Change laptop' }).click();
  await dialog.getByLabel('Owner').fill("Ann O'Neil");
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  const shown = (await cli.run('key', 'show', 'laptop', '--json')).json<{ owner: string; note: string }>();
  assert.deepEqual([shown.owner, shown.note], ["Ann O'Neil", 'mine']);

  await page.getByRole('button', { name: 'Rotate laptop' }).click();
  await dialog.getByLabel('The old key works').selectOption({ label: 'for 1 more day' });
  assert.match(await commandIn(dialog), new RegExp(`flm key rotate ${made.id} --overlap 24h`));
  await dialog.getByRole('button', { name: 'Rotate' }).click();
  const next = (await dialog.locator('.secret code').textContent()) ?? '';
  assert.match(next, /^flm_/);
  for (const key of [made.key, next]) assert.equal((await ask(baseUrl, key, 'hi')).status, 200);
});

test('a created key has the rules of the form, and the shown command says the same', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Keys');
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Label').fill('the ci');
  await dialog.getByLabel(/^Models/).fill('qwen*, llama3');
  await dialog.getByLabel('Tokens a minute').fill('500');
  await dialog.getByText('Scopes, engines, routes, addresses').click();
  await dialog.getByLabel(/^metrics/).check();
  await dialog.getByLabel('Client addresses').fill('10.0.0.0/8');
  const rules = "--scope inference --scope metrics --model 'qwen*' --model llama3 --ip 10.0.0.0/8 --tpm 500";
  assert.ok((await commandIn(dialog)).includes(`flm key create 'the ci' ${rules}`));
  await dialog.getByRole('button', { name: 'Create key' }).click();
  await dialog.locator('.secret code').waitFor();
  const [key] = (await cli.run('key', 'list', '--json')).json<{
    keys: readonly {
      scopes: string[];
      models: string[];
      addresses: string[];
      limits: { tokensPerMinute: number };
    }[];
  }>().keys;
  assert.deepEqual(
    [key?.scopes, key?.models, key?.addresses, key?.limits.tokensPerMinute],
    [['inference', 'metrics'], ['qwen*', 'llama3'], ['10.0.0.0/8'], 500],
  );
});

test('the page of keys and the view of one key have no fault that axe-core finds', { skip }, async (t) => {
  const fixture = await openDashboard(t);
  const { baseUrl } = await startProxy(fixture.cli, '--demo');
  const long = 'x'.repeat(100);
  await createKey(fixture.cli, long, '--owner', 'Ann Lee', '--rpm', '6', '--model', 'qwen*');
  const { id, key } = await createKey(fixture.cli, 'laptop', '--rpm', '60', '--tokens-per-day', '20');
  await ask(baseUrl, key, 'hello');
  await checkPages(fixture, ['Keys']);
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await fixture.signedIn({ colorScheme, bypassCSP: true });
    await showPage(page, 'Keys');
    await page.getByRole('button', { name: 'Create key' }).click();
    await checkView(page, `Create key ${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Import keys' }).click();
    await page.getByLabel('Or paste the table here').fill('label,owner\nann,Ann\n');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByRole('button', { name: 'Create 1 key' }).waitFor();
    await checkView(page, `Import keys ${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.evaluate(`location.hash = '#/keys/${id}'`);
    await page.getByText(/may come at once now/).waitFor();
    await page.locator('.chart').first().waitFor();
    await checkView(page, `One key ${colorScheme}`);
    await page.context().close();
  }
});
