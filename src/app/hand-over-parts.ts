/**
 * The state that a running proxy passes to its successor, and the parts of a proxy that own such state.
 *
 *   running process                                successor
 *   exportState  --- JSON over the channel ------> importState, before it accepts connections
 *   follow                                         serves, and decides about limits from now on
 *   resume (instead of `follow`)                   failed and has ended
 *
 * For the short time between `exportState` and `follow` or `resume`, a part of the running process makes no decision
 * that changes its state. Requests to the part wait.
 */
import type { HandOverState } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';

export interface HandOverPart {
  /** The key of the part's state. A new meaning needs a new name. An unknown name is ignored. */
  readonly name: string;
  /** Returns the state as JSON. From now on the part's decisions wait. */
  exportState(): unknown;
  /**
   * Imports the state of the predecessor, which may run another version. Never throws: state that the part cannot read
   * is ignored.
   */
  importState(state: unknown): void | Promise<void>;
  /** The hand-over failed: the part continues as if nothing had been exported. */
  resume(): void;
  /**
   * A newer process serves and this process drains: the part asks the newer process from now on. Called again if the
   * newer process is replaced too.
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
