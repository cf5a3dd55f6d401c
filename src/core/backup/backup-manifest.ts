/**
 * The first member of a backup: where and when the backup was made, and the name, size and SHA-256 of every other member,
 * in their order. A reader accepts only these members.
 */
import { z } from 'zod';

/** Increased when an older flm could not restore the result. */
export const backupFormat = 1;

export const manifestName = 'manifest.json';
/** A manifest of thousands of certificates is smaller. */
export const maxManifestBytes = 1024 ** 2;

/** The databases; `tls/` has certificates of the machine, `shared/` those that machines share in PostgreSQL. */
const memberName =
  /^(?:flm\.db|usage\.db|tls\/[A-Za-z0-9_-][\w.-]{0,199}|shared\/[A-Za-z0-9_-][\w.-]{0,199})$/;

const count = z.number().int().nonnegative();

const manifestSchema = z.object({
  format: z.literal(backupFormat),
  createdAt: z.iso.datetime(),
  host: z.string().max(255),
  /** The flm that made the backup. */
  flm: z.string().max(100),
  store: z.enum(['sqlite', 'postgres']),
  schema: z.record(z.string(), count),
  /** Rows by table. */
  counts: z.record(z.string(), count),
  /** The head of each chain of the audit, as `flm audit verify --head` takes it. */
  auditHeads: z.array(z.string().max(200)).max(10),
  files: z
    .array(
      z.object({
        name: z.string().regex(memberName),
        bytes: count,
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(10_000),
});

export type BackupManifest = Readonly<z.output<typeof manifestSchema>>;
export type BackupMember = BackupManifest['files'][number];

export type ParsedManifest =
  | { readonly state: 'sound'; readonly manifest: BackupManifest }
  | { readonly state: 'damaged' }
  | { readonly state: 'newer'; readonly flm: string };

export function parseManifest(text: string): ParsedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { state: 'damaged' };
  }
  const head = z.object({ format: count, flm: z.string().max(100) }).safeParse(value);
  if (!head.success) return { state: 'damaged' };
  if (head.data.format > backupFormat) return { state: 'newer', flm: head.data.flm };
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) return { state: 'damaged' };
  const names = parsed.data.files.map(({ name }) => name);
  const isComplete = names.includes('flm.db') && names.includes('usage.db');
  if (!isComplete || new Set(names).size < names.length) return { state: 'damaged' };
  return { state: 'sound', manifest: parsed.data };
}

/** `20261127T033000Z`, for names of files. */
export const fileStamp = (atMs: number): string => new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** `flm-box-20261127T033000Z.tar.gz`, and `.age` behind it if it is encrypted. */
export function backupName(hostname: string, atMs: number, encrypted: boolean): string {
  return `${prefixOf(hostname)}${fileStamp(atMs)}.tar.gz${encrypted ? '.age' : ''}`;
}

const prefixOf = (hostname: string): string => `flm-${hostname.replaceAll(/[^A-Za-z0-9-]/g, '-') || 'host'}-`;

const ending = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.tar\.gz(\.age)?$/;

export interface BackupName {
  readonly atMs: number;
  readonly encrypted: boolean;
}

/** What the name of a backup of this machine says; undefined for every other file. */
export function parseBackupName(name: string, hostname: string): BackupName | undefined {
  const prefix = prefixOf(hostname);
  if (!name.startsWith(prefix)) return undefined;
  const found = ending.exec(name.slice(prefix.length));
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, age] = found;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(atMs) ? undefined : { atMs, encrypted: age !== undefined };
}
