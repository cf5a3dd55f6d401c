/**
 * The frame of every table. On a wide screen, a long or wide table scrolls inside it. On a phone, each row is a block of
 * lines: the frame writes the title of its column to each cell, and the stylesheet shows it before the value.
 */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export function TableFrame({
  label,
  isPreview = false,
  children,
}: {
  label: string;
  /** Inside a dialog, where it takes less room. */
  isPreview?: boolean;
  children: ComponentChildren;
}) {
  const frame = useRef<HTMLElement>(null);
  // Without dependencies: titles of columns can change with each drawing.
  useLayoutEffect(() => nameCells(frame.current));
  useLayoutEffect(() => {
    if (frame.current === null) return undefined;
    // Rows that are drawn without their frame.
    const observer = new MutationObserver(() => nameCells(frame.current));
    observer.observe(frame.current, { childList: true, subtree: true });
    return () => observer.disconnect();
  }, []);
  return (
    <section class={isPreview ? 'scroll preview' : 'scroll'} tabIndex={0} aria-label={label} ref={frame}>
      {children}
    </section>
  );
}

/** One row of titles. Those in `numbers` stand at the right, above their numbers. */
export function TableHead({
  titles,
  numbers = [],
}: {
  titles: readonly string[];
  numbers?: readonly string[];
}) {
  return (
    <thead>
      <tr>
        {titles.map((title) => (
          <th scope="col" class={numbers.includes(title) ? 'number' : undefined} key={title}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function nameCells(frame: HTMLElement | null): void {
  const table = frame?.querySelector('table');
  const titles = [...(table?.tHead?.rows[0]?.cells ?? [])].map((cell) => cell.textContent);
  for (const row of table?.rows ?? []) {
    if (row.parentElement === table?.tHead) continue;
    for (const cell of row.cells) {
      const title = cell.colSpan === 1 ? (titles[cell.cellIndex] ?? '') : '';
      if (cell.dataset.label !== title) cell.dataset.label = title;
    }
  }
}
