/**
 * Text of PostgreSQL cannot hold the character U+0000, and labels and names of models can. It is stored as U+001A and
 * `0`, and U+001A itself twice. Each text has exactly one stored form, so equality in SQL is equality of the texts.
 */
const mark = '\u001a';

export function toStored(text: string): string {
  if (!text.includes('\u0000') && !text.includes(mark)) return text;
  return text.replaceAll(mark, mark + mark).replaceAll('\u0000', `${mark}0`);
}

export function fromStored(stored: string): string {
  if (!stored.includes(mark)) return stored;
  return stored.replaceAll(/\u001a(.)/gs, (_, next: string) => (next === '0' ? '\u0000' : next));
}

/** The same for a JSON list of texts that PostgreSQL made. JSON has U+001A as an escape. */
export function fromStoredList(json: string): string {
  if (!json.includes('\\u001a')) return json;
  return JSON.stringify((JSON.parse(json) as readonly string[]).map(fromStored));
}
