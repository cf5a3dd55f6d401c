/**
 * The chunk that `stream_options.include_usage` adds to a stream of OpenAI's: no choices, and the usage. Told by bytes
 * that cannot stand inside a string of JSON, where quotes are escaped.
 */
const noChoices = /"choices"\s*:\s*\[\s*\]/;
const usage = /"usage"\s*:\s*\{/;
/** One with a usage in it is a few hundred bytes long. */
const maxBytes = 4096;

/** Of one whole event. */
export function isUsageChunk(buffer: Buffer, from: number, to: number): boolean {
  if (to - from > maxBytes) return false;
  const text = buffer.toString('latin1', from, to);
  return noChoices.test(text) && usage.test(text);
}
