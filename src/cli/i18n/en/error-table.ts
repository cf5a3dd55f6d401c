/** The texts of the error table as a part of the catalogue: one Japanese row for each code, or it does not compile. */
import { type ErrorCode, type ErrorRow, errorTable as table } from '../../../core/errors.ts';

type Texts = Pick<ErrorRow, 'text' | 'hint'>;

const rows = Object.entries(table).map(([code, { text, hint }]): readonly [string, Texts] => [
  code,
  { text, hint },
]);

// The entries are those of the table.
export const errorTable = Object.fromEntries(rows) as Readonly<Record<ErrorCode, Texts>>;
