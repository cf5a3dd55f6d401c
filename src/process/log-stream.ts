/**
 * The log of a proxy as a stream that another program reads: stderr, as a pipe, a socket or a terminal.
 *
 * `write` never throws and never waits. Lines wait in bounded memory for a slow reader. Lines that do not fit are
 * dropped and counted, and a line reports the count once the reader continues.
 */
import type { Writable } from 'node:stream';
import { lossLine } from './log-line.ts';

export interface LogStreamOptions {
  readonly stream: Writable;
  readonly clock: { nowMs(): number };
  /** The maximum that waits for the reader. Further lines are dropped. */
  readonly maxWaitingBytes?: number;
  /** Called before each line is written. */
  readonly beforeWrite?: () => void;
  /** How long `close` waits for the reader. */
  readonly closeMs?: number;
}

/** How often `close` checks whether the reader has caught up. */
const lookMs = 10;

/** Has the `write` method that the logger needs. */
export class LogStream {
  readonly #stream: Writable;
  readonly #clock: { nowMs(): number };
  readonly #maxWaitingBytes: number;
  readonly #closeMs: number;
  readonly #beforeWrite: () => void;
  /** Lost lines that no line has reported yet. */
  #lost = 0;
  #closed = false;
  /** The number of lines lost so far. */
  lostLines = 0;

  constructor(options: LogStreamOptions) {
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 4 * 1000 ** 2;
    this.#beforeWrite = options.beforeWrite ?? (() => {});
    this.#closeMs = options.closeMs ?? 1_000;
    this.#stream.on('drain', this.#tellLoss);
  }

  /** One line, newline included. */
  write(line: string): void {
    this.#beforeWrite();
    if (this.#stream.writableLength === 0 && this.#lost === 0 && this.#stream.writable && !this.#closed)
      this.#stream.write(line);
    else this.#writeBehind(line);
  }

  /** Accepts no more lines. Resolves to false if the reader did not read the waiting lines within a second. */
  async close(): Promise<boolean> {
    this.#tellLoss();
    this.#closed = true;
    this.#stream.off('drain', this.#tellLoss);
    for (let waitedMs = 0; waitedMs < this.#closeMs; waitedMs += lookMs) {
      if (!this.#stream.writable || this.#stream.writableLength === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
    return this.#stream.writableLength === 0;
  }

  #writeBehind(line: string): void {
    if (this.#closed) return;
    // Continue only when some space is free, so that a slow reader gets many lines between two notices.
    if (this.#lost > 0 && this.#stream.writableLength <= this.#maxWaitingBytes / 2) this.#tellLoss();
    // As bytes, because for a string a stream counts characters.
    const bytes = this.#lost > 0 ? undefined : Buffer.from(line);
    const fits = bytes !== undefined && this.#stream.writableLength + bytes.length <= this.#maxWaitingBytes;
    if (fits && this.#stream.writable) {
      this.#stream.write(bytes);
      return;
    }
    this.#lost += 1;
    this.lostLines += 1;
  }

  readonly #tellLoss = (): void => {
    if (this.#lost === 0 || !this.#stream.writable) return;
    const line = lossLine(this.#lost, 'the reader of the log is too slow', this.#clock.nowMs());
    this.#lost = 0;
    this.#stream.write(Buffer.from(line));
  };
}
