/**
 * Pages in a real Chromium: a server of an origin of its own, a script that runs in the page, and what the page says.
 * The caller that opens a page closes it; the browser runs in a profile of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { rolldown } from 'rolldown';

export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) =>
  existsSync(path),
);
export const skip = chromiumPath === undefined ? 'Chromium is not installed' : false;

const quiet = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
  ...['--disable-background-networking', '--disable-component-update', '--enable-logging=stderr'],
];

/** The official SDK, as a page loads it. */
export async function bundleSdk(): Promise<string> {
  const entry = '\0page';
  const bundle = await rolldown({
    input: entry,
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? "export { default as OpenAI } from 'openai';" : null),
      },
    ],
    onLog: () => {},
  });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  return output[0].code;
}

export interface Site {
  readonly origin: string;
  /**
   * Runs the body of an async function in a fresh page, where `OpenAI` is the SDK: what it returned, or `{ failed }`, and
   * all that the console said until then. One visit at a time.
   */
  visit<T>(body: string): Promise<{ readonly said: T; readonly console: string }>;
  /** Also ends a visit that hangs. */
  close(): Promise<void>;
}

/** The last thing that a page logs. What it logs comes in order, but not on the way that its report takes. */
const lastLine = 'flm-test-page: this was all';

export async function openSite(sdk: string): Promise<Site> {
  let script = '';
  let heard: (text: string) => void = () => {};
  let browser: Browser | undefined;
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let text = '';
      request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      request.on('end', () => {
        heard(text);
        response.end();
      });
      return;
    }
    const [type, body] =
      request.url === '/sdk.js'
        ? ['text/javascript', sdk]
        : request.url === '/'
          ? ['text/html', '<!doctype html><meta charset=utf-8><script type=module src=/page.js></script>']
          : ['text/javascript', script];
    response.setHeader('content-type', type);
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    async visit(body) {
      script = `import { OpenAI } from '/sdk.js';
        const run = async () => { ${body} };
        const outcome = await run().catch((error) => ({ failed: String(error) }));
        await fetch('/report', { method: 'POST', body: JSON.stringify(outcome) });
        console.log(${JSON.stringify(lastLine)});`;
      const said = new Promise<string>((resolve) => {
        heard = resolve;
      });
      browser = new Browser(`${origin}/`);
      try {
        const [text] = await Promise.race([Promise.all([said, browser.logged(lastLine)]), browser.ended]);
        return { said: JSON.parse(text), console: browser.log };
      } finally {
        await browser.close();
      }
    },
    async close() {
      await browser?.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

class Browser {
  log = '';
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>;
  readonly #child: ChildProcess;
  readonly #profile = mkdtempSync(join(tmpdir(), 'flm-chromium-'));
  readonly #closed: Promise<unknown>;

  constructor(url: string) {
    // With the pipe of the debugger it ends when its parent does, also when that is killed.
    const args = [...quiet, `--user-data-dir=${this.#profile}`, '--remote-debugging-pipe', url];
    // A group of its own: the browser is many processes.
    this.#child = spawn(chromiumPath ?? '', args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.#profile },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    for (const pipe of this.#child.stdio.slice(3)) pipe?.on('error', () => {});
    this.#closed = once(this.#child, 'close');
    this.ended = this.#closed.then(() => {
      throw new Error(`Chromium ended before the page said anything.\n${this.log}`);
    });
    this.ended.catch(() => {});
  }

  /** Resolves when this stands in the log. */
  logged(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.log.includes(text)) return;
        this.#child.stderr?.off('data', look);
        resolve();
      };
      this.#child.stderr?.on('data', look);
      look();
    });
  }

  /** May come twice. */
  async close(): Promise<void> {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(-this.#child.pid, 'SIGKILL');
      } catch {
        // It is gone.
      }
    }
    await this.#closed;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
