/**
 * Tokens that keys used today over all nodes: what the database knows, or what the server counted, whichever is more. So
 * a daily budget holds while one of the two is away.
 */
import type { Clock } from '../core/clock.ts';
import type { UsageLedger } from '../core/security/ports.ts';

const dayMs = 86_400_000;

export class SpentToday implements Pick<UsageLedger, 'today'> {
  readonly #ledger: Pick<UsageLedger, 'today'>;
  readonly #clock: Pick<Clock, 'nowMs'>;
  #day = -1;
  readonly #tokens = new Map<string, number>();

  constructor(ledger: Pick<UsageLedger, 'today'>, clock: Pick<Clock, 'nowMs'>) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  today(familyId: string): number {
    this.#forgetYesterday();
    return Math.max(this.#ledger.today(familyId), this.#tokens.get(familyId) ?? 0);
  }

  /** The day of this node's clock, since 1970 in UTC. */
  get day(): number {
    this.#forgetYesterday();
    return this.#day;
  }

  /** The server's count of that day. */
  counted(familyId: string, tokens: number, day = this.day): void {
    this.#forgetYesterday();
    // Midnight has passed since the question.
    if (day !== this.#day) return;
    this.#tokens.set(familyId, tokens);
  }

  /** This node charged tokens that the last count does not include. */
  spent(familyId: string, tokens: number): void {
    this.#forgetYesterday();
    // Where nothing was counted yet, the database knows what was used before.
    const before = this.#tokens.get(familyId) ?? this.#ledger.today(familyId);
    this.#tokens.set(familyId, before + tokens);
  }

  exportState(): readonly (readonly [family: string, tokens: number])[] {
    this.#forgetYesterday();
    return [...this.#tokens];
  }

  #forgetYesterday(): void {
    const day = Math.floor(this.#clock.nowMs() / dayMs);
    if (day === this.#day) return;
    this.#day = day;
    this.#tokens.clear();
  }
}
