/**
 * Whether somebody reads or points at something that must not move now: text is selected, or the mouse is over a table.
 * Live updates wait for the end of it.
 */
let isOverTable = false;
let wasReading = false;
const listeners = new Set<() => void>();

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

function noticed(): void {
  const now = isReading();
  if (wasReading && !now) for (const listener of listeners) listener();
  wasReading = now;
}

document.addEventListener('selectionchange', noticed);
document.addEventListener('pointerover', ({ target, pointerType }) => {
  // A finger does not rest on a table.
  isOverTable = pointerType === 'mouse' && target instanceof Element && target.closest('tbody') !== null;
  noticed();
});
document.documentElement.addEventListener('pointerleave', () => {
  isOverTable = false;
  noticed();
});
