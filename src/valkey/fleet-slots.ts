/**
 * The slots of engines that this node has of the fleet's. The server gives a slot to a node; the node's own queue gives
 * it to a request, and to the next one after that, without asking again. A node that has a free slot returns it as soon
 * as another node waits for one, or after a second.
 *
 *   a request waits -> ask for a slot, and wait for one -> a node returns one -> the server passes it to this node
 *
 * When several nodes wait for an engine, a slot changes to the next node after each request.
 */
import type { Candidate, Candidates, EngineDirectory } from '../core/engine/directory.ts';
import type { EngineRef } from '../core/engine/engine.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import type { FairAdmission, SlotSource } from '../core/security/fair-admission.ts';
import type { Membership } from './membership.ts';
import type { Argument } from './server-link.ts';

interface Slots {
  readonly id: string;
  readonly name: string;
  /** How many this node has. */
  own: number;
  /** Other nodes wait for one. */
  wanted: boolean;
  /** Questions without a reply. */
  asked: number;
  /** The server has this node in its queue. */
  waits: boolean;
  usedAtMs: number;
}

/** Kept for the next request. */
const idleMs = 1_000;
const mostAsked = 8;

export interface FleetSlotsOptions {
  readonly member: Membership;
  readonly admission: FairAdmission;
  readonly directory: EngineDirectory;
  readonly hostname: string;
  readonly nowMs: () => number;
}

/** Two nodes mean the same engine if they reach it under the same name. A loopback address means one of this host. */
export function slotsName(ref: EngineRef, hostname: string): string {
  const { host, socketPath } = ref.address;
  const here = socketPath !== undefined || isLoopbackHost(host);
  return here ? `${hostname} ${ref.url}` : ref.url;
}

export class FleetSlots implements SlotSource {
  readonly #options: FleetSlotsOptions;
  readonly #engines = new Map<string, Slots>();
  #lastUsed: Slots | undefined;
  #isOpen = false;

  constructor(options: FleetSlotsOptions) {
    this.#options = options;
  }

  /** Requests get slots from now on: the server has answered, or is away. */
  open(): void {
    this.#isOpen = true;
  }

  /** See `SlotSource`. */
  slots(engineId: string): number | undefined {
    const whole = this.#whole(engineId);
    if (whole === undefined) return undefined;
    if (!this.#isOpen) return 0;
    const { member } = this.#options;
    return member.state === 'shared' ? this.#of(engineId).own : Math.max(1, Math.floor(whole / member.nodes));
  }

  /** See `SlotSource`: requests wait here for one of these engines. */
  waiting(candidates: readonly Candidate[]): void {
    if (this.#options.member.state !== 'shared') return;
    for (const { engine } of candidates) {
      if (this.#whole(engine.ref.id) !== undefined) this.#wait(this.#of(engine.ref.id));
    }
  }

  /** See `SlotSource`: a request has ended, and nobody has its slot yet. */
  released(engineId: string): void {
    const { member, nowMs } = this.#options;
    if (member.state !== 'shared' || this.#whole(engineId) === undefined) return;
    const slots = this.#of(engineId);
    slots.usedAtMs = nowMs();
    this.#lastUsed = slots;
    if (!slots.wanted || this.#spare(slots) <= 0) return;
    this.#free(slots, 1);
    if (this.#options.admission.waitsFor(engineId)) this.#wait(slots);
  }

  /** The engines, best first, of which a slot must be asked before the request can enter the queue of this node. */
  needed(candidates: Candidates): readonly string[] {
    if (!this.#isNeeded(candidates.best)) return [];
    const ids: string[] = [];
    for (const candidate of candidates.all) {
      if (!this.#isNeeded(candidate)) break;
      ids.push(candidate.engine.ref.id);
    }
    return ids;
  }

  /** Whether this node has no slot of the engine left, and no request waits for one. */
  #isNeeded({ engine: { ref } }: Candidate): boolean {
    if (this.#whole(ref.id) === undefined) return false;
    return this.#spare(this.#of(ref.id)) <= 0 && !this.#options.admission.waitsFor(ref.id);
  }

  /** The last engine used, if this node has no slot of it left: asked together with the limits of a request. */
  likely(): readonly string[] {
    const slots = this.#lastUsed;
    if (slots === undefined || slots.wanted || this.#whole(slots.id) === undefined) return [];
    return this.#spare(slots) > 0 || this.#options.admission.waitsFor(slots.id) ? [] : [slots.id];
  }

  /** The last part of `ask`. */
  argumentsOf(ids: readonly string[], waits: boolean): Argument[] {
    const some = ids.flatMap((id) => [this.#of(id).name, this.#whole(id) ?? 0]);
    return [ids.length, waits ? 1 : 0, ...some];
  }

  /** Reads the last part of the reply to `ask`: the name of the engine of the granted slot, and who waits for each. */
  answered(ids: readonly string[], reply: readonly (string | number | null)[]): void {
    const [granted, ...others] = reply;
    ids.forEach((id, i) => {
      const slots = this.#of(id);
      slots.wanted = Number(others[i] ?? 0) > 0;
      if (granted === slots.name) this.#add(slots, 1);
    });
  }

  /** What this node has of each engine, or must have for its running requests. */
  held(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    const { admission, directory } = this.#options;
    for (const { ref } of directory.engines()) {
      const running = admission.runningOn(ref.id);
      if (this.#whole(ref.id) !== undefined && running > 0)
        held.set(slotsName(ref, this.#options.hostname), running);
    }
    return held;
  }

  /** The server counts from now on, and was told `held`. */
  begin(held: ReadonlyMap<string, number>): void {
    this.#engines.clear();
    this.#lastUsed = undefined;
    for (const { ref } of this.#options.directory.engines())
      this.#of(ref.id).own = held.get(slotsName(ref, this.#options.hostname)) ?? 0;
  }

  /** The server passed a slot of another node to this one. */
  granted(name: string): void {
    const slots = [...this.#engines.values()].find((each) => each.name === name);
    if (slots === undefined) return;
    slots.waits = false;
    this.#add(slots, 1);
    this.#options.admission.serve(slots.id);
    if (this.#options.admission.waitsFor(slots.id)) this.#wait(slots);
    else if (slots.wanted) this.#free(slots, this.#spare(slots));
  }

  /** Another node waits. */
  wanted(name: string): void {
    const slots = [...this.#engines.values()].find((each) => each.name === name);
    if (slots === undefined) return;
    slots.wanted = true;
    this.#free(slots, this.#spare(slots));
  }

  /** About twice a second: asks again for what waits, and returns what nobody used. */
  tick(): void {
    const { member, admission, nowMs } = this.#options;
    if (member.state !== 'shared') return;
    for (const slots of this.#engines.values()) {
      const waits = admission.waitsFor(slots.id);
      if (waits) {
        slots.waits = false;
        this.#wait(slots);
      } else if (slots.waits) {
        slots.waits = false;
        member.tell('leave', [slots.name]);
      }
      if (!waits && nowMs() - slots.usedAtMs >= idleMs) this.#free(slots, this.#spare(slots));
    }
  }

  /** Asks for a slot, and waits for one. */
  #wait(slots: Slots): void {
    const { member, admission } = this.#options;
    if (slots.asked >= mostAsked || slots.waits || this.#spare(slots) > 0) return;
    slots.asked += 1;
    const ids = [slots.id];
    const asking = member.ask('ask', [0, '', 0, '', 0, '', 0, ...this.argumentsOf(ids, true)]);
    void asking.then((reply) => {
      slots.asked -= 1;
      if (reply === undefined || this.#engines.get(slots.id) !== slots) return;
      slots.waits = reply[6] === '';
      this.answered(ids, reply.slice(6));
      if (slots.waits) return;
      admission.serve(slots.id);
      if (admission.waitsFor(slots.id)) this.#wait(slots);
    });
  }

  #free(slots: Slots, count: number): void {
    if (count <= 0) return;
    slots.own -= count;
    const asking = this.#options.member.ask('free', [slots.name, this.#whole(slots.id) ?? 0, count]);
    void asking.then((reply) => {
      if (reply === undefined || this.#engines.get(slots.id) !== slots) return;
      slots.wanted = Number(reply[2]) > 0;
      if (Number(reply[1]) === 0) return;
      slots.waits = false;
      this.#add(slots, Number(reply[1]));
      this.#options.admission.serve(slots.id);
    });
  }

  #add(slots: Slots, count: number): void {
    slots.own += count;
    slots.usedAtMs = this.#options.nowMs();
    this.#lastUsed = slots;
  }

  #spare(slots: Slots): number {
    return slots.own - this.#options.admission.runningOn(slots.id);
  }

  #whole(engineId: string): number | undefined {
    return this.#options.directory.engine(engineId)?.slots;
  }

  #of(engineId: string): Slots {
    let slots = this.#engines.get(engineId);
    if (slots === undefined) {
      const ref = this.#options.directory.engine(engineId)?.engine.ref;
      const name = ref === undefined ? engineId : slotsName(ref, this.#options.hostname);
      slots = { id: engineId, name, own: 0, wanted: false, asked: 0, waits: false, usedAtMs: 0 };
      this.#engines.set(engineId, slots);
    }
    return slots;
  }
}
