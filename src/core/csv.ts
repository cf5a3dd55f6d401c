/**
 * Reads and writes tables as CSV (RFC 4180). The reader also accepts semicolons and tabs between fields, because
 * spreadsheets write them in many countries, and a byte order mark. A field that a spreadsheet would take for a formula is
 * written with an apostrophe in front, which the reader removes.
 */

export interface CsvRow {
  /** The line on which the row begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

export interface CsvTable {
  /** Without empty rows. */
  readonly rows: readonly CsvRow[];
  /** The line of a quoted field that does not end. */
  readonly openQuote: number | undefined;
}

/**
 * With apostrophes of its own in front, so that exactly one is removed again. Spreadsheets in East Asian languages read
 * the full-width signs too.
 */
const formulaStart = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

function csvField(value: string | number | null): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  const safe = formulaStart.test(text) ? `'${text}` : text;
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csvText(rows: readonly (readonly (string | number | null)[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** Each character is read once. */
export function parseCsv(source: string): CsvTable {
  const text = source.startsWith('\ufeff') ? source.slice(1) : source;
  const separator = separatorOf(text);
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let at = 0;
  let line = 1;
  let rowLine = 1;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      const quoteLine = line;
      const end = closingQuote(text, at + 1);
      if (end === undefined) return { rows, openQuote: quoteLine };
      const quoted = text.slice(at + 1, end);
      line += countOf(quoted, '\n');
      field = quoted.replaceAll('""', '"');
      at = end + 1;
    }
    const end = endOfField(text, at, separator);
    // Text behind a closing quote is not CSV; spreadsheets keep it.
    field += text.slice(at, end);
    fields.push(field.startsWith("'") && formulaStart.test(field) ? field.slice(1) : field);
    at = end;
    if (text[at] === separator) {
      at++;
      if (at < text.length) continue;
      fields.push('');
    }
    if (fields.some((value) => value.trim() !== '')) rows.push({ line: rowLine, fields });
    fields = [];
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    at++;
    line++;
    rowLine = line;
  }
  return { rows, openQuote: undefined };
}

/** The separator that is most frequent in the first line, outside quotes. */
function separatorOf(text: string): string {
  const head = (/^[^\r\n]*/.exec(text)?.[0] ?? '').replaceAll(/"[^"]*"/g, '');
  const [first] = [',', ';', '\t'].toSorted((a, b) => countOf(head, b) - countOf(head, a));
  return first ?? ',';
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

function closingQuote(text: string, from: number): number | undefined {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2))
    if (text[at + 1] !== '"') return at;
  return undefined;
}

function endOfField(text: string, from: number, separator: string): number {
  let at = from;
  while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
  return at;
}
