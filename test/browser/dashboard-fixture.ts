/**
 * The dashboard in a real Chromium: the real `flm ui`, browser profiles that are signed in, moving between pages, and
 * checks that hold for every page.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { chromiumPath } from './page.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const arguments_ = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];

export interface DashboardFixture {
  readonly cli: TestCli;
  readonly browser: Browser;
  /** A new browser profile that opened a fresh sign-in link. */
  signedIn(options?: Parameters<Browser['newContext']>[0]): Promise<Page>;
}

/** `env` adds variables to every `flm`. */
export async function openDashboard(
  t: TestContext,
  env: Readonly<Record<string, string>> = {},
): Promise<DashboardFixture> {
  const cli = makeCli(t, env);
  const browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: arguments_ });
  t.after(() => browser.close());
  return {
    cli,
    browser,
    async signedIn(options) {
      const running = cli.start('ui', '--json', '--no-open');
      const [text] = await running.saw(/^\{.*\}$/m);
      const page = await (await browser.newContext(options)).newPage();
      page.on('pageerror', (error) => assert.fail(error));
      await page.goto((JSON.parse(text) as { link: string }).link);
      await page.getByRole('heading', { level: 1 }).waitFor();
      return page;
    },
  };
}

/** Opens a page by its entry in the navigation, and waits until it has loaded. */
export async function showPage(page: Page, title: string): Promise<void> {
  const navigation = page.getByRole('navigation');
  const entry = navigation.getByRole('link', { name: title, exact: true });
  // On a phone, most entries are behind a button.
  if (!(await entry.isVisible())) await navigation.getByRole('button').click();
  await entry.click();
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  const loading = page.locator('.loading');
  while ((await loading.count()) > 0) await loading.first().waitFor({ state: 'detached' });
}

/** Sends a chat request to the demo engine with a key. */
export async function ask(baseUrl: string, key: string, content: string): Promise<Response> {
  // A short answer: the demo engine speaks as slowly as a real one.
  const body = JSON.stringify({ model: 'flm-demo', max_tokens: 3, messages: [{ role: 'user', content }] });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body });
}

export const viewports = {
  phone: { width: 360, height: 740 },
  tablet: { width: 600, height: 900 },
  notebook: { width: 900, height: 700 },
  desktop: { width: 1280, height: 800 },
  wide: { width: 2560, height: 1200 },
} as const;
type Device = keyof typeof viewports;

/** Widths at which axe-core looks: each layout once in light, and the narrowest and the usual one in dark. */
const lookedAt: Readonly<Record<'light' | 'dark', readonly Device[]>> = {
  light: ['phone', 'tablet', 'desktop'],
  dark: ['phone', 'desktop'],
};

/**
 * Shows each page at every width: no page is wider than the window, and axe-core finds nothing in light and dark.
 * FLM_SCREENSHOTS=FOLDER keeps a picture of each.
 */
export async function checkPages(
  { signedIn }: Pick<DashboardFixture, 'signedIn'>,
  titles: readonly string[],
): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await signedIn({ colorScheme, bypassCSP: true });
    // The layout is the same in dark.
    const devices = colorScheme === 'light' ? (Object.keys(viewports) as Device[]) : lookedAt.dark;
    for (const device of devices) {
      await page.setViewportSize(viewports[device]);
      for (const title of titles) {
        await showPage(page, title);
        const check = lookedAt[colorScheme].includes(device) ? checkShown : checkFits;
        await check(page, `${title}-${device}-${colorScheme}`);
      }
    }
    await page.context().close();
  }
}

/** Checks what a page shows now, such as a dialog, on a phone and on a desktop. The page bypasses its CSP for axe-core. */
export async function checkView(page: Page, name: string): Promise<void> {
  for (const device of ['phone', 'desktop'] as const) {
    await page.setViewportSize(viewports[device]);
    await checkShown(page, `${name}-${device}`);
  }
}

/** Checks what a page shows now. The page bypasses its CSP for axe-core. */
export async function checkShown(page: Page, name: string): Promise<void> {
  await checkFits(page, name);
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(axe);
  const violations = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map((v) => v.id + ': ' + v.nodes[0].html))",
  );
  assert.deepEqual(violations, [], name);
}

/**
 * Checks that what a page shows now is not wider than the window, and keeps its picture. Charts take the new width of a
 * window a moment after it changed.
 */
export async function checkFits(page: Page, name: string): Promise<void> {
  await page
    .waitForFunction('document.documentElement.scrollWidth <= innerWidth')
    .catch((cause: unknown) => assert.fail(`${name} is wider than the window: ${String(cause)}`));
  const screenshots = process.env.FLM_SCREENSHOTS;
  if (screenshots === undefined) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}
