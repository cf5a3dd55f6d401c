/**
 * Shows the reason for the wait before the first token. Only in a terminal, and not for short waits.
 */
import type { Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { waitLine } from '../terminal/progress.ts';

const texts = t.progress;

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
  const why =
    load === 'not-loaded'
      ? texts.loading
      : load === 'unknown' && waitedMs >= likelyLoadsMs
        ? texts.mayLoad
        : undefined;
  const text = why === undefined ? texts.firstToken : texts.firstTokenWhile(why);
  return waitLine({ text, patienceMs: 0 }, waitedMs);
}
