/**
 * Shows proxies as text: one row for each in a table, and one proxy in detail.
 */
import type { EngineDocument } from '../../core/engine/engine-document.ts';
import type { RankReading } from '../../core/engine/engine-rank.ts';
import type { CertificateDocument, ProxyDocument } from '../../core/proxy/proxy-document.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { duration, facts, grid, hanging, moment, printable, table } from '../terminal/layout.ts';
import type { Style, Terminal } from '../terminal/terminal.ts';
import { amount } from '../terminal/units.ts';

const texts = t.status;
const { units } = t;

type StatusTerminal = Pick<Terminal, 'paint' | 'link' | 'outIsTerminal' | 'tableColumns'>;

/** One row for each proxy, then what needs attention. */
export function proxiesText(proxies: readonly ProxyDocument[], terminal: StatusTerminal): string {
  const { columns } = texts;
  const head = [
    // Commands take the profile as well.
    { name: columns.proxy, drop: 4 },
    { name: columns.state },
    { name: columns.profile, fixed: true },
    { name: columns.endpoint, fixed: true },
    { name: columns.up, right: true, drop: 3 },
    { name: columns.keys, right: true, drop: 1 },
    { name: columns.requests, right: true, drop: 2 },
    { name: columns.now, drop: 5 },
    { name: columns.engines },
  ];
  const rows = proxies.map((proxy) => [
    proxy.id,
    stateText(proxy, terminal),
    proxy.profile,
    terminal.link(terminal.paint('cyan', proxy.baseUrl), proxy.url),
    proxy.uptimeSeconds === undefined ? '-' : duration(proxy.uptimeSeconds),
    proxy.keys === undefined ? '-' : String(proxy.keys),
    proxy.requestsTotal === undefined ? '-' : amount(proxy.requestsTotal),
    nowText(proxy),
    enginesText(proxy.engines ?? [], terminal),
  ]);
  const several = proxies.length > 1;
  const attention = proxies.flatMap((proxy) =>
    attentionOn(proxy, terminal).map((text) => (several ? `${proxy.profile}: ${text}` : text)),
  );
  const marks = attention.map((text) =>
    hanging(`${terminal.paint('yellow', '!')} `, text, terminal.tableColumns),
  );
  const [first] = proxies;
  const details =
    first === undefined || !terminal.outIsTerminal
      ? []
      : [terminal.paint('dim', texts.details(first.profile))];
  const sent = proxies.flatMap((proxy) => {
    const text = telemetryText(proxy);
    if (text === undefined) return [];
    return [`${several ? `${proxy.profile}: ` : ''}${texts.facts.telemetry} ${text}`];
  });
  const below = [...marks, ...sent, ...details];
  const top = table(head, rows, terminal.tableColumns);
  return below.length === 0 ? top : [top, '', ...below].join('\n');
}

/** A proxy with everything that its status holds. */
export function proxyText(proxy: ProxyDocument, terminal: StatusTerminal): string {
  const { paint, tableColumns } = terminal;
  const { id, pid, profile, successor, version, uptimeSeconds } = proxy;
  const name = texts.facts;
  const replaced = successor === undefined ? [] : [texts.replacedBy(successor)];
  const up = uptimeSeconds === undefined ? undefined : duration(uptimeSeconds);
  const lines = facts(
    [
      [paint('bold', id), units.list([stateText(proxy, terminal), ...replaced, texts.profile(profile)])],
      [`  ${name.process}`, texts.process(pid, version, up)],
      [`  ${name.endpoint}`, terminal.link(paint('cyan', proxy.baseUrl), proxy.url)],
      [
        `  ${name.network}`,
        proxy.networkUrls?.map((url) => terminal.link(paint('cyan', `${url}/v1`), url)).join('\n') ||
          undefined,
      ],
      [
        `  ${name.dashboard}`,
        proxy.dashboardUrl && terminal.link(paint('cyan', proxy.dashboardUrl), proxy.dashboardUrl),
      ],
      [`  ${name.reach}`, proxy.reach === undefined ? undefined : translated(proxy.reach)],
      [`  ${name.certificate}`, certificateText(proxy.certificate)],
      [`  ${name.keys}`, proxy.keys === undefined ? undefined : String(proxy.keys)],
      [`  ${name.requests}`, requestsText(proxy)],
      [`  ${name.limits}`, limitsText(proxy)],
      [`  ${name.database}`, proxy.store?.database],
      [`  ${name.telemetry}`, telemetryText(proxy)],
      [`  ${name.engines}`, engineLines(proxy.engines ?? [], terminal) || undefined],
    ],
    tableColumns,
  );
  const mark = paint(proxy.state === 'not-answering' ? 'red' : 'yellow', '!');
  const problems = (proxy.warnings ?? []).map((text) =>
    hanging(`  ${mark} `, printable(translated(text)), terminal.tableColumns),
  );
  return [lines, ...problems].join('\n');
}

function limitsText({ limiter }: ProxyDocument): string | undefined {
  if (limiter === undefined) return undefined;
  return limiter.state === 'shared' ? texts.limitsShared(limiter.nodes) : texts.limitsAlone;
}

/** Undefined where nothing is sent. */
export function telemetryText({ telemetry }: ProxyDocument): string | undefined {
  if (telemetry === undefined) return undefined;
  const { endpoint, spansSent, requestsDropped } = telemetry;
  const dropped = requestsDropped === 0 ? undefined : amount(requestsDropped);
  return texts.telemetryTo(printable(endpoint), amount(spansSent), dropped);
}

const stateStyles = {
  starting: 'yellow',
  running: 'green',
  draining: 'yellow',
  'not-answering': 'red',
} as const satisfies Record<ProxyDocument['state'], Style>;

export function stateText({ state }: ProxyDocument, { paint }: Pick<Terminal, 'paint'>): string {
  return paint(stateStyles[state], texts.states[state]);
}

/** What a reader of the table must know about the proxy. */
function attentionOn(proxy: ProxyDocument, terminal: StatusTerminal): readonly string[] {
  const lines: string[] = [];
  if (proxy.successor !== undefined) lines.push(texts.drainsFor(proxy.id, proxy.successor));
  for (const { id, state, note, rank } of proxy.engines ?? []) {
    // Most warnings about an engine name it and its fix.
    const isTold = proxy.warnings?.some((warning) => warning.includes(`ngine ${id} `)) === true;
    if (state !== 'running' && !isTold) {
      const said = terminal.paint(engineStyle(state), texts.engineState(id, engineStateText(state)));
      lines.push(texts.engineNote(said, note && printable(translated(note))));
    }
    if (rank !== undefined) lines.push(texts.engineRank(id, rankText(rank)));
  }
  return [...lines, ...(proxy.warnings ?? []).map((text) => printable(translated(text)))];
}

function nowText({ inFlight, queued = 0 }: ProxyDocument): string {
  if (inFlight === undefined) return '-';
  return queued === 0 ? String(inFlight) : units.list([String(inFlight), texts.waiting(queued)]);
}

/** `2 up, 1 down`. */
function enginesText(engines: readonly EngineDocument[], { paint }: Pick<Terminal, 'paint'>): string {
  const words = texts.engineStates;
  const parts = (['running', 'degraded', 'down'] as const).flatMap((state) => {
    const count = engines.filter((e) => e.state === state).length;
    return count === 0 ? [] : [texts.engineCount(count, paint(engineStyle(state), words[state]))];
  });
  return units.list(parts) || '-';
}

export function engineStyle(state: string): Style {
  return state === 'running' ? 'green' : state === 'degraded' ? 'yellow' : 'red';
}

/** The document has a text, because a newer proxy may have more states. */
export function engineStateText(state: string): string {
  const states: Readonly<Record<string, string>> = t.engine.states;
  return states[state] ?? state;
}

/** The address of an engine; the demo engine has none that others can use. */
export function engineAddress({ url }: Pick<EngineDocument, 'url'>): string {
  return url.startsWith('unix:') ? texts.builtIn : url;
}

/** Undefined for plain HTTP. */
export function certificateText(certificate: CertificateDocument | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  const { names, leftOut, expiresAt, authorityFile, renewsAt, expired } = certificate;
  const { renewsBecause, renewalExplanationUrl } = certificate;
  const { certificate: said } = texts;
  const end = moment(Date.parse(expiresAt));
  const renewal = renewsAt === undefined ? [] : [said.renewed(moment(Date.parse(renewsAt)))];
  if (renewal.length > 0 && renewsBecause === 'ca-window')
    renewal.push(said.suggested(printable(renewalExplanationUrl ?? '')));
  const validity = units.list([expired ? said.expired(end) : said.until(end), ...renewal]);
  const lines = [units.clauses([said.names(names.join(', ')), validity])];
  if (leftOut.length > 0) lines.push(said.leftOut(leftOut.join(', ')));
  if (authorityFile !== undefined) lines.push(said.authority(authorityFile));
  return lines.join('\n');
}

function engineLines(engines: readonly EngineDocument[], terminal: StatusTerminal): string {
  const { paint } = terminal;
  const rows = engines.map((engine) => [
    engine.id,
    paint(engineStyle(engine.state), engineStateText(engine.state)),
    `${engine.kind}${engine.version === undefined ? '' : ` ${printable(engine.version)}`}`,
    engineAddress(engine),
    texts.models(engine.models.length),
    engine.slots === undefined ? '' : slotsText(engine, engine.slots),
  ]);
  const lines = grid(rows);
  return engines
    .map(({ rank }, i) =>
      rank === undefined ? lines[i] : `${lines[i]}\n  ${paint('yellow', rankText(rank))}`,
    )
    .join('\n');
}

/** Why an engine does not rank like the others. */
export function rankText({ state, reason, keys, keyCount }: RankReading): string {
  const { ranks } = texts;
  switch (state) {
    case 'last':
      return ranks.last(printable(translated(reason)));
    case 'returning':
      return ranks.returning(printable(translated(reason)));
    case 'last-for-keys':
      return ranks.lastForKeys(
        printable(keys.join(', ')),
        keyCount - keys.length,
        printable(translated(reason)),
      );
    default:
      return state satisfies never;
  }
}

/** `1 of 2 slots taken, 3 wait` */
function slotsText({ inFlight, queued = 0 }: EngineDocument, slots: number): string {
  const taken = texts.slots(inFlight, slots);
  return queued === 0 ? taken : units.list([taken, texts.waiting(queued)]);
}

function requestsText({ requestsTotal, inFlight = 0, queued = 0 }: ProxyDocument): string | undefined {
  return requestsTotal === undefined
    ? undefined
    : texts.requests(amount(requestsTotal), inFlight, queued === 0 ? undefined : texts.waiting(queued));
}
