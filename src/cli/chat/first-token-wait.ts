/**
 * Shows the reason for the wait before the first token. Only in a terminal, and not for short waits.
 */
import type { Session } from '../command.ts';

export type ModelLoad = 'loaded' | 'not-loaded' | 'unknown';

/** For engines that do not report whether they load a model: after this time, loading is the likely reason. */
const likelyLoadsMs = 5_000;

export interface FirstTokenWait {
  /** Calling it again does nothing. */
  end(): void;
}

export function watchFirstToken(session: Session, load: ModelLoad): FirstTokenWait {
  const { terminal, flm } = session;
  if (!terminal.talkIsTerminal || session.json) return { end: () => {} };
  const { clock } = flm.machine;
  const startedMs = clock.monotonicMs();
  let shown = false;
  let over = false;
  const off = clock.every(1_000, () => {
    shown = true;
    terminal.progress(terminal.paint('dim', waitText(clock.monotonicMs() - startedMs, load)));
  });
  return {
    end() {
      if (over) return;
      over = true;
      off();
      if (shown) terminal.progress('');
    },
  };
}

export function waitText(waitedMs: number, load: ModelLoad): string {
  const seconds = Math.floor(waitedMs / 1000);
  if (load === 'not-loaded') return `waiting for the first token, loading the model (${seconds} s)`;
  if (load === 'unknown' && waitedMs >= likelyLoadsMs)
    return `waiting for the first token, the model may be loading (${seconds} s)`;
  return `waiting for the first token (${seconds} s)`;
}
