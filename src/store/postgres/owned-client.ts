/**
 * One connection of the driver `pg`: its settings, and how its socket is closed. The driver reads no variable and no
 * file of its own.
 */
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { StoreError } from '../../core/errors.ts';
import type { DatabaseAddress } from '../../core/store-settings.ts';
import { getTypeParser } from './client-session.ts';

export interface ClientOptions {
  readonly address: DatabaseAddress;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  readonly connectTimeoutMs?: number;
  readonly queryTimeoutMs?: number;
}

const defaultConnectTimeoutMs = 5_000;
const defaultQueryTimeoutMs = 10_000;
/** The server ends a statement before the driver stops waiting, so that the connection stays usable. */
export const answerMs = 2_000;

/** Throws STORE_UNREACHABLE if the CA file cannot be read. */
export function clientConfig(options: ClientOptions): pg.ClientConfig {
  const { address, applicationName, queryTimeoutMs = defaultQueryTimeoutMs } = options;
  return {
    host: address.socket ?? address.host,
    port: address.port,
    user: address.user,
    // Without a value the driver would read variables and files of its own.
    password: address.password ?? (() => ''),
    database: address.database,
    ssl: address.security === 'none' ? false : tlsOptions(address),
    application_name: applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    statement_timeout: queryTimeoutMs,
    lock_timeout: queryTimeoutMs,
    idle_in_transaction_session_timeout: queryTimeoutMs,
    query_timeout: queryTimeoutMs + answerMs,
    keepAlive: true,
    types: { getTypeParser },
  };
}

/**
 * The driver checks the certificate against the host. The CA file is read at each start of a pool, so that a renewed one
 * is used.
 */
function tlsOptions({ shown, caFile }: DatabaseAddress): ConnectionOptions {
  if (caFile === undefined) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(caFile, 'utf8') };
  } catch (cause) {
    const params = { database: shown, reason: `this user cannot read the CA file ${caFile}` };
    throw new StoreError('STORE_UNREACHABLE', { params, cause });
  }
}

/** Closes the socket at once. A silent network never confirms the end of a connection. */
export function cutOff(client: pg.ClientBase): void {
  // The types of the driver do not show the socket of a connection.
  const { connection } = client as unknown as { readonly connection?: { readonly stream?: Duplex } };
  connection?.stream?.destroy();
}

/**
 * Closes its socket when it cannot connect. The driver leaves it open after an answer that it does not accept, such as a
 * refused TLS or a demand for a password that it does not have. An open socket would keep a command from ending.
 */
export class OwnedClient extends pg.Client {
  override connect(): Promise<pg.Client>;
  override connect(callback: OnConnect): void;
  override connect(callback?: OnConnect): Promise<pg.Client> | undefined {
    if (callback === undefined)
      return super.connect().catch((error: unknown) => {
        cutOff(this);
        throw error;
      });
    super.connect((error: Error | null) => {
      if (error !== null) cutOff(this);
      // The declared type has one function for each outcome; the driver calls one function with both.
      (callback as (error: Error | null, client: pg.Client) => void)(error, this);
    });
    return undefined;
  }
}

type OnConnect = Parameters<pg.Client['connect']>[0];
