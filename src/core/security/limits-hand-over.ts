/**
 * The limits of one process over its whole life: imports the state of the previous process, counts, holds state for
 * draining processes, and hands over to the next process.
 *
 *   next process: take(state) before it accepts      this process: begin() -> cancel() or commit(place of the next one)
 */
import type { Clock } from '../clock.ts';
import type { EngineDirectory } from '../engine/directory.ts';
import type { Admission } from './admission.ts';
import type { LinkState } from './held-link.ts';
import { LimitsAuthority, type LinkReceiver, type UsedTokens } from './limits-authority.ts';
import type { DialLink, LinkConnection, LinkPlace } from './limits-link.ts';
import { LinkedLimits } from './linked-limits.ts';
import type { LimitPorts, LimitsState, LocalLimits } from './local-limits.ts';

/** Limits that another machine counts for all nodes. The next process continues as the same node. */
export interface SharedLimits {
  readonly ports: LimitPorts;
  /** Requests that waited for an answer enter here. */
  admission: Admission;
  /** The next process has the state, and is not ready yet. */
  begin(): void;
  cancel(): void;
  /** The next process counts as this node. */
  commit(): void;
  /** The next process has died: this one counts again. */
  resume(): void;
}

export interface LimitsHandOverOptions {
  readonly local: LocalLimits;
  readonly shared?: SharedLimits | undefined;
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly dial: DialLink;
  /** Returns a unique name that cannot be guessed. */
  readonly newId: () => string;
  /** A draining process has used tokens. */
  readonly used: (tokens: UsedTokens) => void;
}

/** The state for the next process. */
export interface HandedLimits extends Omit<LimitsState, 'requests' | 'admission'> {
  readonly admission: Pick<LimitsState['admission'], 'engines'>;
  /** The state of this process and of every process that is already draining. */
  readonly links: readonly LinkState[];
}

export class LimitsHandOver {
  readonly #options: LimitsHandOverOptions;
  readonly #authority: LimitsAuthority;
  readonly #linked: LinkedLimits;

  constructor(options: LimitsHandOverOptions) {
    this.#options = options;
    const { local, clock, dial, shared } = options;
    const decides = shared?.ports ?? local;
    this.#authority = new LimitsAuthority({ ...options, limits: local, decides });
    const lost = (): void => shared?.resume();
    this.#linked = new LinkedLimits({ local, own: this.#authority.ports, clock, dial, lost });
    if (shared !== undefined) shared.admission = new WhereCounted(local.admission, this.#linked);
  }

  /** The limits that requests ask. */
  get ports(): LimitPorts {
    return this.#linked.ports;
  }

  /** True from `begin` on, unless it is cancelled. */
  get handedOver(): boolean {
    return this.#linked.linked;
  }

  /** Draining processes for which this one counts. */
  get draining(): number {
    return this.#authority.size;
  }

  /** From now on requests wait until `commit` or `cancel`. Call it after new connections are no longer accepted. */
  begin(): HandedLimits {
    const { local, newId, shared } = this.#options;
    shared?.begin();
    this.#authority.freeze();
    const { rates, logins, tokens, admission } = local.exportState();
    const others = this.#authority.exportLinks();
    const own = this.#linked.begin(newId(), others, this.#authority.waitingNumbers());
    return { rates, logins, tokens, admission: { engines: admission.engines }, links: [own, ...others] };
  }

  /** The next process did not become ready. */
  cancel(): void {
    this.#options.shared?.cancel();
    this.#linked.cancel();
    this.#authority.thaw();
  }

  /** The next process counts from now on. */
  commit(place: LinkPlace): void {
    const { local, shared } = this.#options;
    const { admission } = local;
    shared?.commit();
    // State of draining processes is released here, because the next process already holds it. No message about this is
    // sent.
    const { onRelease } = admission;
    admission.onRelease = undefined;
    this.#authority.moveTo(place);
    admission.onRelease = onRelease;
    this.#linked.commit(place);
  }

  /** Continues from the state of the previous process, `sinceMs` after that state was exported. */
  take(state: HandedLimits, sinceMs: number): void {
    this.#options.local.importState(
      { ...state, admission: { ...state.admission, leases: [], waiting: [] } },
      sinceMs,
    );
    this.#authority.importLinks(state.links);
  }

  /** Accepts the connection of a draining process. Returns undefined if nothing is held for it. */
  connect(id: string, connection: LinkConnection): LinkReceiver | undefined {
    return this.#authority.connect(id, connection);
  }

  /** While another process counts, tells it what this process used. */
  tellUsed(used: UsedTokens): void {
    this.#linked.tell({ do: 'used', ...used });
  }

  close(): void {
    this.#linked.close();
    this.#authority.close();
  }
}

/** The queue of this process, or that of the process which counts for it. */
class WhereCounted implements Admission {
  readonly #own: Admission;
  readonly #linked: LinkedLimits;

  constructor(own: Admission, linked: LinkedLimits) {
    this.#own = own;
    this.#linked = linked;
  }

  enter(...asked: Parameters<Admission['enter']>): ReturnType<Admission['enter']> {
    return this.#linked.linked ? this.#linked.ports.admission.enter(...asked) : this.#own.enter(...asked);
  }
}
