/**
 * The last refusals, so that `flm explain REQUEST-ID` can say why. Bounded: the oldest is forgotten first. Those of
 * strangers have a room of their own, or anybody could make the others be forgotten by knocking fast.
 */
import type { Refusal } from '../core/proxy/ports.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

/** In each room. */
const kept = 2_000;

export class Refusals {
  readonly #ofKeys = new Map<string, Refusal>();
  readonly #ofStrangers = new Map<string, Refusal>();

  note(line: RequestLine): void {
    if (line.code === null) return;
    const room = line.keyId === null ? this.#ofStrangers : this.#ofKeys;
    room.set(line.id, { id: line.id, atMs: line.atMs, code: line.code, rule: line.rule ?? '', line });
    if (room.size <= kept) return;
    for (const oldest of room.keys()) {
      room.delete(oldest);
      break;
    }
  }

  find(id: string): Refusal | undefined {
    return this.#ofKeys.get(id) ?? this.#ofStrangers.get(id);
  }
}
