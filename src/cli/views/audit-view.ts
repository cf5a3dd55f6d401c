/** Entries of the audit as a table or CSV, and the result of a check as text. */
import type { AuditCheckDocument, AuditEntryDocument } from '../../core/audit/audit-document.ts';
import { fieldChanges, isEmpty } from '../../core/audit/field-changes.ts';
import { csvText } from '../../core/csv.ts';
import { t } from '../i18n/texts.ts';
import { hanging, moment, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

const texts = t.audit;

export function auditTable(entries: readonly AuditEntryDocument[], columns: number): string {
  const { time, actor, source, action, subject, change } = texts.columns;
  return table(
    [time, actor, { name: source, drop: 1 }, { name: action, fixed: true }, subject, change],
    entries.map((entry) => [
      timeText(entry.at),
      printable(entry.actor),
      texts.sources[entry.source],
      printable(entry.action),
      printable(entry.subjectLabel ?? entry.subject),
      printable(changeText(entry)),
    ]),
    columns,
  );
}

export function auditCsv(entries: readonly AuditEntryDocument[]): string {
  const head = [
    'time',
    'actor',
    'source',
    'action',
    'subject',
    'label',
    'before',
    'after',
    'chain',
    'seq',
    'hash',
  ];
  return csvText([head, ...entries.map(csvRow)]);
}

function csvRow(entry: AuditEntryDocument): readonly (string | number | null)[] {
  const { at, actor, source, action, subject, subjectLabel, before, after, chain, seq, hash } = entry;
  const [old, fresh] = [before, after].map((state) => (state === null ? null : JSON.stringify(state)));
  return [at, actor, source, action, subject, subjectLabel, old ?? null, fresh ?? null, chain, seq, hash];
}

/** One paragraph for each chain, with the head to keep elsewhere. */
export function auditCheckText(
  check: AuditCheckDocument,
  { paint, tableColumns }: Pick<Terminal, 'paint' | 'tableColumns'>,
): string {
  const paragraphs = check.chains.map(
    ({ chain, entries, deletedThrough, head, withoutHash, tooOldHeads, fault }) => {
      const name = paint(fault === null ? 'green' : 'red', `${texts.chains[chain]}: `);
      const entry = fault?.entry ?? null;
      const lines =
        fault === null
          ? [head === null ? texts.noEntries : texts.sound(entries, deletedThrough)]
          : [
              texts.faults[fault.kind](fault.seq),
              ...(entry === null ? [] : [entryText(entry)]),
              texts.fitBefore(entries),
            ];
      if (withoutHash > 0) lines.push(texts.withoutHash(withoutHash));
      if (tooOldHeads.length > 0) lines.push(texts.tooOld(tooOldHeads.length));
      // A head is copied as one word, so it is not wrapped.
      const headLine = head === null ? [] : [`  ${texts.head(head)}`];
      const [first = '', ...rest] = lines;
      return [
        hanging(name, first, tableColumns),
        ...rest.map((line) => hanging('  ', line, tableColumns)),
        ...headLine,
      ].join('\n');
    },
  );
  return paragraphs.join('\n\n');
}

type ShownEntry = Pick<AuditEntryDocument, 'at' | 'actor' | 'action' | 'subject'>;

function entryText({ at, actor, action, subject }: ShownEntry): string {
  return printable(`${timeText(at)}  ${actor}  ${action}  ${subject}`);
}

function timeText(at: string): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? at : moment(ms);
}

/** Fields that say nothing beside the time of the entry and the label of its subject. */
const plainFields: ReadonlySet<string> = new Set(['digest', 'createdAtMs', 'id', 'familyId', 'label']);

/** The fields that differ, as `field: old -> new`; a state that is not an object as it is. */
function changeText(entry: AuditEntryDocument): string {
  return fieldChanges(entry, (name, old) => !plainFields.has(name) || !isEmpty(old))
    .map(({ field, old, fresh }) => {
      const [from, to] = [old, fresh].map((value) => valueText(field, value));
      const change = isEmpty(old) ? to : `${from} -> ${to}`;
      return field === '' ? String(change) : `${field}: ${change}`;
    })
    .join(', ');
}

function valueText(field: string, value: unknown): string {
  if (isEmpty(value)) return '-';
  if (typeof value === 'number' && field.endsWith('At')) return moment(value);
  if (typeof value === 'string') return value;
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return isList ? value.join(' ') : JSON.stringify(value);
}
