/** Backups as text. */
import type {
  BackupList,
  CreatedBackup,
  RestoredBackup,
  ScheduleView,
  VerifiedBackup,
} from '../../app/backup/backup-tools.ts';
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

export function restoredText(done: RestoredBackup): string {
  const { stayedRevoked, stayedDeleted, stayedEnded, lostKeys, keptAudit, kept } = done;
  return [
    texts.restored(storedContent(done.counts), moment(Date.parse(done.createdAt)), printable(done.host)),
    ...(stayedRevoked > 0 ? [texts.stayedRevoked(stayedRevoked)] : []),
    ...(stayedDeleted > 0 ? [texts.stayedDeleted(stayedDeleted)] : []),
    ...(stayedEnded > 0 ? [texts.stayedEnded(stayedEnded)] : []),
    ...(lostKeys > 0 ? [texts.lostKeys(lostKeys)] : []),
    ...(keptAudit > 0 ? [texts.keptAudit] : []),
    ...(kept === null ? [] : [texts.kept(printable(kept))]),
  ].join('\n');
}

export function scheduleText(
  { schedule, lastGoodAt, lastFile, problem }: ScheduleView,
  { tableColumns }: Pick<Terminal, 'tableColumns'>,
): string {
  const { rows } = texts;
  if (schedule === null) return texts.noSchedule;
  return facts(
    [
      [rows.daily, schedule.at],
      [rows.folder, schedule.to === null ? texts.ownFolder : printable(schedule.to)],
      [rows.encryptedFor, schedule.recipients.map(printable).join('\n') || texts.no],
      [rows.keep, String(schedule.keep)],
      [rows.lastGood, lastGoodAt === null ? texts.notYet : moment(Date.parse(lastGoodAt))],
      [rows.file, lastFile === null ? undefined : printable(lastFile)],
      [rows.problem, problem === null ? undefined : printable(translated(problem))],
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
