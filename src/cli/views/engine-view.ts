/**
 * Shows engines as text and as JSON: one line each, or one engine in detail.
 */
import type { EmbeddingsCheck } from '../../core/engine/engine.ts';
import type { EngineDocument, ExaminedDocument } from '../../core/engine/engine-document.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, hanging, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { shortTime } from '../terminal/units.ts';
import { engineAddress, engineStateText, engineStyle, rankText } from './status-view.ts';

const texts = t.engine;

export function enginesTable(
  engines: readonly (EngineDocument & { readonly product?: string })[],
  terminal: Pick<Terminal, 'paint' | 'tableColumns'>,
): string {
  const { columns } = texts;
  const head = [
    { name: columns.id },
    { name: columns.state },
    { name: columns.kind, drop: 3 },
    { name: columns.address },
    { name: columns.latency, right: true, drop: 2 },
    { name: columns.busy },
    { name: columns.from, drop: 1 },
    { name: columns.models },
  ];
  const origins: Readonly<Record<string, string>> = texts.origins;
  const rows = engines.map((e) => [
    e.id,
    terminal.paint(engineStyle(e.state), engineStateText(e.state)),
    printable(`${e.product ?? e.kind}${e.version === undefined ? '' : ` ${e.version}`}`),
    engineAddress(e),
    e.latencyMs === undefined ? '-' : shortTime(e.latencyMs),
    busyText(e),
    origins[e.origin] ?? e.origin,
    modelsText(e),
  ]);
  const notes = engines.flatMap((e) =>
    notesOf(e).map((note) =>
      hanging(`${terminal.paint('yellow', '!')} `, `${e.id}: ${note}`, terminal.tableColumns),
    ),
  );
  const shown = table(head, rows, terminal.tableColumns);
  return notes.length === 0 ? shown : [shown, '', ...notes].join('\n');
}

export function examinedText(
  engine: ExaminedDocument,
  embeddings: (EmbeddingsCheck & { readonly model: string }) | undefined,
  terminal: Terminal,
): string {
  const models = engine.models.map((m) => {
    const notes = [
      m.contextLength === undefined ? undefined : texts.tokens(m.contextLength),
      m.loaded === undefined ? undefined : m.loaded ? texts.loaded : texts.notLoaded,
    ].filter((note) => note !== undefined);
    return printable(notes.length === 0 ? m.id : texts.modelNotes(m.id, t.units.list(notes)));
  });
  const name = texts.facts;
  return facts(
    [
      [terminal.paint('bold', engine.id), stateText(engine, terminal)],
      [name.kind, engine.serves.length === 0 ? texts.kindUnknown : engine.kind],
      [name.product, engine.serves.length === 0 ? undefined : printable(translated(engine.product))],
      [name.version, engine.version === undefined ? undefined : printable(engine.version)],
      [name.address, engine.url],
      [name.latency, engine.latencyMs === undefined ? undefined : t.units.milliseconds(engine.latencyMs)],
      [name.atOnce, engine.slots === undefined ? undefined : texts.atOnce(engine.slots)],
      [name.models, models.join('\n') || undefined],
      [name.serves, engine.serves.join(', ') || undefined],
      [name.embeddings, embeddings === undefined ? undefined : printable(embeddingsText(embeddings))],
    ],
    terminal.tableColumns,
  );
}

function embeddingsText(check: EmbeddingsCheck & { readonly model: string }): string {
  const said = texts.embeddings;
  if (check.format === 'none') return said.none(check.model, translated(check.detail));
  return check.format === 'base64'
    ? said.base64(check.model, check.dimensions)
    : said.floats(check.model, check.dimensions);
}

function stateText(engine: EngineDocument, terminal: Pick<Terminal, 'paint'>): string {
  const state = terminal.paint(engineStyle(engine.state), engineStateText(engine.state));
  const notes = notesOf(engine);
  return notes.length === 0 ? state : texts.stateNotes(state, t.units.clauses(notes));
}

function notesOf({ note, rank }: EngineDocument): readonly string[] {
  return [
    ...(note === undefined ? [] : [printable(translated(note))]),
    ...(rank === undefined ? [] : [rankText(rank)]),
  ];
}

/** Current requests: `3`, or with slots `1 of 2`, and the number that wait. */
function busyText({ inFlight, slots, queued = 0 }: EngineDocument): string {
  const running = slots === undefined ? String(inFlight) : texts.busy(inFlight, slots);
  return queued === 0 ? running : t.units.list([running, texts.waiting(queued)]);
}

/** The first few models; `flm engine test ID` shows all. */
function modelsText(engine: EngineDocument): string {
  const shown = engine.models
    .slice(0, 3)
    .map((m) => m.id)
    .join(', ');
  const more = engine.models.length - 3;
  return printable(more > 0 ? texts.moreModels(shown, more) : shown || '-');
}
