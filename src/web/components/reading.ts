/**
 * Whether somebody reads or points at something that must not move now: text is selected, or the mouse is over a table.
 * Live updates wait for the end of it.
 */
import { useEffect, useState } from 'preact/hooks';

let isOverTable = false;
let wasReading = false;
const listeners = new Set<() => void>();
const changes = new Set<() => void>();

export function isReading(): boolean {
  const selection = document.getSelection();
  return isOverTable || (selection !== null && !selection.isCollapsed);
}

/** Returns a function that removes the listener. */
export function whenReadingEnds(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** After an action, its effect must be seen, although the mouse is still over the table. */
export function showEffect(): void {
  isOverTable = false;
  noticed();
}

/** Whether somebody reads, as a value of a component. */
export function useIsReading(): boolean {
  const [is, set] = useState(isReading);
  useEffect(() => {
    const changed = () => set(isReading());
    changes.add(changed);
    return () => {
      changes.delete(changed);
    };
  }, []);
  return is;
}

function noticed(): void {
  const now = isReading();
  if (now === wasReading) return;
  wasReading = now;
  for (const listener of changes) listener();
  if (!now) for (const listener of listeners) listener();
}

document.addEventListener('selectionchange', noticed);
// Only a mouse that moves: what appears under a resting one is nothing that somebody points at.
document.addEventListener('pointermove', ({ target, pointerType }) => {
  // A finger does not rest on a table.
  isOverTable = pointerType === 'mouse' && target instanceof Element && target.closest('tbody') !== null;
  noticed();
});
document.documentElement.addEventListener('pointerleave', () => {
  isOverTable = false;
  noticed();
});
