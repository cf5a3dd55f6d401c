/**
 * Calls the admin API. The page signs in with a session of `flm ui`, or with an admin key where a proxy serves it. Session
 * token and key live in this module's memory only: a reload ends them, and no other page of the browser can read them.
 */
import type { AdminScope } from '../../core/engine/routes.ts';
import type { KeyDocument } from '../../core/security/key-document.ts';
import { serverClock } from './server-clock.ts';

/** How the server that sent the page wants it to sign in: `<html data-sign-in="key">` asks for an admin key. */
export const signInMethod: 'session' | 'key' =
  document.documentElement.dataset.signIn === 'key' ? 'key' : 'session';

type Credential = Readonly<Record<string, string>>;

/** The header that proves who calls. */
let credential: Credential = {};
let scopes: readonly AdminScope[] = [];

/** Whether the caller who signed in has the scope `admin`, not only `admin:read`. */
export function mayChange(): boolean {
  return scopes.includes('admin');
}

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;

  /** `message` names every fault of the input, one on each line. */
  constructor(status: number, { code, message, hint }: { code: string; message: string; hint: string }) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** Whether a request failed because no proxy runs. */
export function isNoProxy(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'PROXY_NOT_RUNNING';
}

/** The server does not answer. */
export class OfflineError extends Error {}

/** `ended`: the session or the key is no longer valid. */
export type ConnectionState = 'online' | 'offline' | 'ended';

let connection: ConnectionState = 'online';
const listeners = new Set<(connection: ConnectionState) => void>();

/** Returns a function that removes the listener. */
export function whenConnectionChanges(listener: (connection: ConnectionState) => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

function noticed(now: ConnectionState): void {
  if (now === connection) return;
  connection = now;
  for (const listener of listeners) listener(now);
}

/** Exchanges the code or ticket in the page's address for a session token. False where there is none, or it was used. */
export async function signInWithLink(): Promise<boolean> {
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
  const opened = (await response.json()) as { token: string; scopes: readonly AdminScope[] };
  credential = { 'x-flm-session': opened.token };
  scopes = opened.scopes;
  return true;
}

/**
 * Keeps an admin key if the API accepts it; otherwise throws an `ApiError` and changes nothing, so that of several
 * attempts at once a valid one stays.
 */
export async function signInWithKey(key: string): Promise<void> {
  const attempt = { authorization: `Bearer ${key}` };
  const response = await send('api/v1/caller', { method: 'GET' }, attempt);
  const caller = (await response.json()) as { scopes: readonly AdminScope[] };
  credential = attempt;
  scopes = caller.scopes;
}

/** Asks for the page itself, which needs no credential, to learn whether the server answers again. */
export async function checkConnection(): Promise<void> {
  try {
    await send('', { method: 'HEAD' });
  } catch {
    // The listeners know.
  }
}

/** Throws an `ApiError` with a text for the reader. `path` begins behind `/flm/`. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await send(path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** A successful response, whose body the caller reads. Throws an `ApiError` or an `OfflineError`. */
export async function send(
  path: string,
  init: RequestInit,
  proof: Credential = credential,
): Promise<Response> {
  let response: Response;
  const sentAtMs = Date.now();
  try {
    response = await fetch(`/flm/${path}`, { ...init, headers: { ...proof, ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    noticed('offline');
    throw new OfflineError(String(error));
  }
  serverClock.learn(response, sentAtMs);
  // A response to another credential than the one in use says nothing about that one.
  if (response.status !== 401) noticed('online');
  else if (proof === credential) noticed('ended');
  if (response.ok) return response;
  const { error } = (await response.json()) as { error: { code: string; message: string; hint: string } };
  throw new ApiError(response.status, error);
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  readonly total: number;
}

export type Key = KeyDocument;

/** A document with the version that `If-Match` names. */
export interface Versioned<T> {
  readonly document: T;
  readonly etag: string;
}

export async function readVersioned<T>(path: string): Promise<Versioned<T>> {
  const response = await send(path, { method: 'GET' });
  return { document: (await response.json()) as T, etag: response.headers.get('etag') ?? '*' };
}

export type KeyWithSecret = KeyDocument & { readonly key: string };

export interface Counts {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedRequests: number;
  /** Prompt tokens from the caches of engines, of all prompt tokens of engines that report it. */
  readonly cachedTokens: number;
  readonly cachePromptTokens: number;
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
