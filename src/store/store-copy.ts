/**
 * What `flm db copy` carries from one database to another, independent of their kind: rows of the tables that both have
 * with the same columns, and engines, whose secrets PostgreSQL encrypts. Handles and heartbeats of processes stay.
 */
import type { EngineRecord } from '../core/engine/engine.ts';
import { auditColumns, chainColumns } from './audit-rows.ts';
import { keyColumns, type Row } from './rows.ts';
import { shareColumns } from './share-rows.ts';
import { countColumns, familyUsageColumns } from './usage-columns.ts';

export type CopiedValue = string | number | null;

const usageKeys = ['key_id', 'model', 'engine', 'ending', 'family_id', ...countColumns];

/** The tables and their columns. */
export const copiedTables = {
  profile: ['name', 'config', 'created_at', 'updated_at'],
  api_key: keyColumns.split(', '),
  policy: ['id', 'body'],
  model_alias: ['name', 'target'],
  share: shareColumns.split(', '),
  applied: ['kind', 'name'],
  audit: auditColumns,
  refusal: auditColumns,
  audit_chain: chainColumns,
  refusal_chain: chainColumns,
  usage_day: ['day', 'key_id', 'family_id', 'model', ...familyUsageColumns],
  usage_hour: ['hour', ...usageKeys],
  usage_rollup: ['day', ...usageKeys],
  last_used: ['key_id', 'at', 'address'],
  retention: ['id', 'hourly_days', 'daily_days', 'audit_days'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type CopiedTable = keyof typeof copiedTables;

// A record's keys are those of its type: the table is written above.
export const copiedTableNames = Object.keys(copiedTables) as readonly CopiedTable[];

/** Rows with a revision, which proxies follow. */
export const followedTables: ReadonlySet<CopiedTable> = new Set([
  'profile',
  'api_key',
  'policy',
  'model_alias',
  'share',
]);

/** The states of the two chains of the audit. */
export const chainTables = ['audit_chain', 'refusal_chain'] as const satisfies readonly CopiedTable[];

/** Tables that have a row in every database. */
export const filledTables: ReadonlySet<string> = new Set<CopiedTable>(['retention', ...chainTables]);

export interface StoreContent {
  /** The values in the order of the table's columns. */
  readonly rows: Readonly<Record<CopiedTable, readonly (readonly CopiedValue[])[]>>;
  readonly engines: readonly EngineRecord[];
}

/** The number of rows by table. */
export type ContentCounts = Readonly<Record<CopiedTable | 'engine', number>>;

/** A database as the source or the target of a copy. */
export interface CopiedStore {
  /** The file or the URL without its password. */
  readonly shown: string;
  read(): Promise<StoreContent>;
  /** Replaces everything, or nothing. Throws a `StoreError`. */
  replace(content: StoreContent): Promise<void>;
  /** Reads no row. */
  counts(): Promise<ContentCounts>;
}

export function valuesIn(row: Row, columns: readonly string[]): readonly CopiedValue[] {
  // The tables enforce these types.
  return columns.map((column) => row[column] as CopiedValue);
}

/** True if a copy into the database would lose nothing. */
export function isEmptyStore(counts: ContentCounts): boolean {
  return Object.entries(counts).every(([table, count]) => filledTables.has(table) || count === 0);
}
