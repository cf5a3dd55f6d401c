/**
 * Finds where events end in a byte stream: at an empty line for SSE (lines end in LF, CR or CRLF, WHATWG HTML section
 * 9.2.6), at a line feed for NDJSON.
 */
export type EventFraming = 'sse' | 'ndjson';

const lf = 0x0a;
const cr = 0x0d;

/** Whether [from, to) ends exactly at the end of an event. */
export function endsEvent(framing: EventFraming, buffer: Buffer, from: number, to: number): boolean {
  if (framing === 'ndjson') return to > from && buffer[to - 1] === lf;
  return isEventEnd(buffer, from, to);
}

/** Returns the position after the last event that ends in [from, to), or -1. */
export function lastEventEnd(framing: EventFraming, buffer: Buffer, from: number, to: number): number {
  for (let end = to; end > from; end--) if (endsEvent(framing, buffer, from, end)) return end;
  return -1;
}

/** Returns the position after the first event that ends in [from, to) at `searchFrom` or later, or -1. */
export function firstEventEnd(framing: EventFraming, buffer: Buffer, from: number, to: number): number {
  if (framing === 'ndjson') {
    const at = from >= to ? -1 : buffer.subarray(from, to).indexOf(lf);
    return at < 0 ? -1 : from + at + 1;
  }
  for (let end = from + 2; end <= to; end++) if (isEventEnd(buffer, from, end)) return end;
  return -1;
}

/** LF LF, CR CR, LF CR LF (also the end of CRLF CRLF), CR CR LF. */
function isEventEnd(buffer: Buffer, from: number, end: number): boolean {
  if (end - from < 2) return false;
  const last = buffer[end - 1];
  const before = buffer[end - 2];
  if (last === lf) {
    if (before === lf) return true;
    if (before !== cr || end - from < 3) return false;
    const third = buffer[end - 3];
    return third === lf || third === cr;
  }
  return last === cr && before === cr;
}
