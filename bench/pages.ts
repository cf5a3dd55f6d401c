/**
 * Measures the pages of the dashboard in Chromium: the first paint after sign-in, and the time from a click in the
 * navigation until the page has loaded what it shows. Does nothing where Chromium is not installed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { median, quantile } from './machine.ts';
import { flmCommand } from './peers/flm.ts';
import { end } from './processes.ts';

const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

/** Runs in the page: opens one page, and gives the milliseconds until nothing of it is loading. */
const openPage = `(href) => new Promise((resolve) => {
  const begun = performance.now();
  const before = document.querySelector('h1')?.textContent;
  location.hash = href;
  const look = () => {
    const isShown = document.querySelector('h1')?.textContent !== before;
    const tookMs = performance.now() - begun;
    if ((isShown && document.querySelector('.loading') === null) || tookMs > 20_000) resolve(tookMs);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})`;
const firstPaint = `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN`;

export async function measurePages(home: string, times: number): Promise<void> {
  if (chromiumPath === undefined) return console.log('\nChromium is not installed: no page was measured.');
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const paints: number[] = [];
    let page: Page | undefined;
    for (let i = 0; i < Math.max(2, times / 4); i++) {
      page = await signIn(browser, home);
      paints.push(Number(await page.evaluate(firstPaint)));
    }
    if (page === undefined) return;
    console.log(`\nfirst paint ${text(median(paints))}, p95 ${text(quantile(paints, 0.95))}`);
    const links = await page.evaluate<string[]>(
      "[...new Set([...document.querySelectorAll('nav a')].map((a) => a.getAttribute('href')))]",
    );
    // The page that is shown already comes last.
    links.push(...links.splice(0, 1));
    const taken = new Map<string, number[]>(links.map((href) => [href, []]));
    for (let i = 0; i < times; i++)
      for (const href of links) {
        const ms = Number(await page.evaluate(`(${openPage})(${JSON.stringify(href)})`));
        // The first round also compiles the code of the page.
        if (i > 0) taken.get(href)?.push(ms);
      }
    for (const [href, ms] of taken)
      console.log(`${`page ${href}`.padEnd(20)} p50 ${text(median(ms))}   p95 ${text(quantile(ms, 0.95))}`);
  } finally {
    await browser.close();
    for (const child of started.splice(0)) await end(child);
  }
}

const started: ChildProcess[] = [];

/** A new browser profile, signed in by a link of its own `flm ui`. */
async function signIn(browser: Browser, home: string): Promise<Page> {
  const child = spawn(process.execPath, [flmCommand, 'ui', '--json', '--no-open'], {
    env: { ...process.env, FLM_SETUP: 'off', FLM_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const page = await (await browser.newContext()).newPage();
  await page.goto((JSON.parse(line) as { readonly link: string }).link);
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}

const text = (ms: number): string => `${ms.toFixed(0)} ms`.padStart(8);
