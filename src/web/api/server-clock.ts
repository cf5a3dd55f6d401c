/**
 * The clock of the server, to compare with its times: that of the browser's machine may be wrong. Each response has the
 * second in which the server sent it (https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1).
 */

const secondMs = 1_000;

export class ServerClock {
  /** How far the server is ahead of the browser. */
  #aheadMs = 0;

  /**
   * Corrects the difference by a response that just arrived, whose request was sent at `sentAtMs` of the browser. A
   * difference that is possible after this response stays, so that the time of a right clock is not changed.
   */
  learn({ headers }: Pick<Response, 'headers'>, sentAtMs: number): void {
    const dateMs = Date.parse(headers.get('date') ?? '');
    if (Number.isNaN(dateMs)) return;
    const [leastMs, mostMs] = [dateMs - Date.now(), dateMs + secondMs - sentAtMs];
    this.#aheadMs = Math.min(Math.max(this.#aheadMs, leastMs), mostMs);
  }

  /** Correct to about a second. */
  nowMs(): number {
    return Date.now() + this.#aheadMs;
  }
}

export const serverClock = new ServerClock();
