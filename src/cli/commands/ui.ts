/**
 * `flm ui`: serves the dashboard on this machine until Ctrl-C, and opens it in the browser.
 *
 * The secret that signs in is never an argument of a program, which other users could see in the list of processes: the
 * browser opens a private file that posts it. The printed link has it in the fragment, which no request carries.
 */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, Option } from 'commander';
import { ProxyError } from '../../core/errors.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { number } from '../config-flags.ts';
import { messageForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';

const texts = t.ui;

interface UiFlags {
  readonly port?: string;
  readonly open: boolean;
}

export function uiCommand(cli: Cli): Command {
  return leaf('ui', texts.help, 'flm ui\nflm ui --no-open --port 8485')
    .addOption(new Option('--port <number>', texts.options.port))
    .option('--no-open', texts.options.noOpen)
    .action(
      action(cli, async (session, flags: UiFlags) => {
        const port = number(flags.port) ?? 0;
        if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > 65_535)
          throw usageError('ui', texts.port);
        await serve(session, port, flags.open);
      }),
    );
}

async function serve(session: Session, port: number, opens: boolean): Promise<void> {
  const { flm, terminal, signal, json } = session;
  const { startDashboard } = await import('../../app/dashboard.ts');
  const onError = (error: unknown): void =>
    terminal.talk(`${terminal.paint('red', '!')} ${messageForPeople(error)}`);
  const dashboard = await startDashboard(flm, { port, onError }).catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'EACCES' ? 'PROXY_PORT_FORBIDDEN' : 'PROXY_PORT_IN_USE';
    throw new ProxyError(code, { params: { address: '127.0.0.1', port, holder: '' }, cause });
  });
  const file = join(flm.machine.paths.run, `ui-${process.pid}.html`);
  try {
    const link = `${dashboard.url}/flm/#ticket=${dashboard.issueTicket()}`;
    if (json) terminal.out(JSON.stringify({ url: `${dashboard.url}/flm/`, link, linkSeconds: 120 }));
    const hasOpened = !json && opens && (await openInBrowser(session, file, dashboard));
    if (!json) {
      terminal.out(texts.dashboard(terminal.paint('cyan', `${dashboard.url}/flm/`)));
      if (!hasOpened) terminal.out(`${texts.openOnce}\n  ${link}`);
      terminal.talk(texts.ends);
    }
    await aborted(signal);
  } finally {
    rmSync(file, { force: true });
    await dashboard.close();
  }
}

/** False where this machine has no program that opens a browser. */
async function openInBrowser(
  { flm }: Session,
  file: string,
  dashboard: { readonly url: string; issueTicket(): string },
): Promise<boolean> {
  const opener = { darwin: 'open', win32: 'explorer' }[process.platform as string] ?? 'xdg-open';
  const program = await flm.machine.findProgram(opener);
  if (program === undefined) return false;
  writeFileSync(file, signInPage(dashboard.url, dashboard.issueTicket()), { mode: 0o600, flag: 'wx' });
  const child = spawn(program, [process.platform === 'win32' ? file : pathToFileURL(file).href], {
    stdio: 'ignore',
    detached: true,
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(false));
    child.on('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

/** A file of this user's own: its script runs with the origin `null` and posts the ticket. */
function signInPage(url: string, ticket: string): string {
  return `<!doctype html>
<html lang="${texts.language}"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>flm</title>
<form method="post" action="${url}/flm/session/redeem"><input type="hidden" name="ticket" value="${ticket}">
<button>${texts.open}</button></form>
<script>document.forms[0].submit()</script></html>
`;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
