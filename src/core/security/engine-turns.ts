/**
 * For each engine: its running requests by family of keys, in which order it served the families, and how long a request
 * takes. `FairAdmission` decides by it which waiting request is next.
 */

/** One engine. */
export interface EngineSlots {
  running: number;
  /** By family id. Kept while any request waits, so that a key keeps its turn while it briefly has no request. */
  readonly turns: Map<string, FamilyTurn>;
  /** Moving average of the time between lease and release; 0 while unknown. */
  averageMs: number;
}

/** One family of keys on one engine. */
export interface FamilyTurn {
  /** A serial number. The key served least recently has the lowest number. */
  served: number;
  running: number;
}

/** The order of service of one engine, for another process. */
export interface EngineOrder {
  readonly id: string;
  readonly averageMs: number;
  /** Families of keys, least recently served first. */
  readonly turns: readonly string[];
}

/** A count of leases: engine id, family id, number. */
export type HeldLeases = readonly [engine: string, family: string, count: number];

/** Weight of the newest lease in the moving average. */
const newestWeight = 0.2;

export class EngineTurns {
  readonly #slots = new Map<string, EngineSlots>();
  #served = 0;

  /** Ids of the engines that `of` was called for: those that requests ran on or waited for. */
  ids(): readonly string[] {
    return [...this.#slots.keys()];
  }

  of(engineId: string): EngineSlots {
    let slots = this.#slots.get(engineId);
    if (slots === undefined) {
      slots = { running: 0, turns: new Map(), averageMs: 0 };
      this.#slots.set(engineId, slots);
    }
    return slots;
  }

  running(engineId: string): number {
    return this.#slots.get(engineId)?.running ?? 0;
  }

  /** Counts a request of this family that begins to run. */
  begin(slots: EngineSlots, familyId: string): FamilyTurn {
    const turn = this.#serve(slots, familyId);
    slots.running += 1;
    turn.running += 1;
    return turn;
  }

  /** The request of this turn has ended. */
  end(slots: EngineSlots, turn: FamilyTurn, tookMs: number): void {
    slots.running -= 1;
    turn.running -= 1;
    slots.averageMs =
      slots.averageMs === 0 ? tookMs : slots.averageMs + (tookMs - slots.averageMs) * newestWeight;
  }

  orders(): readonly EngineOrder[] {
    return [...this.#slots].map(([id, { averageMs, turns }]) => ({
      id,
      averageMs,
      turns: [...turns].sort(([, a], [, b]) => a.served - b.served).map(([family]) => family),
    }));
  }

  /** Goes on with the orders of another process. */
  importOrders(orders: readonly EngineOrder[]): void {
    for (const { id, averageMs, turns } of orders) {
      const slots = this.of(id);
      slots.averageMs = averageMs;
      for (const family of turns) this.#serve(slots, family);
    }
  }

  leases(): readonly HeldLeases[] {
    return [...this.#slots].flatMap(([id, { turns }]) =>
      [...turns]
        .filter(([, { running }]) => running > 0)
        .map(([family, { running }]): HeldLeases => [id, family, running]),
    );
  }

  /** Drops the turns of families for which `has` is false. */
  keep(has: (familyId: string) => boolean): void {
    for (const { turns } of this.#slots.values())
      for (const id of turns.keys()) if (!has(id)) turns.delete(id);
  }

  #serve({ turns }: EngineSlots, familyId: string): FamilyTurn {
    let turn = turns.get(familyId);
    if (turn === undefined) {
      turn = { served: 0, running: 0 };
      turns.set(familyId, turn);
    }
    turn.served = ++this.#served;
    return turn;
  }
}
