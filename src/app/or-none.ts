/**
 * Reads lists from another process of flm, which may be of another version: what does not fit is left out, and a list
 * that is missing is empty.
 */
import { z } from 'zod';

export function orNone<T>(item: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .catch([])
    .transform((items) =>
      items.flatMap((one): T[] => {
        const parsed = item.safeParse(one);
        return parsed.success ? [parsed.data] : [];
      }),
    );
}
