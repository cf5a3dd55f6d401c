/** Backups as text. */
import type { BackupList, CreatedBackup, VerifiedBackup } from '../../app/backup/backup-tools.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, moment, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { storedContent } from './database-view.ts';

const texts = t.backup;

export function createdText({ file, bytes, counts, removed }: CreatedBackup): string {
  return [
    texts.created(storedContent(counts), sizeText(bytes), printable(file)),
    ...removed.map((old) => texts.removed(printable(old))),
  ].join('\n');
}

export function verifiedText(
  found: VerifiedBackup,
  { tableColumns }: Pick<Terminal, 'tableColumns'>,
): string {
  const { rows } = texts;
  const certificates = found.certificates.map(({ name, problem }) =>
    problem === undefined ? name : `${name} (${translated(problem)})`,
  );
  return facts(
    [
      [rows.file, printable(found.file)],
      [rows.created, moment(Date.parse(found.createdAt))],
      [rows.host, printable(found.host)],
      [rows.flm, printable(found.flm)],
      [rows.store, t.db.stores[found.store]],
      [rows.encrypted, found.encrypted ? texts.yes : texts.no],
      [rows.content, storedContent(found.counts)],
      [rows.auditHeads, found.auditHeads.map(printable).join('\n') || undefined],
      [rows.certificates, printable(t.units.list(certificates)) || texts.noCertificates],
    ],
    tableColumns,
  );
}

export function listText({ backups }: BackupList, { tableColumns }: Pick<Terminal, 'tableColumns'>): string {
  const { rows } = texts;
  return table(
    [rows.created, rows.size, rows.encrypted, rows.file],
    backups.map(({ file, bytes, createdAt, encrypted }) => [
      moment(Date.parse(createdAt)),
      sizeText(bytes),
      encrypted ? texts.yes : texts.no,
      printable(file),
    ]),
    tableColumns,
  );
}

/** `12.4 MB`. */
function sizeText(bytes: number): string {
  return bytes < 999_500 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
