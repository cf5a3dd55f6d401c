/**
 * Builds the query for an engine: only the names that the route table lists, encoded again from the parsed values.
 */

/** Returns the query with its question mark, or an empty text. */
export function passingQuery(query: string, names: readonly string[]): string {
  if (query === '' || names.length === 0) return '';
  const passing = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(query))
    if (names.includes(name)) passing.append(name, value);
  const text = passing.toString();
  return text === '' ? '' : `?${text}`;
}
