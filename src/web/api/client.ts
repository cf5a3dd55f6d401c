/**
 * Calls the admin API. The session token lives in this module's memory only: a reload ends the session, and no other
 * page of the browser can read the token.
 */
import type { KeyDocument } from '../../core/security/key-document.ts';

let token = '';

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;

  constructor(status: number, { code, message, hint }: { code: string; message: string; hint: string }) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** Called when the session ended, or the dashboard's process no longer answers. */
let onLost: (reason: 'ended' | 'offline') => void = () => {};

export function whenLost(listener: (reason: 'ended' | 'offline') => void): void {
  onLost = listener;
}

/** Exchanges the code or ticket in the page's address for a session token. False where there is none, or it was used. */
export async function signIn(): Promise<boolean> {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [code, ticket] = [fragment.get('code'), fragment.get('ticket')];
  history.replaceState(null, '', location.pathname);
  if (code === null && ticket === null) return false;
  const body = JSON.stringify(code === null ? { ticket } : { code });
  const response = await fetch('/flm/session/open', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) return false;
  token = ((await response.json()) as { token: string }).token;
  return true;
}

/** Throws an `ApiError` with a text for the reader. `path` begins behind `/flm/`. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/flm/${path}`, {
      method,
      headers: {
        'x-flm-session': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    onLost('offline');
    throw error;
  }
  if (response.status === 401) onLost('ended');
  if (response.status === 204) return undefined as T;
  const document: unknown = await response.json();
  if (!response.ok)
    throw new ApiError(
      response.status,
      (document as { error: { code: string; message: string; hint: string } }).error,
    );
  return document as T;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  readonly total: number;
}

export type Key = KeyDocument;
export type KeyWithSecret = KeyDocument & { readonly key: string };

export interface Counts {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedRequests: number;
  readonly durationMs: number;
  readonly firstByteP50Ms: number | null;
  readonly firstByteP95Ms: number | null;
}

export interface SeriesGroup {
  readonly key?: { readonly id: string; readonly label: string | null };
  readonly model?: string;
  readonly engine?: string;
  readonly ending?: string;
}

export interface UsageDocument {
  readonly from: string;
  readonly to: string;
  readonly step: 'hour' | 'day' | 'month' | 'total';
  readonly series: readonly {
    readonly group: SeriesGroup | 'other';
    readonly points: readonly (Counts & { readonly start: string })[];
    readonly total: Counts;
  }[];
  readonly total: Counts;
}

export interface AuditItem {
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface Policy {
  readonly allowIps: readonly string[];
  readonly denyIps: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly allowOrigins: readonly string[];
  readonly requestsPerMinute: number | null;
  readonly requestsPerMinutePerKey: number | null;
  readonly requestsPerMinutePerAddress: number | null;
}

export interface SessionEntry {
  readonly id: string;
  readonly startedAtMs: number;
  readonly lastUsedAtMs: number;
  readonly browser: string;
  readonly current: boolean;
}
