/**
 * Tables of figures: for the terminal, and in Markdown.
 */
import type { Figure } from '../results.ts';

/** Three digits are enough to compare. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 1 : 2);
}

export function printFigures(figures: readonly Figure[]): void {
  for (const { case: name, peer, median, low, high, ratio, more = {} } of figures) {
    const columns = [
      `  ${name}`.padEnd(34),
      peer.padEnd(12),
      digits(median).padStart(8),
      (low === high ? '' : `(${digits(low)} to ${digits(high)})`).padEnd(20),
      (ratio === undefined ? '' : `${ratio.toFixed(2)} x`).padStart(9),
      `  ${Object.entries(more)
        .map(([what, value]) => `${what} ${digits(value)}`)
        .join(', ')}`,
    ];
    console.log(columns.join(' ').trimEnd());
  }
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
