/**
 * Keys that work on every page: `/` goes to the search field; the arrows move between the rows of a table; Enter goes
 * into a row, to what can be done with it; Escape goes back to the row.
 */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    const { target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || !(target instanceof HTMLElement)) return;
    if (isTyping(target)) return;
    if (handled(event.key, target)) event.preventDefault();
  });
}

function handled(key: string, target: HTMLElement): boolean {
  if (key === '/') return focus(document.querySelector('main input[type="search"]'));
  if (key === 'ArrowDown' || key === 'ArrowUp') return moveToRow(target, key === 'ArrowDown');
  const row = target.closest('tbody tr');
  if (key === 'Enter' && row === target) return focus(row.querySelector('a, button'));
  if (key === 'Escape' && row !== target) return focus(row);
  return false;
}

/** From a table's own frame the first row comes next; from a control in a row, the row below. */
function moveToRow(target: HTMLElement, down: boolean): boolean {
  const table = target.closest('.scroll');
  const rows = [...(table?.querySelectorAll('tbody tr') ?? [])];
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row.contains(target));
  return focus(rows[at < 0 ? 0 : at + (down ? 1 : -1)] ?? null);
}

function focus(element: Element | null): boolean {
  if (!(element instanceof HTMLElement)) return false;
  // A row takes the focus only from here, so that Tab does not stop at each of a thousand rows.
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
  return true;
}

function isTyping(target: HTMLElement): boolean {
  return target.matches('input:not([type="checkbox"]), select, textarea, [contenteditable]');
}
