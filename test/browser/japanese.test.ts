/** Every page in a browser that prefers Japanese, and the change of the language. FLM_SCREENSHOTS=FOLDER keeps pictures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { clients } from '../../src/clients/clients.ts';
import { clientName } from '../../src/clients/recipe.ts';
import { en } from '../../src/web/i18n/en.ts';
import { ja } from '../../src/web/i18n/ja.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { ask, checkFits, checkShown, openDashboard, showPage, viewports } from './dashboard-fixture.ts';
import { skip } from './page.ts';

const value = '\u0000';

/** What is English in the texts: of a composed text, the parts between its values. Shared names such as `SHA-256` are not. */
function englishParts(english: object, japanese: object): string[] {
  const parts = Object.entries(english).flatMap(([name, entry]): string[] => {
    // Both have the same entries.
    const other = (japanese as Record<string, unknown>)[name];
    if (typeof entry === 'object') return englishParts(entry, other as object);
    const text = (from: unknown): string =>
      typeof from === 'function' ? from(...Array(from.length).fill(value)) : String(from);
    if (text(entry) === text(other)) return [];
    // A single word of a composed text may be a code too.
    const parts = text(entry).split(value);
    return parts.length === 1 ? parts : parts.filter((part) => part.trim().includes(' '));
  });
  return parts.map((part) => part.trim()).filter((part) => /[a-z]{2,}/.test(part) && part.length >= 4);
}

const allEnglish = [...new Set(englishParts(en, ja))];

/** Three words, as only a sentence has them. */
const sentence = /[A-Za-z]+(?:,? [a-z]{2,}){2}/;
const command = /flm(?: [a-z-]+)+/g;
/** The answer of the demo engine, the name of a browser, and a command that installs a library. */
const apart: readonly RegExp[] = [/I am the demo engine of flm/, /^Mozilla\/5\.0/, /^コード（[^（）]*）$/];

/** Single words are compared with whole lines, since names and codes contain them. */
async function assertNoEnglish(page: Page, name: string): Promise<void> {
  const shown = await page.evaluate(`(() => {
    const attributes = [...document.querySelectorAll('[aria-label], [placeholder], [title]')].flatMap((element) =>
      ['aria-label', 'placeholder', 'title'].map((attribute) => element.getAttribute(attribute) ?? ''));
    const copy = document.body.cloneNode(true);
    for (const code of copy.querySelectorAll('code, pre, noscript, [lang=en]')) code.remove();
    // Names, such as actions of the audit, are the values of their options.
    for (const option of copy.querySelectorAll('option')) if (option.value === option.textContent) option.remove();
    const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
    const lines = [];
    while (walker.nextNode()) lines.push(walker.currentNode.data.trim());
    return [document.title, ...lines, ...attributes];
  })()`);
  // The function above returns texts.
  const lines = shown as string[];
  const left = allEnglish.filter((part) =>
    lines.some((line) => (part.includes(' ') ? line.includes(part) : line === part)),
  );
  assert.deepEqual(left, [], `${name}: English in ${JSON.stringify(lines)}`);
  // Also what is in no catalogue, such as a sentence of the server.
  const sentences = lines.filter(
    (line) => sentence.test(line.replaceAll(command, '')) && !apart.some((form) => form.test(line)),
  );
  assert.deepEqual(sentences, [], `${name}: English sentences`);
}

/** At four widths, since a page may show other texts where it is narrow. axe-core looks at two of them. */
async function assertJapanese(page: Page, name: string): Promise<void> {
  assert.equal(await page.evaluate('document.documentElement.lang'), 'ja');
  for (const device of ['phone', 'notebook', 'desktop', 'wide'] as const) {
    await page.setViewportSize(viewports[device]);
    const check = device === 'phone' || device === 'desktop' ? checkShown : checkFits;
    await check(page, `ja-${name}-${device}`);
    await assertNoEnglish(page, `${name}-${device}`);
    const text = await page.evaluate<string>('document.body.innerText');
    assert.doesNotMatch(
      text,
      /[。、] +[\u3040-\u30ff\u4e00-\u9fff]/,
      `${name}-${device}: a space between sentences`,
    );
  }
}

const pages = [
  'now',
  'usage',
  'keys',
  'connect',
  'chat',
  'share',
  'engines',
  'policy',
  'certificates',
  'audit',
  'logs',
  'sessions',
] as const;
const inJapanese = { locale: 'ja-JP', bypassCSP: true };

test('every page of the dashboard is Japanese in a Japanese browser, empty and in use', {
  skip,
}, async (t) => {
  const { cli, signedIn } = await openDashboard(t);
  const page = await signedIn(inJapanese);
  for (const name of pages) {
    await showPage(page, ja[name].title);
    await assertJapanese(page, `${name}-empty`);
  }
  const proxy = await startProxy(cli, '--demo');
  const { key } = await createKey(cli, 'laptop', '--rpm', '60', '--tokens-per-day', '20000');
  assert.equal((await ask(proxy.baseUrl, key, 'hi')).status, 200);
  assert.equal((await cli.run('share', 'anna', '--no-wait')).code, 0);
  for (const name of pages) {
    await showPage(page, ja[name].title);
    await assertJapanese(page, name);
  }
  await showPage(page, ja.now.title);
  await page.getByText('内蔵のデモエンジンだけです').waitFor();
  assert.equal((await cli.run('engine', 'add', '127.0.0.1:1', '--kind', 'ollama')).code, 0);
  await showPage(page, ja.engines.title);
  await page.getByText('接続を拒否しています').waitFor();
  await assertNoEnglish(page, 'engine-down');
  await showPage(page, ja.connect.title);
  for (const { id, name } of clients) {
    await page.getByLabel(new RegExp(`^${ja.connect.client}`)).selectOption(id);
    await page.getByRole('heading', { name: clientName({ id, name }, ja.clients), exact: true }).waitFor();
    await assertNoEnglish(page, `connect-${id}`);
  }
  await showPage(page, ja.keys.title);
  await page.getByRole('button', { name: ja.keys.create }).click();
  await assertJapanese(page, 'key-create');
  await page.getByRole('button', { name: ja.cancel }).click();
  await page.getByRole('link', { name: 'laptop' }).first().click();
  await page.getByText(ja.keys.recent).waitFor();
  await assertJapanese(page, 'key-detail');
});

test('the reader changes the language, which lasts as long as the page and is stored nowhere', {
  skip,
}, async (t) => {
  const { signedIn } = await openDashboard(t);
  const page = await signedIn({ locale: 'ja-JP' });
  await showPage(page, ja.chat.title);
  await page.getByRole('navigation').getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { level: 1, name: en.chat.title }).waitFor();
  assert.equal(await page.evaluate('document.documentElement.lang'), 'en');
  assert.match(await page.title(), new RegExp(en.chat.title));
  await showPage(page, en.usage.title);
  await page.getByText(en.usage.empty).first().waitFor();
  await page.getByRole('navigation').getByRole('button', { name: '日本語' }).click();
  await page.getByText(ja.usage.empty).first().waitFor();
  assert.deepEqual(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]'), [
    0,
    0,
    '',
  ]);
});

test('the pages for holders of keys are Japanese in a Japanese browser', { skip }, async (t) => {
  const { cli, browser } = await openDashboard(t);
  const proxy = await startProxy(cli, '--demo', '--admin');
  const context = await browser.newContext(inJapanese);
  const page = await context.newPage();
  await page.goto(`${proxy.url}/`);
  await page.getByRole('heading', { name: ja.root.title }).waitFor();
  await assertJapanese(page, 'root');
  await page.goto(`${proxy.url}/flm/share`);
  await page.getByText(ja.guest.share.incomplete).waitFor();
  await assertJapanese(page, 'guest-share-incomplete');
  const made = await cli.run('share', 'anna', '--rpm', '20', '--no-wait', '--json');
  await page.goto(made.json<{ link: string }>().link);
  await page.reload();
  await page.getByRole('button', { name: ja.guest.share.make }).waitFor();
  await assertJapanese(page, 'guest-share');
  await page.getByRole('button', { name: ja.guest.share.make }).click();
  await page.getByRole('heading', { level: 1, name: ja.guest.share.ready('anna') }).waitFor();
  const key = (await page.locator('.secret code').textContent()) ?? '';
  await page.getByRole('button', { name: ja.guest.run }).click();
  await page.getByText(/正常に動作しています/).waitFor();
  await assertJapanese(page, 'guest-share-made');
  await page.goto(`${proxy.url}/flm/me`);
  await assertJapanese(page, 'me-key');
  await page.getByLabel(ja.guest.key).fill(key);
  await page.getByRole('button', { name: ja.guest.me.show }).click();
  await page.getByText(ja.guest.me.state('anna')).waitFor();
  await assertJapanese(page, 'me');
  await page.goto(`${proxy.url}/flm/`);
  await page.getByRole('heading', { level: 1, name: ja.signIn.title }).waitFor();
  await assertJapanese(page, 'sign-in');
  await context.close();
  const other = await (await browser.newContext({ locale: 'fr-FR' })).newPage();
  await other.goto(`${proxy.url}/`);
  await other.getByRole('heading', { name: en.root.title }).waitFor();
});
