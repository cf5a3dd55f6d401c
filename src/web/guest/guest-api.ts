/**
 * The calls of the pages for people without the dashboard: redeem a share, read the own key, send a test request. Token
 * and key are arguments: no storage of the browser ever has them.
 */
import type { OwnKeyDocument } from '../../core/security/own-key-document.ts';
import { serverClock } from '../api/server-clock.ts';
import { t } from '../i18n/texts.ts';

/** The answer to a redemption. */
export interface RedeemedKey {
  readonly key: string;
  readonly id: string;
  readonly label: string;
  readonly expiresAt: string | null;
  readonly localAuthority: boolean;
}

export interface TestAnswer {
  readonly text: string;
  readonly tookMs: number;
}

const maxTestTokens = 64;
const shownCharacters = 300;

/** The server answered, but not with what was asked for. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Throws an `Error` with a text for the reader; a `RefusedError` where the server sent it. */
export function redeem(token: string): Promise<RedeemedKey> {
  return ask('POST', '/flm/share/redeem', token);
}

/** Throws like `redeem`. */
export function readOwnKey(key: string): Promise<OwnKeyDocument> {
  return ask('GET', '/flm/api/v1/me', key);
}

/** Throws like `redeem`. */
export async function sendTest(key: string, model: string): Promise<TestAnswer> {
  const sinceMs = performance.now();
  const answer = await ask<{
    readonly choices?: readonly { readonly message?: { readonly content?: string | null } }[];
  }>('POST', '/v1/chat/completions', key, {
    model,
    messages: [{ role: 'user', content: t.guest.question }],
    max_tokens: maxTestTokens,
  });
  const text = answer.choices?.[0]?.message?.content ?? '';
  const shown = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return { text: shown, tookMs: Math.round(performance.now() - sinceMs) };
}

async function ask<T>(method: string, path: string, credential: string, body?: unknown): Promise<T> {
  let response: Response;
  let text: string;
  const sentAtMs = Date.now();
  try {
    response = await fetch(path, {
      method,
      headers: {
        authorization: `Bearer ${credential}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      cache: 'no-store',
      credentials: 'omit',
    });
    serverClock.learn(response, sentAtMs);
    text = await response.text();
  } catch {
    throw new Error(t.guest.offline);
  }
  const document = parsed(text);
  if (response.ok && document !== undefined) return document as T;
  const { status } = response;
  throw new RefusedError(status, messageOf(document) ?? t.guest.unreadable(String(status)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every error response of flm has its text and its hint here. */
function messageOf(document: unknown): string | undefined {
  const error = field(document, 'error');
  const message = field(error, 'message');
  return typeof message === 'string' ? message : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
