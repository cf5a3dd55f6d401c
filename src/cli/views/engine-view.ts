/**
 * Shows engines as text and as JSON: one line each, or one engine in detail.
 */
import type { EmbeddingsCheck } from '../../core/engine/engine.ts';
import type { EngineDocument, ExaminedDocument } from '../../core/engine/engine-document.ts';
import { t } from '../i18n/texts.ts';
import { facts, hanging, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { shortTime } from '../terminal/units.ts';
import { engineAddress, engineStyle, rankText } from './status-view.ts';

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
  const rows = engines.map((e) => [
    e.id,
    terminal.paint(engineStyle(e.state), e.state),
    printable(`${e.product ?? e.kind}${e.version === undefined ? '' : ` ${e.version}`}`),
    engineAddress(e),
    e.latencyMs === undefined ? '-' : shortTime(e.latencyMs),
    busyText(e),
    e.origin,
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
      m.contextLength === undefined ? undefined : `${m.contextLength} tokens`,
      m.loaded === undefined ? undefined : m.loaded ? 'loaded' : 'not loaded',
    ].filter((note) => note !== undefined);
    return printable(`${m.id}${notes.length === 0 ? '' : `  (${notes.join(', ')})`}`);
  });
  return facts(
    [
      [terminal.paint('bold', engine.id), stateText(engine, terminal)],
      ['kind', engine.serves.length === 0 ? 'not known yet' : engine.kind],
      ['product', engine.serves.length === 0 ? undefined : printable(engine.product)],
      ['version', engine.version === undefined ? undefined : printable(engine.version)],
      ['address', engine.url],
      ['latency', engine.latencyMs === undefined ? undefined : `${engine.latencyMs} ms`],
      ['at once', engine.slots === undefined ? undefined : `${engine.slots} requests`],
      ['models', models.join('\n') || undefined],
      ['serves', engine.serves.join(', ') || undefined],
      ['embeddings', embeddings === undefined ? undefined : printable(embeddingsText(embeddings))],
    ],
    terminal.tableColumns,
  );
}

function embeddingsText(check: EmbeddingsCheck & { readonly model: string }): string {
  if (check.format === 'none') return `${check.model}: it ${check.detail}`;
  const size = `${check.dimensions} dimensions`;
  if (check.format === 'base64') return `${check.model}: base64 as asked for, ${size}`;
  return `${check.model}: floats, though base64 was asked for, ${size}; clients that ask for base64 by themselves (openai for Node up to 6) need encoding_format: "float"`;
}

function stateText(engine: EngineDocument, terminal: Pick<Terminal, 'paint'>): string {
  const state = terminal.paint(engineStyle(engine.state), engine.state);
  const notes = notesOf(engine);
  return notes.length === 0 ? state : `${state} (${notes.join('; ')})`;
}

function notesOf({ note, rank }: EngineDocument): readonly string[] {
  return [...(note === undefined ? [] : [printable(note)]), ...(rank === undefined ? [] : [rankText(rank)])];
}

/** Current requests: `3`, or with slots `1 of 2`, and the number that wait. */
function busyText({ inFlight, slots, queued = 0 }: EngineDocument): string {
  const running = slots === undefined ? String(inFlight) : texts.busy(inFlight, slots);
  return queued === 0 ? running : `${running}, ${texts.waiting(queued)}`;
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
