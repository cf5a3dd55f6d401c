/**
 * Remembers on which engine each conversation ran last. An engine keeps what it has read of its last prompts, so it
 * answers the next request of a conversation sooner than an engine that has to read the whole conversation again.
 *
 * A conversation is a number of 32 bits, made from its key, its model and what the request tells about it. No text of a
 * request is kept. Two of the 20,000 that are kept rarely have the same number; then a request may go to the wrong
 * engine.
 */

/** What the request tells about its conversation, without the key and the model. */
export interface ConversationIdentity {
  readonly id: number;
  /** The id that the same conversation had when it had one message. */
  readonly firstId?: number;
}

/** Reads the conversation from a request; undefined if the request tells nothing about one. */
export type ConversationReader = () => ConversationIdentity | undefined;

export interface EngineConversations {
  readonly engine: string;
  readonly ids: readonly number[];
}

/** Conversations that are kept at least; at most twice as many. */
const minKept = 10_000;

export class ConversationHomes {
  /** Engine ids. `#earlier` is dropped when `#recent` is full; conversations that go on move to `#recent`. */
  #recent = new Map<number, string>();
  #earlier = new Map<number, string>();

  /** The home of a conversation. `seed` separates the conversations of a key and a model from others. */
  homeOf(seed: number, { id, firstId }: ConversationIdentity): ConversationHome {
    const own = mixHash(seed, id);
    const engine =
      this.#engineOf(own) ?? (firstId === undefined ? undefined : this.#engineOf(mixHash(seed, firstId)));
    return new ConversationHome(this, own, engine);
  }

  /** The home of a stored response, which only its engine can read or continue. */
  ofResponse(responseId: string, family: string): ConversationHome {
    return this.homeOf(hashOfText(family), { id: hashOfText(responseId) });
  }

  /** The ids of the conversations by engine, those that ran longest ago first. */
  exportState(): readonly EngineConversations[] {
    const all = new Map([...this.#earlier, ...this.#recent]);
    return [...Map.groupBy(all, ([, engine]) => engine)].map(([engine, entries]) => ({
      engine,
      ids: entries.map(([id]) => id),
    }));
  }

  importState(state: readonly EngineConversations[]): void {
    for (const { engine, ids } of state) for (const id of ids) this.set(id, engine);
  }

  set(id: number, engine: string): void {
    if (this.#recent.get(id) === engine) return;
    if (this.#recent.size >= minKept) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(id, engine);
  }

  #engineOf(id: number): string | undefined {
    return this.#recent.get(id) ?? this.#earlier.get(id);
  }
}

/** The home of the conversation of one request. */
export class ConversationHome {
  /** The id of the engine that the conversation ran on last; undefined for a new or forgotten conversation. */
  readonly engine: string | undefined;
  readonly #homes: ConversationHomes;
  readonly #id: number;

  constructor(homes: ConversationHomes, id: number, engine: string | undefined) {
    this.#homes = homes;
    this.#id = id;
    this.engine = engine;
  }

  moveTo(engine: string): void {
    this.#homes.set(this.#id, engine);
  }
}

/** A hash for tables. It is no protection against a client that wants two equal ones. */
export function mixHash(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}

export function hashOfText(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = mixHash(hash, text.charCodeAt(i));
  return hash;
}
