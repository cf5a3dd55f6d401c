/** Loads something again after a time: not while the page is hidden, and not while somebody reads (see reading.ts). */
import { useEffect } from 'preact/hooks';
import { isReading, whenReadingEnds } from './reading.ts';

/** The time begins when one of `inputs` or the time itself changes. Undefined: never. */
export function useAgain(again: () => void, afterMs: number | undefined, inputs: readonly unknown[]): void {
  useEffect(() => {
    if (afterMs === undefined) return undefined;
    let isDue = false;
    const loadIfSeen = () => {
      if (isDue && document.visibilityState === 'visible' && !isReading()) {
        isDue = false;
        again();
      }
    };
    const timer = setTimeout(() => {
      isDue = true;
      loadIfSeen();
    }, afterMs);
    document.addEventListener('visibilitychange', loadIfSeen);
    const forget = whenReadingEnds(loadIfSeen);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', loadIfSeen);
      forget();
    };
  }, [...inputs, afterMs]);
}
