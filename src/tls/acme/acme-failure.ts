/**
 * The reason why no certificate was obtained: the step, the name, what the CA reported, what to check, and when to try
 * again. It is a `ProxyError` PROXY_ACME_FAILED with the facts that the renewal needs.
 */
import { ProxyError } from '../../core/errors.ts';

export type AcmeStep =
  | 'directory'
  | 'account'
  | 'order'
  | 'challenge'
  | 'certificate'
  | 'renewal'
  | 'saving'
  | 'waiting';

export interface AcmeTrouble {
  readonly step: AcmeStep;
  /** Completes "No certificate from the ACME server: ...". */
  readonly reason: string;
  /** Sentences: what to check. */
  readonly fix: string;
  /** The CA asked for no further request before this time. */
  readonly notBeforeMs?: number | undefined;
  /** Control of a name was not proved; another challenge type may work. */
  readonly unproved?: boolean;
  /** The type of the CA's problem document (RFC 8555, section 6.7), without its prefix. */
  readonly problem?: string | undefined;
  readonly cause?: unknown;
}

export class AcmeFailure extends ProxyError {
  readonly step: AcmeStep;
  readonly notBeforeMs: number | undefined;
  readonly unproved: boolean;
  readonly problem: string | undefined;

  constructor({ step, reason, fix, notBeforeMs, unproved, problem, cause }: AcmeTrouble) {
    const when = notBeforeMs === undefined ? '' : ` Try again after ${timeText(notBeforeMs)}.`;
    super('PROXY_ACME_FAILED', { params: { reason, fix: `${fix}${when}`.trim() }, cause });
    this.step = step;
    this.notBeforeMs = notBeforeMs;
    this.unproved = unproved === true;
    this.problem = problem;
  }
}

/** UTC, rounded up to the minute so that the time is never too early. */
export function timeText(atMs: number): string {
  const minute = new Date(Math.ceil(atMs / 60_000) * 60_000).toISOString();
  return `${minute.slice(0, 10)} ${minute.slice(11, 16)} UTC`;
}

/** Text from a CA or a hook for one line: shortened, and without control characters. */
export function printableExcerpt(text: string): string {
  const plain = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return plain.length > 300 ? `${plain.slice(0, 297)}...` : plain;
}
