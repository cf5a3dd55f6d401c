/** A database as text. */
import type { CopyReport, DatabaseStatus } from '../../app/database-tools.ts';
import { t } from '../i18n/texts.ts';
import { facts, printable } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { shortTime } from '../terminal/units.ts';

const texts = t.db;

export function databaseText(
  status: DatabaseStatus,
  { tableColumns }: Pick<Terminal, 'tableColumns'>,
): string {
  const { rows } = texts;
  const { store, schema, knownSchema, tls, latencyMs, storeKey, counts } = status;
  const lines: readonly (readonly [string, string | number | undefined])[] = [
    [rows.store, texts.stores[store]],
    [rows.database, status.database],
    [rows.server, status.server],
    [rows.encrypted, tls === undefined ? undefined : tls ? texts.verified : texts.plain],
    [rows.latency, latencyMs === undefined ? undefined : shortTime(latencyMs)],
    [rows.schema, schema === undefined ? undefined : schemaText(schema, knownSchema)],
    [rows.revision, status.revision],
    [rows.nodes, status.nodes],
    [rows.storeKey, storeKey === undefined ? undefined : texts.storeKey(storeKey.id, storeKey.file)],
    [rows.content, counts === undefined ? undefined : storedContent(counts)],
  ];
  return facts(
    // The database server says its version, and a file may have any name.
    lines.map(([name, value]) => [name, value === undefined ? undefined : printable(String(value))]),
    tableColumns,
  );
}

/** `3 keys, 2 profiles`. */
export function storedContent(counts: CopyReport['counts']): string {
  const { content, nothing } = texts;
  const names = Object.keys(content) as (keyof typeof content)[];
  const parts = names.flatMap((table) => (counts[table] > 0 ? [content[table](counts[table])] : []));
  return parts.length === 0 ? nothing : t.units.list(parts);
}

function schemaText(found: number, known: number | undefined): string {
  if (found === 0) return texts.empty;
  return known === undefined || found >= known ? String(found) : texts.older(found, known);
}
