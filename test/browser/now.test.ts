/** The page *Now* in a real Chromium: running requests as they come, change and go, engines, and warnings. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { chatAnswer, chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { hold, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { checkFits, checkPages, openDashboard, showPage, viewports } from './dashboard-fixture.ts';
import { skip } from './page.ts';

/** An engine with one slot that streams two tokens and then nothing more, so that the request runs until it is ended. */
async function openBusy(t: TestContext, slots = '1') {
  const dashboard = await openDashboard(t);
  const { cli } = dashboard;
  const engine = await startChatEngine(['m'], ({ body }) =>
    body.includes('short')
      ? chatAnswer('done')
      : [sseHead, chatDelta({ content: 'one' }), chatDelta({ content: 'two' }), hold(new Promise(() => {}))],
  );
  t.after(() => engine.close());
  await cli.run('engine', 'add', engine.url, '--id', 'workstation', '--slots', slots);
  const { baseUrl } = await startProxy(cli);
  // A response that nobody holds is collected, and its connection closed.
  const held: Response[] = [];
  const over = new AbortController();
  t.after(() => over.abort());
  const ask = async (key: string, prompt: string): Promise<Response> => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: prompt }] }),
      signal: over.signal,
    });
    held.push(response);
    return response;
  };
  return { ...dashboard, ask };
}

const running = (page: Page) => page.getByRole('region', { name: 'Running requests' });

test('a request appears with its key and engine, and an administrator ends it', { skip }, async (t) => {
  const { cli, signedIn, ask } = await openBusy(t);
  const { key } = await createKey(cli, 'laptop <b>');
  const page = await signedIn();
  await showPage(page, 'Now');
  await page.getByText('No request runs now.').waitFor();
  const response = await ask(key, 'a long story');
  const row = running(page).getByRole('row', { name: /laptop <b>/ });
  await running(page)
    .getByRole('row', { name: /laptop <b>.*m.*workstation.*streaming/ })
    .waitFor();
  await page.getByText(/1 engine is up\. 1 of 1 slots busy\. 1 request runs\. Nobody waits\./).waitFor();
  await row.getByRole('button', { name: 'End request of laptop <b>' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End request' }).click();
  await page.getByText('No request runs now.').waitFor();
  assert.match(await response.text(), /REQUEST_CANCELLED|cancelled/i);
  await page
    .getByRole('region', { name: 'Last requests' })
    .getByRole('row', { name: /laptop <b>.*REQUEST_CANCELLED/ })
    .waitFor();
  await showPage(page, 'Audit');
  await page.getByText('request.cancel').waitFor();
});

test('a request that waits for a slot shows its place', { skip }, async (t) => {
  const { cli, signedIn, ask } = await openBusy(t);
  const { key } = await createKey(cli, 'laptop');
  await ask(key, 'a long story');
  const waiting = ask(key, 'short');
  waiting.catch(() => {});
  const page = await signedIn();
  await showPage(page, 'Now');
  await running(page).getByText('waiting (place 1)').waitFor();
  await page.getByText('1 waits').first().waitFor();
  await running(page)
    .getByRole('row', { name: /streaming/ })
    .getByRole('button')
    .click();
  await page.getByRole('dialog').getByRole('button', { name: 'End request' }).click();
  assert.equal((await waiting).status, 200);
  await page.getByText('No request runs now.').waitFor();
});

test('a row stays while the mouse is over the table, and a search finds rows', { skip }, async (t) => {
  const { cli, signedIn, ask } = await openBusy(t, '10');
  const keys = [await createKey(cli, 'laptop'), await createKey(cli, 'phone')];
  const page = await signedIn();
  await showPage(page, 'Now');
  const responses = await Promise.all(keys.map(({ key }) => ask(key, 'a long story')));
  const rows = running(page).locator('tbody tr');
  await rows.nth(1).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('phone');
  await rows.nth(1).waitFor({ state: 'detached' });
  await page.getByLabel('Search running requests').fill('');
  await rows.nth(1).hover();
  await page.getByText('Updates wait while you').waitFor();
  for (const response of responses) await response.body?.cancel();
  await page.getByText('0 now, 2 so far').waitFor({ state: 'detached' });
  assert.equal(await rows.count(), 2);
  await page.mouse.move(0, 0);
  await page.getByText('No request runs now.').waitFor();
});

test('a long name of a model hides no column, and is cut off on no phone', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const model = 'hf.co/unsloth/DeepSeek-R1-Distill-Qwen-32B-GGUF:Q4_K_M';
  const engine = await startChatEngine([model], () => [sseHead, hold(new Promise(() => {}))]);
  t.after(() => engine.close());
  const { baseUrl } = await startProxy(cli, '--engine', engine.url);
  const { key } = await createKey(cli, 'the notebook of anna');
  const over = new AbortController();
  t.after(() => over.abort());
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'hello' }] });
  const response = fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers,
    body,
    signal: over.signal,
  });
  response.catch(() => {});
  const page = await signedIn({ viewport: viewports.desktop, bypassCSP: true });
  await showPage(page, 'Now');
  await running(page)
    .getByRole('row', { name: /DeepSeek/ })
    .waitFor();
  await page.waitForFunction(
    "[...document.querySelectorAll('.scroll')].every((frame) => frame.scrollWidth <= frame.clientWidth)",
  );
  await page.setViewportSize(viewports.phone);
  await showPage(page, 'Engines and models');
  await checkFits(page, 'Engines and models with a long name');
});

test('a warning of two proxies is shown once, and names both', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await cli.run('engine', 'add', '127.0.0.1:1', '--kind', 'ollama', '--id', 'cellar');
  await startProxy(cli);
  assert.equal((await cli.run('profile', 'save', 'second')).code, 0);
  await startProxy(cli, 'second');
  const page = await signedIn();
  await showPage(page, 'Now');
  const warnings = page.getByRole('list', { name: 'Warnings' }).getByText(/Engine cellar does not answer/);
  await page.getByText('Warning (default, second):').first().waitFor();
  assert.equal(await warnings.count(), 1);
});

test('the requests are followed again after the connection broke', { skip }, async (t) => {
  const { cli, signedIn, ask } = await openBusy(t);
  const { key } = await createKey(cli, 'laptop');
  const page = await signedIn();
  await showPage(page, 'Keys');
  await page.route('**/api/v1/requests/events', (route) => route.abort());
  await page.getByRole('link', { name: 'Now' }).click();
  await page.getByText('flm does not answer.').first().waitFor();
  await page.unroute('**/api/v1/requests/events');
  await ask(key, 'a long story');
  await running(page)
    .getByRole('row', { name: /laptop/ })
    .waitFor();
});

test('a warning names the command that fixes it', { skip }, async (t) => {
  const { signedIn } = await openDashboard(t);
  const page = await signedIn();
  await showPage(page, 'Now');
  const warning = page.getByRole('list', { name: 'Warnings' }).getByRole('listitem').first();
  await warning.waitFor();
  assert.match((await warning.locator('.command code').textContent()) ?? '', /^flm /);
  await page.getByText('No proxy runs.').waitFor();
});

test('axe finds nothing on the page with running requests', { skip }, async (t) => {
  const dashboard = await openBusy(t);
  const { cli, ask } = dashboard;
  const { key } = await createKey(cli, 'laptop');
  await (await ask(key, 'short')).text();
  await ask(key, 'a long story');
  ask(key, 'short').catch(() => {});
  await checkPages(dashboard, ['Now']);
});
