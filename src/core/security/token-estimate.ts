/**
 * What a request used: as the engine told, else a guess.
 *
 * A guess at tokens where the engine tells none (streams that were not asked for usage, servers that never say). Marked
 * as an estimate wherever it shows; good enough to see who uses much, not to bill anybody.
 */
import type { RequestLine } from '../proxy/proxy-handle.ts';

/** English prose has about four bytes a token; the JSON around it makes up for denser text. */
const bytesPerToken = 4;
/** What one event of a stream carries besides its text; engines send one token an event. */
const bytesPerEvent = 190;

type Counted = Pick<RequestLine, 'bytesIn' | 'bytesOut' | 'streamed' | 'inputTokens' | 'outputTokens'>;

export interface TokensUsed {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The engine told neither. */
  readonly estimated: boolean;
}

export function tokensOf(line: Counted): TokensUsed {
  const { inputTokens, outputTokens } = line;
  if (inputTokens !== null || outputTokens !== null)
    return { inputTokens: inputTokens ?? 0, outputTokens: outputTokens ?? 0, estimated: false };
  return {
    inputTokens: Math.ceil(line.bytesIn / bytesPerToken),
    outputTokens: Math.ceil(line.bytesOut / (line.streamed ? bytesPerEvent : bytesPerToken)),
    estimated: true,
  };
}
