/**
 * `flm` without a command: shows what runs, and the possible next commands.
 */
import type { Command } from 'commander';
import { type ProxyDocument, proxyDocument } from '../../core/proxy/proxy-document.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { isUsable } from '../../core/security/api-key.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, hanging, printable } from '../terminal/layout.ts';

const texts = t.next;

/** The output of `flm --json`. */
interface NextDocument {
  readonly proxies: readonly ProxyDocument[];
  /** The number of usable keys. */
  readonly keys: number;
  readonly next: readonly { readonly command: string; readonly does: string }[];
}

export function nextCommand(cli: Cli): Command {
  return leaf('flm', t.self.about.flm, 'flm').action(
    action(cli, async (session) => {
      const [views, keys] = await Promise.all([session.flm.proxies.status(), usableKeys(session)]);
      const proxies = views.map((v) => proxyDocument(v));
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
  const { does } = texts;
  const serves = views.some((v) => v.state === 'running');
  const key = { command: 'flm key create LABEL', does: does.createKey };
  if (!serves && views.some((v) => v.state === 'starting')) {
    return [
      { command: 'flm proxy status --watch', does: does.watch },
      { command: 'flm proxy stop', does: does.cancel },
      ...(keys === 0 ? [key] : []),
      { command: 'flm --help', does: does.help },
    ];
  }
  if (!serves) {
    const up = { command: 'flm up', does: does.up };
    const start = { command: 'flm proxy start', does: does.start };
    return [up, start, ...(keys === 0 ? [key] : []), { command: 'flm --help', does: does.help }];
  }
  return [
    ...(keys === 0 ? [key] : []),
    { command: 'flm chat', does: does.chat },
    { command: 'flm connect', does: does.connect },
    { command: 'flm tail', does: does.tail },
    { command: 'flm proxy stop', does: does.stop },
    { command: 'flm --help', does: does.help },
  ];
}

const stateStyles = {
  starting: 'yellow',
  running: 'green',
  draining: 'yellow',
  'not-answering': 'red',
} as const;

function nextText({ proxies, keys, next }: NextDocument, { terminal }: Session): string {
  const { paint, link, tableColumns } = terminal;
  const lines = proxies.flatMap((p) => {
    const state = paint(stateStyles[p.state], texts.states[p.state]);
    const more = [
      texts.profile(p.profile),
      ...(p.engines === undefined ? [] : [texts.engines(p.engines.length)]),
      ...(p.models === undefined ? [] : [texts.models(p.models)]),
      ...(p.reach === undefined ? [] : [texts.reach(translated(p.reach))]),
    ];
    return [
      texts.proxy(state, link(paint('cyan', p.baseUrl), p.url)),
      hanging('  ', texts.details(t.units.list(more), p.id), tableColumns),
    ];
  });
  if (lines.length === 0) lines.push(texts.noProxy);
  lines.push(texts.keys(keys));
  for (const warning of new Set(proxies.flatMap((p) => p.warnings ?? [])))
    lines.push(hanging(`${paint('yellow', '!')} `, printable(translated(warning)), tableColumns));
  const steps = facts(
    next.map(({ command, does }) => [`  ${paint('bold', command)}`, does] as const),
    tableColumns,
  );
  return [...lines, '', texts.next, steps].join('\n');
}
