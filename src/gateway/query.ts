/**
 * The query that an engine sees: only names that the route table lists, written anew from what was read.
 */

/** With its question mark, or empty. */
export function passingQuery(query: string, names: readonly string[]): string {
  if (query === '' || names.length === 0) return '';
  const passing = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(query))
    if (names.includes(name)) passing.append(name, value);
  const text = passing.toString();
  return text === '' ? '' : `?${text}`;
}
