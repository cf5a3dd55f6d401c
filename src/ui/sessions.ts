/**
 * Who is signed in to the dashboard of this process.
 *
 *   ticket (one use, two minutes)  --redeem-->  cookie, and a code (one use, one minute)
 *   cookie + code                  --open-->    session token, which lives only in the page's memory
 *   cookie + session token         --find-->    the session
 *
 * A browser sends a cookie to every port of a host, so the cookie alone authorizes nothing. Only digests of the secrets
 * are kept. A session ends after an hour without a call, and after twelve hours.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';

/** A session as the dashboard lists it. */
export interface SessionFacts {
  /** Not secret. */
  readonly id: string;
  readonly startedAtMs: number;
  readonly lastUsedAtMs: number;
  /** The browser's User-Agent, shortened. */
  readonly browser: string;
}

export interface RedeemedTicket {
  readonly cookie: string;
  readonly code: string;
}

interface Session {
  readonly id: string;
  readonly cookieDigest: Buffer;
  readonly browser: string;
  readonly startedAtMs: number;
  lastUsedAtMs: number;
  /** Undefined once it was used. */
  code: { readonly digest: Buffer; readonly untilMs: number } | undefined;
  tokenDigest: Buffer | undefined;
}

const ticketMs = 120_000;
const codeMs = 60_000;
const idleMs = 3_600_000;
const longestMs = 12 * 3_600_000;
const maxSessions = 32;
const maxTickets = 8;

export class Sessions {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #tickets = new Map<string, number>();
  #sessions: Session[] = [];

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /** A secret that opens one session within two minutes. A new ticket beyond the eighth ends the oldest. */
  issueTicket(): string {
    const ticket = secret();
    this.#tickets.set(digestOf(ticket).toString('base64'), this.#clock.nowMs() + ticketMs);
    const [oldest] = this.#tickets.keys();
    if (this.#tickets.size > maxTickets && oldest !== undefined) this.#tickets.delete(oldest);
    return ticket;
  }

  /** Undefined for a ticket that is unknown, used, or too old. */
  redeem(ticket: string, browser: string): RedeemedTicket | undefined {
    const nowMs = this.#clock.nowMs();
    const name = digestOf(ticket).toString('base64');
    const untilMs = this.#tickets.get(name);
    this.#tickets.delete(name);
    if (untilMs === undefined || untilMs < nowMs) return undefined;
    const [cookie, code] = [secret(), secret()];
    this.#sessions.push({
      id: `ses_${randomBytes(6).toString('hex')}`,
      cookieDigest: digestOf(cookie),
      browser: browser.slice(0, 200),
      startedAtMs: nowMs,
      lastUsedAtMs: nowMs,
      code: { digest: digestOf(code), untilMs: nowMs + codeMs },
      tokenDigest: undefined,
    });
    this.#sessions = this.#living(nowMs).slice(-maxSessions);
    return { cookie, code };
  }

  /** The session token, once. A wrong code ends the session: somebody else has the cookie. */
  open(cookie: string, code: string): string | undefined {
    const nowMs = this.#clock.nowMs();
    const session = this.#byCookie(cookie, nowMs);
    if (session?.code === undefined) return undefined;
    const { digest, untilMs } = session.code;
    session.code = undefined;
    if (untilMs < nowMs || !isEqual(digest, code)) {
      this.end(session.id);
      return undefined;
    }
    const token = secret();
    session.tokenDigest = digestOf(token);
    return token;
  }

  /** Undefined unless cookie and token belong to one living session. */
  find(cookie: string, token: string): SessionFacts | undefined {
    const nowMs = this.#clock.nowMs();
    const session = this.#byCookie(cookie, nowMs);
    if (session?.tokenDigest === undefined || !isEqual(session.tokenDigest, token)) return undefined;
    session.lastUsedAtMs = nowMs;
    return factsOf(session);
  }

  list(): readonly SessionFacts[] {
    return this.#living(this.#clock.nowMs()).map(factsOf);
  }

  /** False where there was none. */
  end(id: string): boolean {
    const before = this.#sessions.length;
    this.#sessions = this.#sessions.filter((session) => session.id !== id);
    return this.#sessions.length < before;
  }

  #byCookie(cookie: string, nowMs: number): Session | undefined {
    return this.#living(nowMs).find(({ cookieDigest }) => isEqual(cookieDigest, cookie));
  }

  #living(nowMs: number): Session[] {
    this.#sessions = this.#sessions.filter(
      ({ startedAtMs, lastUsedAtMs }) => nowMs - startedAtMs < longestMs && nowMs - lastUsedAtMs < idleMs,
    );
    return this.#sessions;
  }
}

function factsOf({ id, startedAtMs, lastUsedAtMs, browser }: Session): SessionFacts {
  return { id, startedAtMs, lastUsedAtMs, browser };
}

/** 256 random bits. */
function secret(): string {
  return randomBytes(32).toString('base64url');
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isEqual(digest: Buffer, text: string): boolean {
  return timingSafeEqual(digest, digestOf(text));
}
