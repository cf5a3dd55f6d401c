/** Query fields and response shape of operations that return a list in pages. */
import { z } from 'zod';

const maxPageItems = 500;

/** The number in a query field. */
export const countInQuery = (max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: `a whole number from 1 to ${max}` })
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .default(fallback);

/** One value or several of a query field. */
export const listInQuery = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item).max(1000)]);

export const pageQuery = {
  limit: countInQuery(maxPageItems, 100).describe(`Items on a page, ${maxPageItems} at most.`),
  cursor: z.string().max(1024).optional().describe('`nextCursor` of the page before.'),
};

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({
    items: z.array(item).readonly(),
    nextCursor: z.string().nullable().describe('Null on the last page.'),
    total: z.int().min(0).describe('Items on all pages.'),
  });
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
  readonly total: number;
}

/** The items behind `cursor`, which is the id of the last item of the page before. */
export function pageOf<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): Page<T> {
  const from = cursor === undefined ? 0 : items.findIndex((item) => idOf(item) === cursor) + 1;
  const page = items.slice(from, from + limit);
  const last = page.at(-1);
  const isLast = from + limit >= items.length || last === undefined;
  return { items: page, nextCursor: isLast ? null : idOf(last), total: items.length };
}
