/**
 * Sends requests to readers (`flm tail`) as they end. A slow reader loses lines; no request ever waits for a reader.
 */
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

const queueLimit = 1_000;

interface Reader {
  readonly queue: RequestLine[];
  wake: (() => void) | undefined;
}

export class TailHub {
  readonly #readers = new Set<Reader>();

  publish(line: RequestLine): void {
    for (const reader of this.#readers) {
      if (reader.queue.length >= queueLimit) reader.queue.shift();
      reader.queue.push(line);
      reader.wake?.();
    }
  }

  /** Yields lines from now on until aborted. */
  async *lines(signal: AbortSignal): AsyncGenerator<RequestLine> {
    const reader: Reader = { queue: [], wake: undefined };
    const abort = (): void => reader.wake?.();
    signal.addEventListener('abort', abort);
    this.#readers.add(reader);
    try {
      while (!signal.aborted) {
        const line = reader.queue.shift();
        if (line !== undefined) {
          yield line;
          continue;
        }
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
        reader.wake = undefined;
      }
    } finally {
      this.#readers.delete(reader);
      signal.removeEventListener('abort', abort);
    }
  }
}
