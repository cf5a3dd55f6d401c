/**
 * Draws the live view of `flm top` as lines of a screen: what happens in one line, engines, running requests, the last ones
 * that ended, and the keys. It depends on its arguments only.
 */
import type { EngineDocument } from '../../core/engine/engine-document.ts';
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import type { OfProxy } from '../../core/proxy/request-directory.ts';
import type { RunningRequest } from '../../core/proxy/running-request.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { type FixedColumn, fixedColumns } from '../terminal/fixed-columns.ts';
import { clockTime, fit, printable, wrap } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { amount, shortTime } from '../terminal/units.ts';
import { requestText, tailColumns } from '../views/request-view.ts';
import { engineStyle } from '../views/status-view.ts';

const texts = t.top;

export interface TopView {
  readonly nowMs: number;
  readonly proxies: number;
  readonly engines: readonly EngineDocument[];
  /** Oldest first. */
  readonly requests: readonly OfProxy<RunningRequest>[];
  /** Newest first. */
  readonly ended: readonly RequestLine[];
  /** Id of the selected request. */
  readonly selected: string | undefined;
  /** A question or a result, in place of the keys. */
  readonly message: string | undefined;
}

type Paint = Pick<Terminal, 'paint'>;

const engineColumns: readonly FixedColumn<keyof typeof texts.engineColumns>[] = [
  { name: 'engine', width: 16, most: 28 },
  { name: 'state', width: 8 },
  { name: 'busy', width: 7 },
  { name: 'waits', width: 4, right: true },
  { name: 'speed', width: 6, right: true },
];
const requestColumns: readonly FixedColumn<keyof typeof texts.requestColumns>[] = [
  { name: 'key', width: 12, least: 8, most: 28 },
  { name: 'model', width: 16, least: 10, most: 40 },
  { name: 'engine', width: 10, most: 20, drop: 3 },
  { name: 'state', width: 9 },
  { name: 'age', width: 6, right: true },
  { name: 'first', width: 6, right: true, drop: 2 },
  { name: 'tokens', width: 6, right: true, drop: 4 },
  { name: 'speed', width: 6, right: true },
  { name: 'client', width: 15, most: 39, drop: 1 },
];

/** At most `rows` lines of at most `columns` columns. */
export function topScreen(view: TopView, size: { columns: number; rows: number }, paint: Paint): string[] {
  const { columns, rows } = size;
  const footer = footerOf(view, paint);
  const lines = [headline(view, columns, paint), ''];
  if (view.proxies === 0) return filled([...lines, ...wrap(texts.noProxy, columns)], rows, footer);
  // Half of the screen is for requests; engines and ended requests share the rest.
  const space = rows - lines.length - 2;
  const engineRows = Math.max(1, Math.min(view.engines.length, Math.floor(space / 3) - 2));
  lines.push(...engineLines(view, columns, engineRows, paint), '');
  const left = rows - lines.length - 2;
  const endedRows = left > 9 ? Math.min(5, Math.floor(left / 3), view.ended.length) : 0;
  const requestRows = Math.max(1, left - 1 - (endedRows > 0 ? endedRows + 2 : 0));
  lines.push(...requestLines(view, columns, requestRows, paint));
  if (endedRows > 0) {
    const tail = tailColumns(columns);
    const terminal = { paint: paint.paint, outIsTerminal: true, tableColumns: Number.POSITIVE_INFINITY };
    lines.push('', paint.paint('dim', texts.ended));
    lines.push(...view.ended.slice(0, endedRows).map((line) => requestText(line, tail, terminal)));
  }
  return filled(lines, rows, footer);
}

function filled(lines: readonly string[], rows: number, footer: string): string[] {
  const body = lines.slice(0, rows - 1);
  return [...body, ...Array<string>(Math.max(0, rows - 1 - body.length)).fill(''), footer];
}

function headline({ nowMs, proxies, requests }: TopView, columns: number, { paint }: Paint): string {
  const waiting = requests.filter(({ state }) => state === 'waiting').length;
  const speed = requests.reduce((sum, { tokensPerSecond }) => sum + (tokensPerSecond ?? 0), 0);
  const parts = [
    texts.proxies(proxies),
    texts.running(requests.length - waiting),
    texts.waiting(waiting),
    texts.speed(speed.toFixed(1)),
  ];
  const clock = clockTime(nowMs);
  const left = `${texts.title}  ${t.units.list(parts)}`;
  const shown = fit(left, columns - clock.length - 2);
  return `${paint('bold', shown.slice(0, texts.title.length))}${shown.slice(texts.title.length)}  ${clock}`;
}

function footerOf({ message, requests }: TopView, { paint }: Paint): string {
  if (message !== undefined) return paint('yellow', message);
  return paint('dim', requests.length === 0 ? texts.keysWithoutRequest : texts.keys);
}

function engineLines(view: TopView, columns: number, rows: number, { paint }: Paint): readonly string[] {
  if (view.engines.length === 0) return wrap(texts.noEngine, columns);
  const shown = fixedColumns(engineColumns, columns, { width: 20, least: 8 });
  const head = [
    ...shown.map(({ name, width, right }) => fit(texts.engineColumns[name], width, right)),
    texts.engineColumns.models,
  ].join('  ');
  // An older proxy may know a state that has no text.
  const states: Readonly<Record<string, string>> = texts.engineStates;
  const lines = view.engines.slice(0, rows).map((engine) => {
    const speed = view.requests
      .filter((request) => request.engine === engine.id)
      .reduce((sum, { tokensPerSecond }) => sum + (tokensPerSecond ?? 0), 0);
    const { inFlight, slots, queued } = engine;
    const cells = {
      engine: engine.id,
      state: states[engine.state] ?? engine.state,
      busy: slots === undefined ? String(inFlight) : texts.busy(inFlight, slots),
      waits: queued === undefined ? '-' : String(queued),
      speed: speed === 0 ? '-' : speed.toFixed(1),
      models: '',
    };
    const front = shown.map(({ name, width, right }) => {
      const text = fit(cells[name], width, right);
      return name === 'state' ? paint(engineStyle(engine.state), text) : text;
    });
    return [...front, modelsText(engine)].join('  ');
  });
  const more = view.engines.length - rows;
  return [paint('dim', head), ...lines, ...(more > 0 ? [texts.moreEngines(more)] : [])];
}

/** Models in memory come first. */
function modelsText({ models, note, state }: EngineDocument): string {
  if (state !== 'running' && note !== undefined) return printable(translated(note));
  const sorted = models.toSorted((a, b) => Number(b.loaded === true) - Number(a.loaded === true));
  return printable(sorted.map(({ id }) => id).join(', ') || '-');
}

function requestLines(view: TopView, columns: number, rows: number, { paint }: Paint): readonly string[] {
  const { requests, selected } = view;
  if (requests.length === 0) return wrap(texts.noRequest, columns);
  const shown = fixedColumns(requestColumns, columns - 2, { width: 0, least: 0 });
  const head = shown
    .map(({ name, width, right }) => fit(texts.requestColumns[name], width, right))
    .join('  ');
  // The selected request stays in view.
  const at = Math.max(
    0,
    requests.findIndex(({ id }) => id === selected),
  );
  const fitting = requests.length > rows ? rows - 1 : rows;
  const from = Math.max(0, Math.min(at - Math.floor(fitting / 2), requests.length - fitting));
  const lines = requests.slice(from, from + fitting).map((request) => {
    const cells = {
      key: printable(request.keyLabel),
      model: printable(request.model ?? request.route),
      engine: request.engine ?? '-',
      state: stateText(request),
      age: shortTime(request.ageMs),
      first: request.firstByteMs === null ? '-' : shortTime(request.firstByteMs),
      tokens: request.outputTokens === 0 ? '-' : amount(request.outputTokens),
      speed: request.tokensPerSecond === null ? '-' : request.tokensPerSecond.toFixed(1),
      client: printable(request.client),
    };
    const text = shown
      .map(({ name, width, right }) => {
        const cell = fit(cells[name], width, right);
        return name === 'state' ? paint(request.state === 'waiting' ? 'yellow' : 'green', cell) : cell;
      })
      .join('  ');
    return request.id === selected ? `${paint('bold', '>')} ${text}` : `  ${text}`;
  });
  const more = requests.length - fitting;
  return [paint('dim', `  ${head}`), ...lines, ...(more > 0 ? [`  ${texts.moreRequests(more)}`] : [])];
}

function stateText({ state, queuePosition }: RunningRequest): string {
  return state === 'waiting' && queuePosition !== null ? texts.waitingAt(queuePosition) : texts.states[state];
}
