/** The port through which a running proxy passes calls of the admin API to the thread that serves them. */
import type { AdminScope } from '../engine/routes.ts';

/** An authenticated call. */
export interface AdminCall {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly caller: {
    readonly actor: string;
    readonly scopes: readonly AdminScope[];
    readonly address: string | undefined;
  };
}

export interface AdminReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream goes on until it ends or the signal of the call aborts. */
  readonly body: string | AsyncIterable<string>;
}

export interface AdminPort {
  /** Never rejects. */
  call(call: AdminCall, signal: AbortSignal): Promise<AdminReply>;
}

/** The largest body of a call, as for `flm ui`. */
export const maxAdminBodyBytes = 1024 * 1024;
