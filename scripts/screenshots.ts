/**
 * Makes the pictures of README.md and README.ja.md (`npm run screenshots`): a scripted demonstration of several people, two
 * engines, a day of usage and running requests, in a real Chromium, in light and dark, in English and Japanese. It uses a data
 * folder of its own, and port 8484.
 */
import { mkdirSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { openFlm } from '../src/app/flm.ts';
import { en } from '../src/web/i18n/en.ts';
import { ja } from '../src/web/i18n/ja.ts';
import { openDashboard, showPage } from '../test/browser/dashboard-fixture.ts';
import { chatAnswer, chatDelta, startChatEngine } from '../test/helpers/chat-engine.ts';
import { flmEntry, type TestCli } from '../test/helpers/cli.ts';
import { sseHead } from '../test/helpers/raw-engine.ts';
import { createKey, startProxy } from '../test/helpers/start-proxy.ts';

const folder = join(import.meta.dirname, '../docs/images');
const viewport = { width: 1120, height: 720 };
const maxBytes = 120_000;
const hourMs = 3_600_000;
const languages = [
  ['en-US', en, ''],
  ['ja-JP', ja, 'ja/'],
] as const;
const port = '8484';

const engines = [
  { id: 'workstation', models: ['qwen3:8b', 'gemma3:12b'], slots: '4', tokenMs: 22 },
  { id: 'gpu-server', models: ['llama-3.3-70b'], slots: '2', tokenMs: 45 },
] as const;

/** `share`: of the usage of the day. `asks`: the model of a request that runs while the pictures are made. */
const people = [
  { label: 'anna', model: 'qwen3:8b', share: 5, asks: 'qwen3:8b' },
  { label: 'lab notebooks', model: 'llama-3.3-70b', share: 9, asks: 'llama-3.3-70b' },
  { label: 'ben (phone)', model: 'gemma3:12b', share: 2, asks: 'gemma3:12b' },
  { label: 'code review', model: 'llama-3.3-70b', share: 6, asks: 'llama-3.3-70b' },
  { label: 'clara', model: 'qwen3:8b', share: 3, asks: 'llama-3.3-70b' },
] as const;

test('the pictures of README.md and README.ja.md', async (t) => {
  mkdirSync(join(folder, 'ja'), { recursive: true });
  const { cli, browser, signedIn } = await openDashboard(t);
  for (const engine of engines) await addEngine(t, cli, engine);
  const { baseUrl } = await startProxy(cli, '--port', port);
  const rules = ['--rpm', '60', '--burst', '20', '--tokens-per-day', '200000'];
  const keys = [];
  for (const person of people)
    keys.push({ ...person, ...(await createKey(cli, person.label, '--owner', person.label, ...rules)) });
  await addUsage(cli, keys);

  const over = new AbortController();
  t.after(() => over.abort());
  const ask = (key: string, model: string, prompt: string): Promise<Response> =>
    fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: prompt }] }),
      signal: over.signal,
    });
  for (const { key, model } of keys) await (await ask(key, model, 'short')).text();
  const running = keys.map(({ key, asks }) => ask(key, asks, 'a long story'));
  for (const response of running) response.catch(() => {});
  await Promise.race(running);

  for (const [locale, texts, place] of languages)
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await signedIn({ colorScheme, viewport, locale });
      await showPage(page, texts.now.title);
      await page.getByText(texts.now.place('1')).waitFor();
      // Until the speed of each request is known.
      const streaming = new RegExp(`ben.*${texts.now.states.streaming}.*~\\d{2,}`);
      await page.getByRole('row', { name: streaming }).waitFor();
      await keep(page, `${place}now-${colorScheme}`);
      await showPage(page, texts.usage.title);
      await page.getByRole('row', { name: /^clara/ }).waitFor();
      await keep(page, `${place}usage-${colorScheme}`);
      const own = await (await browser.newContext({ colorScheme, viewport, locale })).newPage();
      await own.goto(new URL('/flm/me', baseUrl).href);
      await own.getByLabel(texts.guest.key).fill(keys[0]?.key ?? '');
      await own.getByRole('button', { name: texts.guest.me.show }).click();
      await own.getByRole('row', { name: /qwen3/ }).first().waitFor();
      await keep(own, `${place}my-key-${colorScheme}`);
      await page.close();
      await own.close();
    }
});

async function keep(page: Page, name: string): Promise<void> {
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path, animations: 'disabled' });
  const { size } = statSync(path);
  if (size > maxBytes) throw new Error(`${path} has ${size} bytes; at most ${maxBytes} are allowed.`);
}

async function addEngine(
  t: TestContext,
  cli: TestCli,
  { id, models, slots, tokenMs }: (typeof engines)[number],
): Promise<void> {
  const stream = async (socket: Socket): Promise<void> => {
    while (!socket.destroyed) {
      socket.write(chatDelta({ content: ' word' }));
      await delay(tokenMs);
    }
  };
  const engine = await startChatEngine(models, ({ body }) =>
    body.includes('short') ? chatAnswer('Done.') : [sseHead, stream],
  );
  t.after(() => engine.close());
  const added = await cli.run('engine', 'add', engine.url, '--id', id, '--slots', slots);
  if (added.code !== 0) throw new Error(added.stderr);
}

/** What people used in the last 24 hours: more by day than by night, and the same at every run. */
async function addUsage(
  cli: TestCli,
  keys: readonly { readonly id: string; readonly model: string; readonly share: number }[],
): Promise<void> {
  const flm = await openFlm({ environment: { ...process.env, FLM_HOME: cli.home }, entry: flmEntry });
  const nowMs = Date.now();
  let random = 7;
  const next = (below: number): number => {
    random = (random * 48_271) % 2_147_483_647;
    return random % below;
  };
  const entries = Array.from({ length: 24 }, (_, hour) =>
    keys.flatMap(({ id, model, share }) =>
      Array.from(
        { length: Math.round(share * (1.2 + Math.sin((hour - 9) / 3.8)) * (0.5 + next(100) / 100)) },
        () => ({
          keyId: id,
          familyId: id,
          model,
          engine: model.startsWith('llama') ? 'gpu-server' : 'workstation',
          inputTokens: 300 + next(900),
          outputTokens: 100 + next(500),
          estimated: false,
          cachedTokens: next(300),
          promptTokens: 1_200,
          atMs: nowMs - (23 - hour) * hourMs,
          address: '192.0.2.7',
          ending: next(30) === 0 ? ('client-left' as const) : ('done' as const),
          answered: true,
          firstByteMs: 60 + next(900),
          durationMs: 900 + next(9_000),
        }),
      ),
    ),
  ).flat();
  await flm.usage.addUsage(entries);
  await flm.close();
}
