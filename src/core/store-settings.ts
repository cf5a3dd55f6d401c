/**
 * The settings of the stores that several machines share, from environment variables: PostgreSQL, Valkey or Redis, and
 * the key that encrypts stored secrets. Without these variables flm uses SQLite and its own memory.
 *
 * Every problem is reported at once, by the name of its variable, and never with a value that holds a password.
 */
import { z } from 'zod';
import type { Environment } from './environment.ts';
import { type Fault, StoreError } from './errors.ts';
import { faultsOf } from './faults.ts';
import { isLoopbackHost } from './loopback.ts';
import { spanOf } from './time-text.ts';

/** How a connection is protected: TLS with a verified certificate, or nothing. */
export type TransportSecurity = 'verified' | 'none';

/** A server that a URL names. */
export interface ServerAddress {
  /** The URL without password and parameters, for people. */
  readonly shown: string;
  readonly host: string;
  readonly port: number;
  /** A folder for PostgreSQL, a file for Valkey; used in place of host and port. */
  readonly socket: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly security: TransportSecurity;
  /** A file with the certificates of the CA to trust. Absent: those that Node trusts. */
  readonly caFile: string | undefined;
}

export interface DatabaseAddress extends ServerAddress {
  readonly user: string;
  readonly database: string;
}

export interface ValkeyAddress extends ServerAddress {
  /** The number of the database. */
  readonly database: number;
}

/** Where keys, policy, engines and usage are. */
export const databaseKinds = ['sqlite', 'postgres'] as const;
export type DatabaseKind = (typeof databaseKinds)[number];

/** What a proxy does about limits while Valkey cannot be reached: decide alone, or refuse requests of keys with limits. */
export const valkeyOutages = ['local', 'refuse'] as const;
export type ValkeyOutage = (typeof valkeyOutages)[number];

export interface StoreSettings {
  /** Absent: SQLite. */
  readonly database: DatabaseAddress | undefined;
  /** Absent: each proxy counts alone. */
  readonly valkey: ValkeyAddress | undefined;
  /** The file of the key that encrypts secrets in PostgreSQL. */
  readonly storeKeyFile: string | undefined;
  /** How long stored keys stay valid in a proxy that cannot reach PostgreSQL. */
  readonly maxSnapshotAgeMs: number;
  readonly valkeyOutage: ValkeyOutage;
  /** The name of this machine among the nodes. */
  readonly nodeName: string;
}

export interface SettingsSources {
  readonly environment: Environment;
  readonly hostname: string;
  /** Returns the text of a file, or undefined if it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

const nodeNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const span = z
  .string()
  .refine((text) => (spanOf(text) ?? 0) > 0, 'a time such as 30m, 1h or 1d')
  .transform((text) => spanOf(text) ?? 0);

const plain = z.object({
  FLM_STORE_KEY_FILE: z.string().optional(),
  FLM_MAX_SNAPSHOT_AGE: span.default(3_600_000),
  FLM_VALKEY_OUTAGE: z.enum(valkeyOutages).default('local'),
  FLM_NODE_NAME: z
    .string()
    .regex(nodeNamePattern, 'up to 63 letters, digits, dots, hyphens and underscores')
    .optional(),
});

/** Throws STORE_SETTINGS_INVALID with every problem. Reads only the files that `_FILE` variables name. */
export function storeSettings(sources: SettingsSources): StoreSettings {
  const { environment, hostname } = sources;
  const given: Record<string, string> = {};
  // An empty variable counts as not set.
  for (const name of Object.keys(plain.shape)) if (environment[name]) given[name] = environment[name];
  const faults: Fault[] = [];
  const parsed = plain.safeParse(given);
  if (!parsed.success) {
    for (const { field, allowed } of faultsOf(parsed.error, {}))
      faults.push({ field, value: JSON.stringify(given[field] ?? '').slice(0, 80), allowed });
  }
  const database = address(sources, 'FLM_DATABASE_URL', readDatabaseUrl, faults);
  const valkey = address(sources, 'FLM_VALKEY_URL', readValkeyUrl, faults);
  if (!parsed.success || faults.length > 0) throw new StoreError('STORE_SETTINGS_INVALID', { faults });
  const { data } = parsed;
  return {
    database,
    valkey,
    storeKeyFile: data.FLM_STORE_KEY_FILE,
    maxSnapshotAgeMs: data.FLM_MAX_SNAPSHOT_AGE,
    valkeyOutage: data.FLM_VALKEY_OUTAGE,
    // A host name may be empty or hold other characters.
    nodeName: data.FLM_NODE_NAME ?? (hostname.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 63) || 'node'),
  };
}

type Reader<T> = (url: string, refuse: (value: string, allowed: string) => undefined) => T | undefined;

/** The address in a variable or in the file that its `_FILE` names. Undefined if there is none or it has a fault. */
function address<T>(
  { environment, readText }: SettingsSources,
  name: 'FLM_DATABASE_URL' | 'FLM_VALKEY_URL',
  read: Reader<T>,
  faults: Fault[],
): T | undefined {
  const fileVariable = `${name}_FILE`;
  const file = environment[fileVariable] || undefined;
  const value = environment[name] || undefined;
  const refuse = (field: string) => (found: string, allowed: string) => {
    faults.push({ field, value: found, allowed });
    return undefined;
  };
  if (file === undefined) return value === undefined ? undefined : read(value.trim(), refuse(name));
  if (value !== undefined)
    return refuse(fileVariable)('set as well', `only one of ${name} and ${fileVariable}`);
  const text = readText(file)?.trim();
  if (!text)
    return refuse(fileVariable)(JSON.stringify(file), 'a file that this user can read, with one URL');
  return read(text, refuse(fileVariable));
}

/** The URL as it was given is never part of a fault: it may hold a password. */
const someUrl = 'a value that is not shown';

const databaseUrl = 'a URL such as postgres://flm:PASSWORD@db.example/flm';
const databaseParameters = ['tls', 'ca', 'host', 'user', 'sslmode'];

const readDatabaseUrl: Reader<DatabaseAddress> = (text, refuse) => {
  // A socket has no host, which a URL with a user must have.
  const url = parsedUrl(text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?])/, '$1localhost'));
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol)) return refuse(someUrl, databaseUrl);
  const parameters = parametersOf(url, databaseParameters, refuse);
  if (parameters === undefined) return undefined;
  const hostPart = decoded(url.hostname);
  const host = parameters.get('host') ?? (hostPart === '' ? 'localhost' : hostPart);
  const database = decoded(url.pathname.slice(1));
  const user = decoded(url.username) || parameters.get('user');
  if (!user) return refuse('a URL without a user', databaseUrl);
  if (database === '' || database.includes('/')) return refuse('a URL without a database', databaseUrl);
  const sslMode = parameters.get('sslmode');
  if (sslMode !== undefined && !/^(require|verify-ca|verify-full)$/.test(sslMode))
    return refuse('sslmode without verification', 'tls=off, if the connection may be without TLS');
  const socket = host.startsWith('/') ? host : undefined;
  const port = url.port === '' ? 5432 : Number(url.port);
  const isPlain = socket !== undefined || isLoopbackHost(host);
  const security = parameters.get('tls') ?? (isPlain && sslMode === undefined ? 'off' : 'on');
  return {
    shown: `postgres://${user}@${socket ?? url.hostname}${url.port === '' ? '' : `:${url.port}`}/${database}`,
    host: bare(host),
    port,
    socket,
    user,
    password: decoded(url.password) || undefined,
    security: security === 'off' || socket !== undefined ? 'none' : 'verified',
    caFile: parameters.get('ca'),
    database,
  };
};

const valkeyUrl = 'a URL such as rediss://:PASSWORD@valkey.example or redis://127.0.0.1';
const valkeyParameters = ['tls', 'ca'];

const readValkeyUrl: Reader<ValkeyAddress> = (text, refuse) => {
  const url = parsedUrl(text);
  if (url === undefined || !/^(rediss?|valkeys?|unix):$/.test(url.protocol))
    return refuse(someUrl, valkeyUrl);
  const parameters = parametersOf(url, valkeyParameters, refuse);
  if (parameters === undefined) return undefined;
  const isSocket = url.protocol === 'unix:';
  const host = isSocket ? '' : bare(url.hostname || 'localhost');
  const isTls = url.protocol === 'rediss:' || url.protocol === 'valkeys:';
  const tls = parameters.get('tls');
  if (isTls && tls === 'off')
    return refuse(`${url.protocol}// with tls=off`, 'redis:// with tls=off, or rediss://');
  if (!isTls && !isSocket && !isLoopbackHost(host) && tls === undefined)
    return refuse(
      'a connection to another machine without TLS',
      'rediss://, or redis:// with ?tls=off if the network is safe',
    );
  const path = isSocket ? '' : url.pathname.slice(1);
  if (!/^\d{0,4}$/.test(path))
    return refuse('a path that is no number', 'the number of a database, such as /0');
  return {
    shown: isSocket
      ? `unix:${url.pathname}`
      : `${url.protocol}//${url.host || 'localhost'}${path === '' ? '' : `/${path}`}`,
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    socket: isSocket ? decoded(url.pathname) : undefined,
    user: decoded(url.username) || undefined,
    password: decoded(url.password) || undefined,
    security: isTls || tls === 'on' ? 'verified' : 'none',
    caFile: parameters.get('ca'),
    database: Number(path),
  };
};

/** The parameters of a URL; undefined if one was refused. */
function parametersOf(
  url: URL,
  known: readonly string[],
  refuse: (value: string, allowed: string) => undefined,
): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    // The name may be a part of a password that was not encoded, so it is not shown.
    if (!known.includes(name)) return refuse('a URL with an unknown parameter', known.join(', '));
    found.set(name, value);
  }
  if (url.hash !== '') return refuse('a URL with #', 'a password with # written as %23');
  const tls = found.get('tls');
  if (tls !== undefined && tls !== 'on' && tls !== 'off') return refuse('another value of tls', 'on, off');
  return found;
}

function parsedUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that begins no escape stands for itself.
    return part;
  }
}

/** `[::1]` without its brackets. */
function bare(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}
