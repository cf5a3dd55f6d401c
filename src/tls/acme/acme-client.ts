/**
 * The client's side of RFC 8555: directory, nonces, account, and signed requests. It contains no challenges, and stores
 * only the latest nonce. docs/adr/0006-own-acme-client.md explains why flm has its own client.
 */
import type { Clock } from '../../core/clock.ts';
import type { AccountKey, ExternalAccount } from './account-key.ts';
import { AcmeFailure } from './acme-failure.ts';
import { failureOf, retryAfterMs } from './acme-problem.ts';
import {
  type Directory,
  directoryIn,
  problemIn,
  type SuggestedWindow,
  suggestedWindowIn,
} from './acme-responses.ts';
import { type AcmeAnswer, type AcmeTransport, malformed } from './acme-transport.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * A nonce may be refused without a fault of the client (RFC 8555, section 6.5). A server that refuses all of them is
 * broken.
 */
const nonceTries = 100;
const maxClockErrorMs = 86_400_000;

export class AcmeClient {
  readonly #transport: AcmeTransport;
  readonly #clock: Clock;
  readonly #url: string;
  readonly directory: Directory;
  #nonce: string | undefined;
  #account: { readonly key: AccountKey; readonly url: string } | undefined;

  private constructor(transport: AcmeTransport, clock: Clock, url: string, directory: Directory) {
    this.#transport = transport;
    this.#clock = clock;
    this.#url = url;
    this.directory = directory;
  }

  /** Throws an `AcmeFailure`, or the reason of the signal, like all other methods. */
  static async open(
    transport: AcmeTransport,
    clock: Clock,
    url: string,
    signal: AbortSignal,
  ): Promise<AcmeClient> {
    const answer = await transport.send('GET', url, undefined, signal);
    if (answer.status >= 400) throw failureOf('directory', problemIn(answer), waitOf(answer, clock));
    if (answer.status !== 200) throw malformed(url, `it answers with status ${answer.status}`);
    const directory = directoryIn(url, answer);
    checkClock(answer, clock);
    return new AcmeClient(transport, clock, url, directory);
  }

  /** Finds the account of this key. Returns false if the CA has none. */
  async find(key: AccountKey, signal: AbortSignal): Promise<boolean> {
    try {
      const url = this.directory.newAccount;
      const answer = await this.#signed('account', url, key, undefined, signal, { onlyReturnExisting: true });
      this.#account = { key, url: this.#addressOf(answer) };
      return true;
    } catch (error) {
      if (error instanceof AcmeFailure && error.problem === 'accountDoesNotExist') return false;
      throw error;
    }
  }

  /**
   * Finds the account of this key, or creates it. The user has accepted the terms before this call. `external`: an
   * account at the website of the CA, which the new one belongs to.
   */
  async enter(
    key: AccountKey,
    email: string | undefined,
    signal: AbortSignal,
    external?: ExternalAccount,
  ): Promise<void> {
    const contact = email === undefined ? [] : [`mailto:${email}`];
    const url = this.directory.newAccount;
    const answer = await this.#signed('account', url, key, undefined, signal, {
      termsOfServiceAgreed: true,
      contact,
      ...(external === undefined ? {} : { externalAccountBinding: key.boundTo(external, url) }),
    });
    const location = this.#addressOf(answer);
    this.#account = { key, url: location };
    // An existing account keeps its old contact.
    if (answer.status === 200 && email !== undefined && !answer.text.includes(email))
      await this.post('account', location, signal, { contact });
  }

  /**
   * When the CA wants a certificate to be renewed; `id` as RFC 9773, section 4.1, makes it. `nextMs`: how long to wait
   * before the next question, as the CA asks.
   */
  async suggestedWindow(
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly window: SuggestedWindow; readonly nextMs: number | undefined } | undefined> {
    const { renewalInfo } = this.directory;
    if (renewalInfo === undefined) return undefined;
    const url = `${renewalInfo.replace(/\/$/, '')}/${id}`;
    const answer = await this.#transport.send('GET', url, undefined, signal);
    if (answer.status >= 400) throw failureOf('renewal', problemIn(answer), waitOf(answer, this.#clock));
    if (answer.status !== 200) throw malformed(url, `it answers with status ${answer.status}`);
    const nextMs = retryAfterMs(answer.headers['retry-after'], this.#clock.nowMs());
    return { window: suggestedWindowIn(url, answer), nextMs };
  }

  get key(): AccountKey {
    if (this.#account === undefined) throw new Error('an account is entered first');
    return this.#account.key;
  }

  /** Sends a signed request. Without a payload the request only reads. */
  post(
    step: 'account' | 'order' | 'challenge' | 'certificate',
    url: string,
    signal: AbortSignal,
    payload?: Json,
  ): Promise<AcmeAnswer> {
    return this.#signed(step, url, this.key, this.#account?.url, signal, payload);
  }

  #addressOf(answer: AcmeAnswer): string {
    const { location } = answer.headers;
    if (location === undefined) throw malformed(this.#url, 'it gave the account no address');
    return location;
  }

  async #signed(
    step: 'account' | 'order' | 'challenge' | 'certificate',
    url: string,
    key: AccountKey,
    accountUrl: string | undefined,
    signal: AbortSignal,
    payload: Json | undefined,
  ): Promise<AcmeAnswer> {
    for (let left = nonceTries; ; left--) {
      const nonce = this.#nonce ?? (await this.#freshNonce(signal));
      this.#nonce = undefined;
      const body = key.signed(url, nonce, accountUrl, payload);
      const answer = await this.#transport.send('POST', url, body, signal);
      this.#nonce = nonceIn(answer);
      if (answer.status < 300) return answer;
      if (answer.status < 400) throw malformed(url, `it answers with status ${answer.status}`);
      const problem = problemIn(answer);
      if (problem.type !== 'badNonce' || left === 0)
        throw failureOf(step, problem, waitOf(answer, this.#clock));
    }
  }

  async #freshNonce(signal: AbortSignal): Promise<string> {
    const answer = await this.#transport.send('HEAD', this.directory.newNonce, undefined, signal);
    const nonce = nonceIn(answer);
    if (nonce === undefined) throw malformed(this.#url, 'it gives no nonce');
    return nonce;
  }
}

function nonceIn(answer: AcmeAnswer): string | undefined {
  const nonce = answer.headers['replay-nonce'];
  return typeof nonce === 'string' && /^[A-Za-z0-9_-]{1,512}$/.test(nonce) ? nonce : undefined;
}

function waitOf(answer: AcmeAnswer, clock: Clock): number | undefined {
  const waitMs = retryAfterMs(answer.headers['retry-after'], clock.nowMs());
  return waitMs === undefined ? undefined : clock.nowMs() + waitMs;
}

/** With a wrong clock, clients or flm itself would refuse the certificate. */
function checkClock(answer: AcmeAnswer, clock: Clock): void {
  const theirsMs = Date.parse(answer.headers.date ?? '');
  if (!(Math.abs(theirsMs - clock.nowMs()) > maxClockErrorMs)) return;
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  throw new AcmeFailure({
    step: 'directory',
    reason: `this machine's clock says ${day(clock.nowMs())} and the CA's says ${day(theirsMs)}`,
    fix: "Set this machine's clock.",
  });
}
