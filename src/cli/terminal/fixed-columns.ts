/**
 * Columns for rows that appear one by one or change in place: their widths depend on the terminal, never on the values, so
 * that columns keep their places.
 */

export interface FixedColumn<Name extends string = string> {
  readonly name: Name;
  readonly width: number;
  /** The smallest width, in a narrow terminal. */
  readonly least?: number;
  /** The largest width, in a wide terminal. */
  readonly most?: number;
  readonly right?: boolean;
  /** Left out in a narrow terminal; the lowest number goes first. */
  readonly drop?: number;
}

/** `last`: the space behind these columns, as it should be and at least. */
export function fixedColumns<Name extends string>(
  all: readonly FixedColumn<Name>[],
  columns: number,
  last: { readonly width: number; readonly least: number },
): readonly FixedColumn<Name>[] {
  const shown = [...all];
  const space = (): number => columns - last.width - shown.reduce((sum, { width }) => sum + width + 2, 0);
  while (space() < 0) {
    const droppable = shown.filter(({ drop }) => drop !== undefined);
    if (droppable.length === 0) break;
    const next = droppable.reduce((a, b) => ((b.drop ?? 0) < (a.drop ?? 0) ? b : a));
    shown.splice(shown.indexOf(next), 1);
  }
  // If that was not enough, names become narrower.
  let over = Math.max(0, last.least - last.width - space());
  // Half of the space that is left widens the names; the rest is for the last column. A file has no width.
  let left = Number.isFinite(columns) ? Math.max(0, Math.floor(space() / 2)) : 0;
  return shown.map((column) => {
    const less = Math.min(over, column.width - (column.least ?? column.width));
    over -= less;
    if (less > 0) return { ...column, width: column.width - less };
    const more = Math.min(left, (column.most ?? column.width) - column.width);
    left -= more;
    return more === 0 ? column : { ...column, width: column.width + more };
  });
}
