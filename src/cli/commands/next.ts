/**
 * `flm` without a command: shows what runs, and the possible next commands.
 */
import type { Command } from 'commander';
import { proxyUrl } from '../../core/proxy/proxy-handle.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { isUsable } from '../../core/security/api-key.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { facts, printable } from '../terminal/layout.ts';
import { type ProxyDocument, proxyDocument } from '../views/proxy-view.ts';

/** The output of `flm --json`. */
interface NextDocument {
  readonly proxies: readonly ProxyDocument[];
  /** The number of usable keys. */
  readonly keys: number;
  readonly next: readonly { readonly command: string; readonly does: string }[];
}

export function nextCommand(cli: Cli): Command {
  return leaf('flm', 'show what runs and what to do next', 'flm').action(
    action(cli, async (session) => {
      const [views, keys] = await Promise.all([session.flm.proxies.status(), usableKeys(session)]);
      const proxies = views.map((v) => proxyDocument(v, 'status' in v ? v.status.url : proxyUrl(v.handle)));
      const found: NextDocument = { proxies, keys, next: stepsOf(views, keys) };
      if (session.json) session.terminal.out(JSON.stringify(found));
      else session.terminal.out(nextText(found, session));
    }),
  );
}

async function usableKeys({ flm }: Session): Promise<number> {
  const nowMs = flm.machine.clock.nowMs();
  const keys = await flm.security.records();
  return keys.filter((record) => isUsable(record, nowMs)).length;
}

function stepsOf(views: readonly ProxyView[], keys: number): NextDocument['next'] {
  const serves = views.some((v) => v.state === 'running');
  const key = { command: 'flm key create LABEL', does: 'make a key for a client' };
  if (!serves && views.some((v) => v.state === 'starting')) {
    return [
      { command: 'flm proxy status --watch', does: 'see when the proxy is ready' },
      { command: 'flm proxy stop', does: 'cancel the start' },
      ...(keys === 0 ? [key] : []),
      { command: 'flm --help', does: 'everything else' },
    ];
  }
  if (!serves) {
    const up = { command: 'flm up', does: 'find the engines, start a proxy and print how to use it' };
    const start = { command: 'flm proxy start', does: 'start a proxy in the background' };
    return [up, start, ...(keys === 0 ? [key] : []), { command: 'flm --help', does: 'everything else' }];
  }
  return [
    ...(keys === 0 ? [key] : []),
    { command: 'flm chat', does: 'talk to a model through the proxy' },
    { command: 'flm connect', does: 'settings for Open WebUI, Codex, Claude Code, SDKs ...' },
    { command: 'flm tail', does: 'watch requests as they happen' },
    { command: 'flm proxy stop', does: 'finish running requests, then stop' },
    { command: 'flm --help', does: 'everything else' },
  ];
}

function nextText({ proxies, keys, next }: NextDocument, { terminal }: Session): string {
  const { paint } = terminal;
  const lines = proxies.map((p) => {
    const engines = p.engines === undefined ? '' : `, ${counted(p.engines.length, 'engine')}`;
    const models = p.models === undefined ? '' : `, ${counted(p.models, 'model')}`;
    const reach = p.reach === undefined ? '' : `, for ${p.reach}`;
    const state = {
      starting: 'Starting',
      running: 'Running',
      draining: 'Draining',
      'not-answering': 'Not answering',
    }[p.state];
    return `${state}: ${paint('cyan', p.baseUrl)}  (${p.id}, profile ${p.profile}${engines}${models}${reach})`;
  });
  if (lines.length === 0) lines.push('No proxy is running.');
  lines.push(keys === 0 ? 'No key exists yet.' : `${counted(keys, 'key')} can be used.`);
  for (const warning of new Set(proxies.flatMap((p) => p.warnings ?? [])))
    lines.push(`${paint('yellow', '!')} ${printable(warning)}`);
  const steps = facts(next.map(({ command, does }) => [`  ${paint('bold', command)}`, does] as const));
  return [...lines, '', 'Next:', steps].join('\n');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
