/**
 * Recognises the chunk that `stream_options.include_usage` adds to an OpenAI stream: no choices, and the usage. The
 * check looks for bytes that cannot occur inside a JSON string, where quotes are escaped.
 */
const noChoices = /"choices"\s*:\s*\[\s*\]/;
const usage = /"usage"\s*:\s*\{/;
/** A chunk with the usage is a few hundred bytes long. */
const maxBytes = 4096;

/** Whether this whole event is such a chunk. */
export function isUsageChunk(buffer: Buffer, from: number, to: number): boolean {
  if (to - from > maxBytes) return false;
  const text = buffer.toString('latin1', from, to);
  return noChoices.test(text) && usage.test(text);
}
