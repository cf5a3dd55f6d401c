/**
 * The limits of one process over its whole life: it takes over from the process before, counts, holds for draining
 * processes, and hands over to the next.
 *
 *   next process: take(state) before it accepts      this process: begin() -> cancel() or commit(place of the next one)
 */
import type { Clock } from '../clock.ts';
import type { EngineDirectory } from '../engine/directory.ts';
import type { LinkState } from './held-link.ts';
import { LimitsAuthority, type LinkReceiver, type UsedTokens } from './limits-authority.ts';
import type { DialLink, LinkConnection, LinkPlace } from './limits-link.ts';
import { LinkedLimits } from './linked-limits.ts';
import type { LimitPorts, LimitsState, LocalLimits } from './local-limits.ts';

export interface LimitsHandOverOptions {
  readonly local: LocalLimits;
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly dial: DialLink;
  /** A random name that nobody else has or can guess. */
  readonly newId: () => string;
  /** A draining process has used tokens. */
  readonly used: (tokens: UsedTokens) => void;
}

/** What the next process gets. */
export interface HandedLimits extends Omit<LimitsState, 'requests' | 'admission'> {
  readonly admission: Pick<LimitsState['admission'], 'engines'>;
  /** What this process holds, and every process that drains already. */
  readonly links: readonly LinkState[];
}

export class LimitsHandOver {
  readonly #options: LimitsHandOverOptions;
  readonly #authority: LimitsAuthority;
  readonly #linked: LinkedLimits;

  constructor(options: LimitsHandOverOptions) {
    this.#options = options;
    const { local, clock, dial } = options;
    this.#authority = new LimitsAuthority({ ...options, limits: local });
    this.#linked = new LinkedLimits({ local, own: this.#authority.ports, clock, dial });
  }

  /** What requests ask. */
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

  /** From now on requests wait until `commit` or `cancel`. Call it once nothing new is accepted. */
  begin(): HandedLimits {
    const { local, newId } = this.#options;
    this.#authority.freeze();
    const { rates, logins, tokens, admission } = local.exportState();
    const others = this.#authority.exportLinks();
    const own = this.#linked.begin(newId(), others, this.#authority.waitingNumbers());
    return { rates, logins, tokens, admission: { engines: admission.engines }, links: [own, ...others] };
  }

  /** The next process did not become ready. */
  cancel(): void {
    this.#linked.cancel();
    this.#authority.thaw();
  }

  /** The next process counts from now on. */
  commit(place: LinkPlace): void {
    const { admission } = this.#options.local;
    // What draining processes hold is released here, because the next process holds it: that is no news for it.
    const { onRelease } = admission;
    admission.onRelease = undefined;
    this.#authority.moveTo(place);
    admission.onRelease = onRelease;
    this.#linked.commit(place);
  }

  /** Goes on from the state of the process before, `sinceMs` after it was told. */
  take(state: HandedLimits, sinceMs: number): void {
    this.#options.local.importState(
      { ...state, admission: { ...state.admission, leases: [], waiting: [] } },
      sinceMs,
    );
    this.#authority.importLinks(state.links);
  }

  /** A draining process connects. Undefined where nothing is held for it. */
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
