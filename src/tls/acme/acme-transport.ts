/**
 * HTTPS to an ACME server. Every response is limited in bytes and in time, redirects are not followed, and every
 * failure becomes a sentence for the user. Connections stay open until `close`.
 */
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Clock } from '../../core/clock.ts';
import { within } from '../../core/deadline.ts';
import { gatherText } from '../../core/gathered-bytes.ts';
import { AcmeFailure } from './acme-failure.ts';

export interface AcmeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const answerMs = 20_000;
/** A chain of certificates has a few kilobytes. */
const maxAnswerBytes = 256 * 1024;

export class AcmeTransport {
  readonly #agent: Agent;
  readonly #clock: Clock;
  readonly #agentName: string;

  /** `ca`: PEM; replaces the CAs that the system trusts. */
  constructor(clock: Clock, agentName: string, ca: string | undefined) {
    this.#clock = clock;
    this.#agentName = agentName;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 4, ...(ca === undefined ? {} : { ca }) });
  }

  /** Throws an `AcmeFailure`, or the reason of the signal. */
  async send(
    method: 'GET' | 'HEAD' | 'POST',
    url: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<AcmeAnswer> {
    if (!URL.canParse(url) || !url.startsWith('https:')) throw malformed(url, 'it sent an invalid URL');
    try {
      return await within(
        this.#clock,
        answerMs,
        signal,
        () => silent(url),
        (limited) => this.#send(method, url, body, limited),
      );
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof AcmeFailure ? error : unreachable(url, error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(
    method: string,
    url: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<AcmeAnswer> {
    const headers = {
      'user-agent': this.#agentName,
      'accept-language': 'en',
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/jose+json', 'content-length': Buffer.byteLength(body) }),
    };
    try {
      const sent = request(url, { method, agent: this.#agent, headers, signal });
      sent.end(body);
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      // The reader of the body reports later errors.
      sent.on('error', () => {});
      const text = await gatherText(response, maxAnswerBytes);
      if (text === undefined) throw malformed(url, 'its answer is too long');
      return { status: response.statusCode ?? 0, headers: response.headers, text };
    } catch (error) {
      // node:http reports an abort as an error of its own.
      signal.throwIfAborted();
      throw error;
    }
  }
}

/** The error for a response that no ACME server sends. */
export function malformed(url: string, what: string): AcmeFailure {
  return new AcmeFailure({
    step: 'directory',
    reason: `${hostOf(url)} does not answer as an ACME server does: ${what}`,
    fix: 'Check the URL of the directory (--acme-directory), and the status page of the CA.',
  });
}

function silent(url: string): AcmeFailure {
  return new AcmeFailure({
    step: 'directory',
    reason: `${hostOf(url)} did not answer within ${answerMs / 1000} s`,
    fix: 'Check that this machine can reach the CA, and the status page of the CA.',
  });
}

function unreachable(url: string, cause: unknown): AcmeFailure {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const host = hostOf(url);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return new AcmeFailure({
      step: 'directory',
      reason: `the certificate of ${host} is not valid now (${code})`,
      fix: "Check this machine's clock.",
      cause,
    });
  if (/CERT|SELF_SIGNED|ISSUER|VERIFY|CRL/.test(code))
    return new AcmeFailure({
      step: 'directory',
      reason: `${host} is not trusted (${code})`,
      fix: 'For your own ACME server, give its CA with --acme-ca FILE.',
      cause,
    });
  return new AcmeFailure({
    step: 'directory',
    reason: `${host} cannot be reached (${code || 'the connection broke'})`,
    fix: 'Check the URL of the directory (--acme-directory) and that this machine reaches it.',
    cause,
  });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the ACME server';
}
