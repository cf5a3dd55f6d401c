/**
 * Shows what a command waits for and how long: on a terminal one line that counts the seconds, with a bar if the longest
 * time is known, and otherwise one plain line. A short wait shows nothing.
 */
import type { Clock } from '../../core/clock.ts';
import { t } from '../i18n/texts.ts';
import { cut, duration } from './layout.ts';
import type { Terminal } from './terminal.ts';

const texts = t.progress;

export interface Wait {
  readonly text: string;
  /** How long nothing is shown. */
  readonly patienceMs: number;
  /** The work ends after this time. */
  readonly limitMs?: number;
}

const barWidth = 20;

/** Runs `work` and returns its result. */
export async function whileWaiting<T>(
  terminal: Pick<Terminal, 'talk' | 'progress' | 'talkIsTerminal' | 'paint' | 'columns'>,
  clock: Pick<Clock, 'after' | 'every' | 'monotonicMs'>,
  wait: Wait,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = clock.monotonicMs();
  const limit = wait.limitMs === undefined ? undefined : limitText(wait.limitMs);
  let isShown = false;
  const draw = (): void => {
    isShown = true;
    const text = waitLine(wait, clock.monotonicMs() - startedMs);
    terminal.progress(terminal.paint('dim', cut(text, terminal.columns - 1)));
  };
  let stopTicking = (): void => {};
  const stopWaiting = clock.after(wait.patienceMs, () => {
    if (!terminal.talkIsTerminal) return terminal.talk(texts.plain(wait.text, limit));
    draw();
    stopTicking = clock.every(1_000, draw);
  });
  try {
    return await work();
  } finally {
    stopWaiting();
    stopTicking();
    if (isShown) terminal.progress('');
  }
}

/** `Waiting for the CA [######--------------] 27 s of at most 90 s`. */
export function waitLine({ text, limitMs }: Wait, waitedMs: number): string {
  const waited = duration(Math.floor(waitedMs / 1000));
  if (limitMs === undefined) return texts.elapsed(text, waited);
  const done = Math.min(barWidth, Math.round((waitedMs / limitMs) * barWidth));
  const bar = `[${'#'.repeat(done)}${'-'.repeat(barWidth - done)}]`;
  return `${text} ${bar} ${texts.elapsedOf(waited, limitText(limitMs))}`;
}

/** A limit is exact: `90 s`, not `2 min`. */
function limitText(ms: number): string {
  return ms <= 120_000 ? t.units.seconds(ms / 1000) : duration(ms / 1000);
}
