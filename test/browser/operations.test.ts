/** The pages *Engines and models*, *Certificates* and *Logs* in a real Chromium, over engines and proxies that run. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ollamaTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { checkPages, checkView, openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

test('an engine is added, tested, changed and removed, and a model gets another name', {
  skip,
}, async (t) => {
  const engine = await startFakeEngine(ollamaTable);
  t.after(() => engine.close());
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn({ bypassCSP: true });
  await showPage(page, 'Engines and models');
  await page.getByText('No engine yet').waitFor();
  const dialog = page.getByRole('dialog');

  await page.getByRole('button', { name: 'Add an engine' }).click();
  await dialog.getByRole('textbox', { name: /^Address/ }).fill(engine.url);
  await dialog.getByRole('textbox', { name: /^Name In/ }).fill('box');
  await dialog.getByLabel('Requests at once').fill('2');
  await dialog.getByLabel('Key of the engine').fill('sk-secret');
  await dialog.getByText(`flm engine add ${engine.url} --id box --slots 2 --key-stdin`).waitFor();
  await checkView(page, 'engine-add');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Ollama 0.12.6').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  const row = page.getByRole('row', { name: /^box/ });
  await row.getByText('running').waitFor();

  await row.getByRole('button', { name: 'Test' }).click();
  await dialog.getByText('qwen3:latest').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();

  await row.getByRole('button', { name: 'Change' }).click();
  await dialog.getByLabel('Requests at once').fill('4');
  await dialog.getByText('flm engine set box --slots 4').waitFor();
  // Somebody else changes it meanwhile.
  assert.equal((await cli.run('engine', 'set', 'box', '--slots', '3')).code, 0);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Somebody changed this since you read it.').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await row.getByRole('button', { name: 'Change' }).click();
  await dialog.getByLabel('Requests at once').fill('4');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await row.getByRole('cell', { name: '4', exact: true }).waitFor();

  const model = page.getByRole('row', { name: /^qwen3:latest/ });
  await model.getByRole('button', { name: 'Give another name' }).click();
  await dialog.getByLabel('Name that clients use').fill('fast');
  await dialog.getByText('flm model alias fast qwen3:latest').waitFor();
  await dialog.getByRole('button', { name: 'Save' }).click();
  // Behind a dialog the page takes no input.
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('searchbox').fill('fas');
  await page.getByText('alias of qwen3:latest').waitFor();
  await page.getByRole('button', { name: 'Remove this name' }).click();
  await dialog.getByRole('button', { name: 'Remove this name' }).click();
  await page.getByText('No model has this in its name.').waitFor();

  await row.getByRole('button', { name: 'Remove' }).click();
  await checkView(page, 'engine-remove');
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No engine yet').waitFor();
  const shown = await page.content();
  assert(!shown.includes('sk-secret'));
});

test('an engine with a key from its machine shows the command, and its address cannot be changed', {
  skip,
}, async (t) => {
  const engine = await startFakeEngine(ollamaTable);
  t.after(() => engine.close());
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('engine', 'add', engine.url, '--id', 'box');
  await cli.run('engine', 'set', 'box', '--key-env', 'FLM_HOME');
  const page = await signedIn();
  await showPage(page, 'Engines and models');
  await page.getByRole('button', { name: 'Change' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/comes from the environment variable FLM_HOME/).waitFor();
  assert.equal(await dialog.getByRole('textbox', { name: /^Address/ }).getAttribute('readonly'), '');
  assert.equal(await dialog.getByLabel('Key of the engine').count(), 0);
});

test('the CA can be downloaded, and the certificates of proxies are shown', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Certificates');
  await page.getByText('There is no local CA yet').waitFor();
  await startProxy(cli, '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  const row = page.getByRole('row', { name: /^default/ });
  await row.getByText('valid', { exact: true }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download the certificate' }).click(),
  ]);
  const pem = await readFile(await download.path(), 'utf8');
  assert.equal(pem, (await cli.run('cert', 'export')).stdout);
  assert.match(pem, /^-----BEGIN CERTIFICATE-----/);
});

test('the log of a proxy is shown newest first, filtered, and in pages', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl } = await startProxy(cli);
  const { key } = await createKey(cli, 'laptop');
  const headers = { authorization: `Bearer ${key}` };
  for (let i = 0; i < 120; i += 1) await fetch(`${baseUrl}/models`, { headers });
  await fetch(`${baseUrl}/models/%3Cimg%20src=x%3E`, { headers });
  const page = await signedIn();
  await showPage(page, 'Logs');
  const rows = page.locator('tbody tr');
  await page.getByRole('cell', { name: /img/ }).waitFor();
  assert.equal(await page.locator('main img').count(), 0);
  assert.equal(await rows.count(), 100);
  await page.getByRole('button', { name: 'Older lines' }).click();
  await page.getByRole('button', { name: 'Newest lines' }).waitFor();
  await page.getByRole('searchbox').fill('img');
  await page.getByRole('cell', { name: /img/ }).first().waitFor();
  await page.getByLabel('Level').selectOption('errors');
  await page.getByText('No line matches here').waitFor();
});

test('axe-core finds nothing on these pages, light and dark', { skip }, async (t) => {
  const engine = await startFakeEngine(ollamaTable);
  t.after(() => engine.close());
  const fixture = await openDashboard(t);
  const { cli } = fixture;
  await cli.run('engine', 'add', engine.url, '--id', 'box');
  await cli.run('model', 'alias', 'fast', 'qwen3:latest');
  await startProxy(cli, '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  await checkPages(fixture, ['Engines and models', 'Certificates', 'Logs']);
});
