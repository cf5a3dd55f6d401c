/**
 * Receives notifications of changes over a connection of its own. A broken connection is opened again after a pause that
 * doubles from one second to half a minute. Meanwhile proxies still find changes by polling.
 */
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import type { Listening, PostgresDatabase } from './database.ts';

const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** A ping without a response shows that the network has become silent. */
const pingMs = 15_000;

export class ChangeListener {
  readonly #database: PostgresDatabase;
  readonly #clock: Clock;
  readonly #changed: () => void;
  #pauseMs = firstPauseMs;
  #cancel: Unsubscribe = () => {};
  #listening: Listening | undefined;
  #work: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(database: PostgresDatabase, clock: Clock, changed: () => void) {
    this.#database = database;
    this.#clock = clock;
    this.#changed = changed;
    this.#work = this.#connect();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#work;
    await this.#listening?.close();
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    let isBroken = false;
    const broken = (): void => {
      if (isBroken) return;
      isBroken = true;
      const listening = this.#listening;
      this.#listening = undefined;
      this.#cancel();
      void listening?.close();
      this.#later();
    };
    try {
      const listening = await this.#database.listen('flm_change', this.#changed, broken);
      if (isBroken || this.#isClosed) return void listening.close();
      this.#listening = listening;
      this.#pauseMs = firstPauseMs;
      // Changes that were made while no connection listened.
      this.#changed();
      this.#cancel = this.#clock.every(pingMs, () => {
        listening.ping().catch(broken);
      });
    } catch {
      if (!isBroken) this.#later();
    }
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#cancel = this.#clock.after(this.#pauseMs, () => {
      this.#work = this.#connect();
    });
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }
}
