/**
 * Reports an error status of an engine that arrives after flm sent the response head because of a long silence. The
 * error becomes an event, with the engine's own message if its body has one.
 */
import { GatheredBytes } from '../../core/gathered-bytes.ts';

/** How much of such an error body is read. */
const limitBytes = 16 * 1024;

export class ErrorAfterHead {
  readonly #status: number;
  readonly #body = new GatheredBytes(limitBytes);

  constructor(status: number) {
    this.#status = status;
  }

  add(buffer: Buffer, from: number, to: number): void {
    this.#body.add(buffer, from, Math.min(to, from + limitBytes - this.#body.length));
  }

  get message(): string {
    const said = saidIn(this.#body.bytes().toString());
    return `The engine answered with status ${this.#status} after a long silence${said === '' ? '.' : `: ${said}`}`;
  }
}

function saidIn(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (body === null || typeof body !== 'object' || !('error' in body)) return '';
    const { error } = body;
    if (typeof error === 'string') return error;
    const hasMessage = error !== null && typeof error === 'object' && 'message' in error;
    return hasMessage && typeof error.message === 'string' ? error.message : '';
  } catch {
    // Not JSON: only the status is reported.
    return '';
  }
}
