/**
 * The last refusals, so that `flm explain REQUEST-ID` can say why. Bounded: the oldest is forgotten first.
 */
import type { Refusal } from '../core/proxy/ports.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

const kept = 2_000;

export class Refusals {
  readonly #byId = new Map<string, Refusal>();

  note(line: RequestLine): void {
    if (line.code === null) return;
    this.#byId.set(line.id, { id: line.id, atMs: line.atMs, code: line.code, rule: line.rule ?? '', line });
    if (this.#byId.size <= kept) return;
    for (const oldest of this.#byId.keys()) {
      this.#byId.delete(oldest);
      break;
    }
  }

  find(id: string): Refusal | undefined {
    return this.#byId.get(id);
  }
}
