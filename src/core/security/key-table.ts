/**
 * Keys as a table in CSV: the list of keys for a spreadsheet, and new keys from one. Columns have the names of the flags
 * of `flm key create`, and a row is checked by the same schema. An exported list can be imported again.
 */
import { csvText, parseCsv } from '../csv.ts';
import { type Fault, PolicyError } from '../errors.ts';
import { momentOf } from '../time-text.ts';
import { type ApiKey, keyState } from './api-key.ts';
import { type KeyRequest, type KeyRequestInput, parseKeyRequest } from './key-request.ts';
import type { LastUse } from './ports.ts';

/** Keys that one import creates at most. */
export const maxImportedKeys = 1_000;

/** A row of an import that is valid in itself. */
export interface ImportedRow {
  readonly line: number;
  readonly request: KeyRequest;
}

type Form = 'text' | 'list' | 'number' | 'moment';

/** One column of an import. `also` are other names that the header may have. */
interface Column {
  readonly name: string;
  readonly also: readonly string[];
  readonly field: keyof KeyRequestInput;
  readonly form: Form;
}

const columns: readonly Column[] = [
  { name: 'label', also: [], field: 'label', form: 'text' },
  { name: 'owner', also: [], field: 'owner', form: 'text' },
  { name: 'note', also: [], field: 'note', form: 'text' },
  { name: 'scope', also: ['scopes'], field: 'scopes', form: 'list' },
  { name: 'model', also: ['models'], field: 'models', form: 'list' },
  { name: 'engine', also: ['engines'], field: 'engines', form: 'list' },
  { name: 'endpoint', also: ['endpoints'], field: 'endpoints', form: 'list' },
  { name: 'ip', also: ['ips', 'address', 'addresses'], field: 'addresses', form: 'list' },
  { name: 'rpm', also: ['requestsPerMinute'], field: 'requestsPerMinute', form: 'number' },
  { name: 'burst', also: [], field: 'burst', form: 'number' },
  { name: 'tpm', also: ['tokensPerMinute'], field: 'tokensPerMinute', form: 'number' },
  { name: 'tokens-per-day', also: [], field: 'tokensPerDay', form: 'number' },
  { name: 'concurrency', also: [], field: 'concurrency', form: 'number' },
  { name: 'expires', also: ['expiry', 'expiresAt'], field: 'expiresAtMs', form: 'moment' },
];

/** Columns of the export that say nothing about a new key; an import ignores them. */
const facts = ['id', 'prefix', 'state', 'created', 'last used', 'last used from'] as const;

/** The names of the columns that an import knows. */
export const importColumns: readonly string[] = columns.map(({ name }) => name);

const columnByName: ReadonlyMap<string, Column | undefined> = new Map([
  ...facts.map((name) => [plain(name), undefined] as const),
  ...columns.flatMap((column) => [column.name, ...column.also].map((name) => [plain(name), column] as const)),
]);

/** Throws a `PolicyError` KEY_TABLE_INVALID with every fault and its line. */
export function importedRows(csv: string, nowMs: number): readonly ImportedRow[] {
  const { rows, openQuote } = parseCsv(csv);
  const [head, ...body] = rows;
  const faults: Fault[] = [];
  const headLine = head?.line ?? 1;
  if (openQuote !== undefined)
    faults.push({
      field: 'field',
      value: 'a text in quotation marks without an end',
      allowed: '"text"',
      line: openQuote,
    });
  const names = head?.fields ?? [];
  for (const name of names)
    if (!columnByName.has(plain(name)))
      faults.push({ field: 'column', value: shown(name), allowed: allowedColumns, line: headLine });
  const used = names.map((name) => columnByName.get(plain(name)));
  const twice = used.find((column, i) => column !== undefined && used.indexOf(column) !== i);
  if (twice !== undefined)
    faults.push({
      field: 'column',
      value: `${twice.name} twice`,
      allowed: 'each column once',
      line: headLine,
    });
  if (!used.some((column) => column?.field === 'label'))
    faults.push({
      field: 'column label',
      value: 'missing',
      allowed: 'a first line with names of columns',
      line: headLine,
    });
  if (body.length > maxImportedKeys)
    faults.push({
      field: 'keys',
      value: String(body.length),
      allowed: `${maxImportedKeys} or less in one file`,
    });
  // Without its columns, no row can be read.
  if (faults.length > 0) throw tableFault(faults);
  if (body.length === 0) throw tableFault([{ field: 'keys', value: '0', allowed: 'one key on each line' }]);
  const found: ImportedRow[] = [];
  for (const { line, fields } of body) {
    const extra = fields.slice(names.length).find((value) => value.trim() !== '');
    if (extra !== undefined)
      faults.push({
        field: 'field',
        value: shown(extra),
        allowed: `${names.length} fields, as the first line`,
        line,
      });
    try {
      found.push({ line, request: parseKeyRequest(inputOf(used, fields, nowMs), nowMs) });
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      for (const fault of error.faults) faults.push({ ...fault, field: nameOf(fault.field), line });
    }
  }
  faults.push(...repeatedLabels(found));
  if (faults.length > 0) throw tableFault(faults);
  return found;
}

export function tableFault(faults: readonly Fault[]): PolicyError {
  return new PolicyError('KEY_TABLE_INVALID', { faults });
}

export function keysCsv(
  keys: readonly { readonly record: ApiKey; readonly lastUse: LastUse | undefined }[],
  nowMs: number,
): string {
  const head = [...facts.slice(0, 3), ...importColumns, ...facts.slice(3)];
  const rows = keys.map(({ record, lastUse }) => [
    record.id,
    record.prefix,
    keyState(record, nowMs),
    ...columns.map(({ field }) => fieldOf(record, field)),
    new Date(record.createdAtMs).toISOString(),
    lastUse === undefined ? '' : new Date(lastUse.atMs).toISOString(),
    lastUse?.address ?? '',
  ]);
  return csvText([head, ...rows]);
}

/** The table that hands out the secrets of new keys. */
export function createdKeysCsv(
  created: readonly { readonly record: ApiKey; readonly key: string }[],
): string {
  const rows = created.map(({ record, key }) => [record.label, record.owner, record.id, key]);
  return csvText([['label', 'owner', 'id', 'secret'], ...rows]);
}

function fieldOf({ limits, ...record }: ApiKey, field: keyof KeyRequestInput): string | number | null {
  if (field === 'expiresAtMs')
    return record.expiresAtMs === null ? null : new Date(record.expiresAtMs).toISOString();
  const value = field in limits ? limits[field as keyof typeof limits] : record[field as keyof typeof record];
  return Array.isArray(value) ? value.join('; ') : (value as string | number | null);
}

function inputOf(
  columnsInOrder: readonly (Column | undefined)[],
  fields: readonly string[],
  nowMs: number,
): object {
  const input: Record<string, unknown> = {};
  for (const [i, column] of columnsInOrder.entries()) {
    const text = (fields[i] ?? '').trim();
    if (column !== undefined && text !== '') input[column.field] = cellValue(column.form, text, nowMs);
  }
  return input;
}

/** A text that is no number or time stays as it is, and the schema reports it. */
function cellValue(form: Form, text: string, nowMs: number): unknown {
  switch (form) {
    case 'text':
      return text;
    case 'list':
      return text
        .split(/[;,\n]/)
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'number':
      return /^\d+$/.test(text) ? Number(text) : text;
    case 'moment':
      return momentOf(text, nowMs) ?? text;
    default:
      return form satisfies never;
  }
}

function repeatedLabels(rows: readonly ImportedRow[]): readonly Fault[] {
  const lines = new Map<string, number>();
  return rows.flatMap(({ line, request: { label } }) => {
    const before = lines.get(label);
    if (before === undefined) lines.set(label, line);
    return before === undefined
      ? []
      : [{ field: 'label', value: shown(label), allowed: `a label that line ${before} does not have`, line }];
  });
}

/** The column of a fault's field: `models.0` is in `model`. */
function nameOf(field: string): string {
  const [first = ''] = field.split('.');
  const asked = first === 'expires' ? 'expiresAtMs' : first;
  return columns.find((column) => column.field === asked)?.name ?? field;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z]/g, '');
}

function shown(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return JSON.stringify(short);
}

const allowedColumns = importColumns.join(', ');
