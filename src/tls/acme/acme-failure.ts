/**
 * The reason why no certificate was obtained: the step, the name, what the CA reported, what to check, and when to try
 * again. It is a `ProxyError` PROXY_ACME_FAILED with the facts that the renewal needs.
 */
import { ProxyError } from '../../core/errors.ts';

export type AcmeStep = 'directory' | 'account' | 'order' | 'challenge' | 'certificate' | 'saving' | 'waiting';

export interface AcmeTrouble {
  readonly step: AcmeStep;
  /** Completes "No certificate from the ACME server: ...". */
  readonly reason: string;
  /** Sentences: what to check. */
  readonly fix: string;
  /** Before this time another try is no use, as the CA said. */
  readonly notBeforeMs?: number | undefined;
  /** Control of a name was not proved; another kind of challenge might prove it. */
  readonly unproved?: boolean;
  readonly cause?: unknown;
}

export class AcmeFailure extends ProxyError {
  readonly step: AcmeStep;
  readonly notBeforeMs: number | undefined;
  readonly unproved: boolean;

  constructor({ step, reason, fix, notBeforeMs, unproved, cause }: AcmeTrouble) {
    const when = notBeforeMs === undefined ? '' : ` Try again after ${timeText(notBeforeMs)}.`;
    super('PROXY_ACME_FAILED', { params: { reason, fix: `${fix}${when}`.trim() }, cause });
    this.step = step;
    this.notBeforeMs = notBeforeMs;
    this.unproved = unproved === true;
  }
}

/** To the minute and never too early, as everybody reads it. */
export function timeText(atMs: number): string {
  const minute = new Date(Math.ceil(atMs / 60_000) * 60_000).toISOString();
  return `${minute.slice(0, 10)} ${minute.slice(11, 16)} UTC`;
}

/** What a CA or a hook said, for a line of text: short, and without what a terminal would obey. */
export function printableExcerpt(text: string): string {
  const plain = text.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  return plain.length > 300 ? `${plain.slice(0, 297)}...` : plain;
}
