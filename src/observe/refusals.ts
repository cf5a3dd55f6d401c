/**
 * Keeps the last refusals, so that `flm explain REQUEST-ID` can give the reason. Memory is bounded; the oldest refusal
 * is dropped first. Refusals of clients without a key have a list of their own, and so do refusals with a complete line
 * in the log. Otherwise a client could push out the others by sending fast.
 */
import type { ErrorParams } from '../core/errors.ts';
import type { RecordedRefusal } from '../core/proxy/ports.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

/** Limit for refusals with a complete line in the log: as many as a thousand addresses cause in a minute. */
const keptWhole = 5_000;
/** Limit for the other refusals. */
const kept = 2_000;

export interface RefusalDetails {
  /** Parameters of the texts of the error table. */
  readonly params?: ErrorParams | undefined;
  /** The log holds the complete line of this refusal. */
  readonly whole?: boolean;
}

export class Refusals {
  readonly #wholeOfKeys = new Map<string, RecordedRefusal>();
  readonly #wholeOfOthers = new Map<string, RecordedRefusal>();
  readonly #ofKeys = new Map<string, RecordedRefusal>();
  readonly #ofOthers = new Map<string, RecordedRefusal>();

  note(line: RequestLine, { params, whole = false }: RefusalDetails = {}): void {
    if (line.code === null) return;
    const refusal = { id: line.id, atMs: line.atMs, code: line.code, rule: line.rule ?? '', line };
    const known = line.keyId !== null;
    if (whole) keep(known ? this.#wholeOfKeys : this.#wholeOfOthers, keptWhole, refusal, params);
    else keep(known ? this.#ofKeys : this.#ofOthers, kept, refusal, params);
  }

  find(id: string): RecordedRefusal | undefined {
    return (
      this.#wholeOfKeys.get(id) ??
      this.#wholeOfOthers.get(id) ??
      this.#ofKeys.get(id) ??
      this.#ofOthers.get(id)
    );
  }
}

function keep(
  refusals: Map<string, RecordedRefusal>,
  limit: number,
  refusal: RecordedRefusal,
  params: ErrorParams | undefined,
): void {
  // A copy, text by text: a path or a host that was cut from a request head would hold the whole head in memory, with
  // the
  // credential in it. Everything in a refusal is JSON, so the copy has its type.
  const copy = JSON.parse(JSON.stringify({ ...refusal, params })) as RecordedRefusal;
  refusals.set(copy.id, copy);
  if (refusals.size <= limit) return;
  for (const oldest of refusals.keys()) {
    refusals.delete(oldest);
    break;
  }
}
