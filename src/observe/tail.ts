/**
 * Sends requests to readers (`flm tail`) as they end. A slow reader loses lines; no request ever waits for a reader.
 */
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

const queueLimit = 1_000;

interface Reader {
  readonly queue: RequestLine[];
  readonly limit: number;
  wake: (() => void) | undefined;
}

/** The newest requests that ended since the last `take`, oldest first. */
export interface Collector {
  take(): readonly RequestLine[];
  end(): void;
}

export class TailHub {
  readonly #readers = new Set<Reader>();

  publish(line: RequestLine): void {
    if (this.#readers.size === 0) return;
    for (const reader of this.#readers) {
      if (reader.queue.length >= reader.limit) reader.queue.shift();
      reader.queue.push(line);
      reader.wake?.();
    }
  }

  /** Collects lines from now on for a reader that takes them when it wants. */
  collect(limit: number): Collector {
    const reader: Reader = { queue: [], limit, wake: undefined };
    this.#readers.add(reader);
    return {
      take: () => reader.queue.splice(0),
      end: () => {
        this.#readers.delete(reader);
      },
    };
  }

  /** Yields lines from now on until aborted. */
  async *lines(signal: AbortSignal): AsyncGenerator<RequestLine> {
    const reader: Reader = { queue: [], limit: queueLimit, wake: undefined };
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
