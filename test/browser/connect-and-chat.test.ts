/** The pages *Connect* and *Chat* in a real Chromium, beside a real proxy with the demo engine. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { chatAnswer, chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { type Steps, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { ask, checkPages, checkView, openDashboard, showPage } from './dashboard-fixture.ts';
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
    assert.deepEqual(
      await next.locator('p.stale').allTextContents(),
      // Backticks become code.
      printed.warnings.map((warning) => warning.replaceAll('`', '')),
      id,
    );
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
  // The browser may be on another machine, whose clock is wrong.
  await page.evaluate('{ const { now } = Date; Date.now = () => now() + 3_600_000; }');
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

test('requests from before the wait are not shown, even if the proxy hung at first', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const { baseUrl, pid } = await startProxy(cli, '--demo');
  const { key } = await createKey(cli, 'laptop');
  const other = await createKey(cli, 'other', '--model', 'qwen*');
  const page = await signedIn();
  await showPage(page, 'Connect');
  assert.equal((await ask(baseUrl, other.key, 'hello')).status, 403);
  process.kill(pid, 'SIGSTOP');
  // Waits for an answer until its time is over; by then the request is old.
  await cli.run('requests');
  await page.getByRole('button', { name: 'Wait for a request' }).click();
  await page.getByText(/^Waiting for a request of/).waitFor();
  process.kill(pid, 'SIGCONT');
  assert.equal((await ask(baseUrl, key, 'hello')).status, 200);
  await page.getByText(/^✓ It came through: key laptop/).waitFor();
  assert.equal(await page.getByText(/^✗ A request was refused/).count(), 0);
});

test('a chat streams with its figures, can be stopped, and shows its request', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const answers: Steps[] = [[sseHead, chatDelta({ content: 'Hello ' })], chatAnswer('<b>Sure</b>')];
  const engine = await startChatEngine(['nomic-embed', 'm'], () => answers.shift() ?? chatAnswer('again'));
  t.after(() => engine.close());
  await startProxy(cli, '--engine', engine.url);
  const page = await signedIn();
  await showPage(page, 'Chat');
  assert.equal(await page.getByLabel(/^Model/).inputValue(), 'm');
  await page.getByLabel('System prompt').fill("Don't shout.");
  await page.getByLabel(/^Message/).fill('hello');
  await page.keyboard.press('Enter');
  await page.getByText('Hello', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped.').waitFor();
  await page.getByLabel(/^Message/).fill('and now?');
  await page.getByText('The request as a command').click();
  const curl = (await page.locator('.snippet pre').textContent()) ?? '';
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('<b>Sure</b>', { exact: true }).waitFor();
  await page.getByText(/^m · .*first token after .* in all/).waitFor();
  const sent = engine.requests.filter(({ method }) => method === 'POST').at(-1);
  const { messages } = JSON.parse(String(sent?.body)) as { messages: readonly { content: string }[] };
  assert.deepEqual(
    messages.map(({ content }) => content),
    ["Don't shout.", 'hello', 'Hello ', 'and now?'],
  );

  // The shown command is the request that was sent, with a key of the reader's own.
  const { key } = await createKey(cli, 'shell');
  const ran = await promisify(execFile)('sh', ['-c', curl], { env: { ...process.env, FLM_API_KEY: key } });
  assert.match(ran.stdout, /again/, ran.stderr);
  const again = engine.requests.filter(({ method }) => method === 'POST').at(-1);
  assert.deepEqual(JSON.parse(String(again?.body)).messages, messages);

  await page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await page.locator('article').count(), 0);
  assert.doesNotMatch(await page.content(), /flm_\w{20}/);
  await engine.close();
  await page.getByLabel(/^Message/).fill('anyone?');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('alert').waitFor();
  assert.match((await page.getByRole('alert').textContent()) ?? '', /flm explain req_/);
});

test('a chat counts as usage, and the page says so', { skip }, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  await startProxy(cli, '--demo');
  const page = await signedIn();
  await showPage(page, 'Chat');
  await page.getByText(/count as usage of flm chat/).waitFor();
  await page.getByLabel(/^Message/).fill('hello');
  await page.keyboard.press('Enter');
  await page.getByText(/tokens: \d+ in, \d+ out · [\d.]+ tokens\/s/).waitFor();
  await showPage(page, 'Usage');
  const row = page.getByRole('row', { name: /flm chat 1/ });
  // Usage is stored within a second of the request; a change of the group loads it again.
  while (!(await row.isVisible()))
    await page
      .getByLabel('Group by')
      .selectOption((await page.getByLabel('Group by').inputValue()) === 'key' ? 'model' : 'key');
});

test('axe-core finds nothing on the pages Connect and Chat', { skip }, async (t) => {
  const fixture = await openDashboard(t);
  await startProxy(fixture.cli, '--demo');
  await createKey(fixture.cli, 'laptop');
  await checkPages(fixture, ['Connect', 'Chat']);
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await fixture.signedIn({ colorScheme, bypassCSP: true });
    await showPage(page, 'Chat');
    await page.getByLabel(/^Message/).fill('hello');
    await page.keyboard.press('Enter');
    await page.getByText(/tokens\/s/).waitFor();
    await page.getByText('The request as a command').click();
    await checkView(page, `Chat with an answer ${colorScheme}`);
    await page.context().close();
  }
});
