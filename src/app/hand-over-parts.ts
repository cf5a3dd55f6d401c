/**
 * The state that a running proxy passes to its successor, and the parts of a proxy that own such state.
 *
 *   running process                                successor
 *   exportState  --- JSON over the channel ------> importState, before it accepts connections
 *   follow                                         serves, and decides about limits from now on
 *   resume (instead of `follow`)                   failed and has ended
 *
 * Between `exportState` and `follow` or `resume`, which is a moment, a part of the running process decides nothing that
 * its state depends on: what it is asked meanwhile waits.
 */
import type { HandOverState } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';

export interface HandOverPart {
  /** The key of its state; another meaning needs another name. A name that one side does not know is ignored. */
  readonly name: string;
  /** Returns the state as JSON. From now on the part's decisions wait. */
  exportState(): unknown;
  /** Takes the state of the predecessor, which may be of another version: it throws nothing for what it cannot read. */
  importState(state: unknown): void | Promise<void>;
  /** The hand-over failed: the part decides again, as if nothing had been exported. */
  resume(): void;
  /**
   * A newer process serves: the part of this one, which drains, asks that process from now on. Called again with the
   * next one when that process is replaced too.
   */
  follow(newest: ProxyHandle): void;
}

/** All parts of one proxy. */
export class HandOverParts {
  readonly #parts: HandOverPart[] = [];

  add(part: HandOverPart): void {
    this.#parts.push(part);
  }

  async exportState(): Promise<HandOverState> {
    const state: Record<string, unknown> = {};
    for (const part of this.#parts) state[part.name] = await part.exportState();
    return state;
  }

  async importState(state: HandOverState): Promise<void> {
    for (const part of this.#parts)
      if (Object.hasOwn(state, part.name)) await part.importState(state[part.name]);
  }

  resume(): void {
    for (const part of this.#parts) part.resume();
  }

  follow(newest: ProxyHandle): void {
    for (const part of this.#parts) part.follow(newest);
  }
}
