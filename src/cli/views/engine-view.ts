/**
 * Shows engines as text and as JSON: one line each, or one engine in detail.
 */
import type { EmbeddingsCheck } from '../../core/engine/engine.ts';
import type { EngineDocument, ExaminedDocument } from '../../core/engine/engine-document.ts';
import { facts, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { rankText } from './proxy-view.ts';

export function enginesTable(
  engines: readonly (EngineDocument & { readonly product?: string })[],
  terminal: Terminal,
): string {
  const rows = engines.map((e) => [
    e.id,
    stateText(e, terminal),
    printable(`${e.product ?? e.kind}${e.version === undefined ? '' : ` ${e.version}`}`),
    e.url,
    e.latencyMs === undefined ? '-' : `${e.latencyMs} ms`,
    busyText(e),
    e.origin,
    modelsText(e),
  ]);
  return table(
    ['ID', 'STATE', 'KIND', 'ADDRESS', 'LATENCY', 'NOW', 'FROM', 'MODELS'],
    rows,
    terminal.tableColumns,
  );
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
  return facts([
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
  ]);
}

function embeddingsText(check: EmbeddingsCheck & { readonly model: string }): string {
  if (check.format === 'none') return `${check.model}: it ${check.detail}`;
  const size = `${check.dimensions} dimensions`;
  if (check.format === 'base64') return `${check.model}: base64 as asked for, ${size}`;
  return `${check.model}: floats, though base64 was asked for, ${size}; clients that ask for base64 by themselves (openai for Node up to 6) need encoding_format: "float"`;
}

function stateText(engine: EngineDocument, terminal: Terminal): string {
  const colour = { running: 'green', degraded: 'yellow' } as const;
  const state = terminal.paint(colour[engine.state as keyof typeof colour] ?? 'red', engine.state);
  const notes = [
    engine.note === undefined ? undefined : printable(engine.note),
    engine.rank === undefined ? undefined : rankText(engine.rank),
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? state : `${state} (${notes.join('; ')})`;
}

/** Current requests: `3`, or with slots `1 of 2`, and the number that wait. */
function busyText({ inFlight, slots, queued = 0 }: EngineDocument): string {
  const running = slots === undefined ? String(inFlight) : `${inFlight} of ${slots}`;
  return queued === 0 ? running : `${running}, ${queued} ${queued === 1 ? 'waits' : 'wait'}`;
}

/** The first few models; `flm engine test ID` shows all. */
function modelsText(engine: EngineDocument): string {
  const shown = engine.models.slice(0, 3).map((m) => m.id);
  const more = engine.models.length - shown.length;
  return printable(`${shown.join(', ') || '-'}${more > 0 ? ` and ${more} more` : ''}`);
}
