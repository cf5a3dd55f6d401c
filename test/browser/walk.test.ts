/**
 * One story from the first command to a revoked key: the built program, an engine, and the pages of an administrator and of
 * a friend in two browser profiles. The engine is llama.cpp's server where it is installed (FLM_TEST_LLAMA_SERVER).
 * FLM_SCREENSHOTS=FOLDER keeps a picture of each step.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { findLlamaServer, startLlamaServer } from '../engines/servers.ts';
import { chatDelta, chatEvent, startChatEngine } from '../helpers/chat-engine.ts';
import { eventually } from '../helpers/eventually.ts';
import { answer, hold, sseHead } from '../helpers/raw-engine.ts';
import { loopText, loopTrigger, story } from '../helpers/tiny-gguf.ts';
import { openDashboard, showPage } from './dashboard-fixture.ts';
import { skip } from './page.ts';

const model = 'tiny';

/** Answers with `story`; answers without end to a prompt that ends with `loopTrigger`. The test ends it. */
async function startEngine(t: TestContext): Promise<string> {
  if (findLlamaServer() !== undefined) {
    const engine = await startLlamaServer({ alias: model });
    t.after(() => engine.stop());
    return engine.url;
  }
  const usage = { prompt_tokens: 20, completion_tokens: 15, total_tokens: 35 };
  const engine = await startChatEngine([model], ({ body }) => {
    if (body.includes(loopTrigger))
      return [sseHead, chatDelta({ content: loopText }), hold(new Promise(() => {}))];
    if (!body.includes('"stream":true'))
      return [answer(JSON.stringify({ model, choices: [{ index: 0, message: { content: story } }], usage }))];
    const last = chatEvent({ object: 'chat.completion.chunk', model, choices: [], usage });
    return [sseHead, chatDelta({ content: story }, 'stop'), last, chatEvent('[DONE]'), '0\r\n\r\n'];
  });
  t.after(() => engine.close());
  return engine.url;
}

test('from the first command to a revoked key, an administrator and a friend see the same on their pages', {
  skip,
}, async (t) => {
  const engineUrl = await startEngine(t);
  const { cli, browser, signedIn } = await openDashboard(t, { FLM_DETECT_PORTS: new URL(engineUrl).port });
  let step = 0;
  const keepPicture = async (page: Page, name: string): Promise<void> => {
    const folder = process.env.FLM_SCREENSHOTS;
    if (folder === undefined) return;
    step += 1;
    await page.screenshot({ path: join(folder, `walk-${step}-${name}.png`), fullPage: true });
  };

  // The first run finds the engine by itself.
  const up = await cli.run('up', '--detach', '--port', '0', '--json');
  assert.equal(up.code, 0, up.stderr);
  const { baseUrl, modelNames } = up.json<{ baseUrl: string; modelNames: readonly string[] }>();
  assert.deepEqual(modelNames, [model]);

  const admin = await signedIn({ permissions: ['clipboard-read', 'clipboard-write'] });
  const dialog = admin.getByRole('dialog');
  await showPage(admin, 'Now');
  await keepPicture(admin, 'now-at-first');

  // A key for the administrator, made on the page.
  await showPage(admin, 'Keys');
  await admin.getByRole('button', { name: 'Create key' }).click();
  await dialog.getByLabel('Label').fill('laptop');
  await keepPicture(admin, 'create-key');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const laptop = (await dialog.locator('.secret code').textContent()) ?? '';
  await dialog.getByRole('button', { name: 'I have saved it' }).click();
  await admin.getByRole('link', { name: 'laptop' }).waitFor();
  const own = await chat(baseUrl, laptop, 'hello');
  assert.equal(own.status, 200);
  await own.text();

  // A link for a friend, made in the terminal, which waits for the first answer.
  const limits = ['--rpm', '60', '--tokens-per-day', '20000'];
  const terminal = cli.start('share', 'anna', ...limits);
  const [link] = await terminal.saw(/http:\S+\/flm\/share#\w+/);
  const profile = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const friend = await profile.newPage();
  friend.on('pageerror', (error) => assert.fail(error));
  await friend.goto(link);
  await keepPicture(friend, 'share-link');
  await friend.getByRole('button', { name: 'Make my key' }).click();
  await friend.getByRole('heading', { name: 'The key of anna' }).waitFor();
  const secret = (await friend.locator('.secret code').textContent()) ?? '';
  await terminal.saw(/Waiting for its first answer/, 'stderr');

  // She copies the settings of curl; the test turns green on her page and in the terminal.
  await friend.getByLabel('Settings for').selectOption('curl');
  await friend.locator('.snippet').first().getByRole('button', { name: 'Copy' }).click();
  await friend.locator('.snippet').first().getByRole('button', { name: 'Copied' }).waitFor();
  const copied = String(await friend.evaluate('navigator.clipboard.readText()'));
  assert.ok(copied.includes(secret) && copied.includes(baseUrl) && copied.includes(model));
  await friend.getByRole('button', { name: 'Send a test request' }).click();
  await friend.locator('.result.good').getByText(story).waitFor();
  await keepPicture(friend, 'test-is-green');
  const shared = await terminal.ended;
  assert.equal(shared.code, 0, shared.stderr);
  assert.match(shared.stdout, /The test works: .*key anna, model tiny/);
  const pasted = await promisify(execFile)('sh', ['-c', copied]);
  assert.ok(pasted.stdout.includes('Hello from this tiny'), pasted.stdout + pasted.stderr);

  // The administrator talks with the model in the dashboard.
  await showPage(admin, 'Chat');
  await admin.getByLabel(/^Message/).fill('hello');
  await admin.keyboard.press('Enter');
  await admin.getByText(/tokens: \d+ in, \d+ out/).waitFor();
  assert.ok(((await admin.locator('article').last().textContent()) ?? '').includes(story));
  await keepPicture(admin, 'chat');

  // The page Usage shows all three, as the terminal does. Usage is stored a moment after a request.
  const asked = (label: string, { usage }: UsageView): UsageView['usage'][number] | undefined =>
    usage.find(({ key }) => key.label === label);
  await eventually(
    async () => (await cli.run('usage', '--by', 'key', '--json')).json<UsageView>(),
    (seen) =>
      asked('anna', seen)?.requests === 2 &&
      asked('laptop', seen)?.requests === 1 &&
      (asked('flm chat', seen)?.inputTokens ?? 0) > 0,
  );
  await showPage(admin, 'Usage');
  const used = admin.getByRole('region', { name: 'Usage' });
  for (const name of [/^anna 2/, /^laptop 1/, /^flm chat \d+ [1-9]/])
    await used.getByRole('row', { name }).waitFor();
  await keepPicture(admin, 'usage');

  // A request of the friend runs without end, until the administrator ends it.
  await showPage(admin, 'Now');
  await admin
    .getByRole('region', { name: 'Last requests' })
    .getByRole('row', { name: /^flm chat tiny/ })
    .waitFor();
  const endless = await chat(baseUrl, secret, loopTrigger, true);
  const running = admin.getByRole('region', { name: 'Running requests' });
  await running.getByRole('row', { name: /anna.*tiny.*streaming/ }).waitFor();
  await keepPicture(admin, 'now-with-a-request');
  await running.getByRole('button', { name: 'End request of anna' }).click();
  await dialog.getByRole('button', { name: 'End request' }).click();
  await admin.getByText('No request runs now.').waitFor();
  assert.match(await endless.text(), /REQUEST_CANCELLED|cancelled/i);

  // The key works on My key, until it is revoked: then her pages say so, and show it as working no more.
  const mine = await profile.newPage();
  await mine.goto(new URL('/flm/me', baseUrl).href);
  await mine.getByLabel('Key').fill(secret);
  await mine.getByRole('button', { name: 'Show' }).click();
  await mine.getByText('The key of anna works.').waitFor();
  await keepPicture(mine, 'my-key');
  await showPage(admin, 'Keys');
  await admin.getByRole('button', { name: 'Revoke anna' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await admin.getByRole('row', { name: /anna.*revoked/ }).waitFor();
  await keepPicture(admin, 'revoked');
  // Within a second, the proxy refuses the key.
  while (!(await mine.getByRole('alert').isVisible())) {
    const answered = mine.waitForResponse((response) => response.url().endsWith('/me'));
    await mine.getByRole('button', { name: 'Refresh' }).click();
    await (await answered).finished();
  }
  await mine.getByRole('alert').getByText('This API key was revoked.').waitFor();
  await mine.getByText('The key of anna works.').waitFor({ state: 'detached' });
  await keepPicture(mine, 'my-key-revoked');
  await friend.getByRole('button', { name: 'Send a test request' }).click();
  await friend.getByRole('alert').getByText('This API key was revoked.').waitFor();
  assert.equal(await friend.getByText(secret).count(), 0, 'the dead key is hidden');
  await keepPicture(friend, 'test-fails');
  assert.equal((await chat(baseUrl, secret, 'hello')).status, 401);

  await showPage(admin, 'Audit');
  for (const action of ['key.create', 'request.cancel', 'key.revoke'])
    await admin.getByText(action, { exact: true }).first().waitFor();
  await admin.getByRole('row', { name: /request\.cancel .*label: anna model: tiny/ }).waitFor();
  await keepPicture(admin, 'audit');
});

interface UsageView {
  readonly usage: readonly {
    readonly key: { readonly label: string | null };
    readonly requests: number;
    readonly inputTokens: number;
  }[];
}

function chat(baseUrl: string, key: string, content: string, stream = false): Promise<Response> {
  return fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content }] }),
  });
}
