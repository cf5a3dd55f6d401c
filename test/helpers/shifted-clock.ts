/** The machine's clock, set wrong or moved on. Timers run in real time. */
import { type Clock, systemClock } from '../../src/core/clock.ts';

export class ShiftedClock implements Clock {
  shiftMs = 0;
  nowMs(): number {
    return systemClock.nowMs() + this.shiftMs;
  }
  monotonicMs(): number {
    return systemClock.monotonicMs();
  }
  after(ms: number, f: () => void): () => void {
    return systemClock.after(ms, f);
  }
  every(ms: number, f: () => void): () => void {
    return systemClock.every(ms, f);
  }
}
