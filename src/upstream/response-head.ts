/**
 * Reads the head of an engine's response strictly (RFC 9110 and 9112). Everything that two readers could read in two
 * ways is refused: versions other than HTTP/1.0 and 1.1, a status outside 100 to 599, names that are not tokens (a
 * space before the colon and folded lines included), a length that is not digits or occurs twice, transfer codings
 * other than `chunked`, a length beside `chunked`, and chunks from HTTP/1.0.
 */
const maxFields = 128;
const colon = 0x3a;
const space = 0x20;
const tab = 0x09;

/** RFC 9110, section 5.6.2. */
const isToken = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  isToken[c.charCodeAt(0)] = 1;
}

/** The space and the reason may be missing: some servers omit both, and nothing depends on them. */
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const lengthValue = /^\d{1,15}$/;
const keepAliveTimeout = /(?:^|[,; \t])timeout=(\d{1,6})(?:$|[,; \t])/i;

export interface EngineResponseHead {
  readonly status: number;
  /** Names in lower case and values, flat, without `content-length`. */
  readonly fields: readonly string[];
  readonly length: number | undefined;
  readonly chunked: boolean;
  /** Whether the engine will read another request on this connection. */
  readonly persistent: boolean;
  /** How long the engine announces to wait for the next request. */
  readonly persistsMs: number | undefined;
}

/** `text`: status line and fields, each with its CRLF, no other CR or LF. A returned string describes the fault. */
export function readResponseHead(text: string): EngineResponseHead | string {
  const lineEnd = text.indexOf('\r');
  const matched = statusLine.exec(lineEnd < 0 ? '' : text.slice(0, lineEnd));
  if (matched === null) return 'does not begin with a status line of HTTP/1.1';
  const oldVersion = matched[1] === '0';
  const fields: string[] = [];
  const fault = readFields(text, lineEnd + 2, fields);
  if (fault !== undefined) return fault;

  let length: number | undefined;
  let lengthAt = -1;
  let chunked = false;
  // HTTP/1.0 has no reliable persistence (RFC 9112, appendix C.2.2).
  let persistent = !oldVersion;
  let persistsMs: number | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    switch (fields[i]) {
      case 'content-length':
        // RFC 9112, section 6.3: even two equal lengths may come from two servers that disagree about the message.
        if (length !== undefined) return 'has two lengths';
        if (!lengthValue.test(value)) return 'has a malformed length';
        length = Number(value);
        lengthAt = i;
        break;
      case 'transfer-encoding':
        if (chunked || value.toLowerCase() !== 'chunked')
          return 'has a transfer coding that is not exactly "chunked"';
        chunked = true;
        break;
      case 'connection':
        if (hasOption(value, 'close')) persistent = false;
        break;
      case 'keep-alive': {
        const seconds = keepAliveTimeout.exec(value)?.[1];
        if (seconds !== undefined) persistsMs = Number(seconds) * 1000;
        break;
      }
      default:
    }
  }
  if (chunked && length !== undefined) return 'has both a length and chunks';
  if (chunked && oldVersion) return 'is HTTP/1.0 and chunked';
  if (lengthAt >= 0) fields.splice(lengthAt, 2);
  return { status: Number(matched[2]), fields, length, chunked, persistent, persistsMs };
}

/** Reads field lines into `into`; also for trailers. A returned string describes the fault. */
export function readFields(text: string, from: number, into: string[]): string | undefined {
  let at = from;
  while (at < text.length) {
    const lineEnd = text.indexOf('\r', at);
    let nameEnd = at;
    // Characters outside Latin-1 are not in the table, and the CR at the end of the line is not a token character.
    while (isToken[text.charCodeAt(nameEnd)] === 1) nameEnd++;
    if (nameEnd === at || text.charCodeAt(nameEnd) !== colon) return 'has a malformed field';
    let start = nameEnd + 1;
    let end = lineEnd;
    while (start < end && isBlank(text.charCodeAt(start))) start++;
    while (end > start && text.charCodeAt(end - 1) === space) end--;
    // Legal, but sent only to confuse parsers: llhttp reads `chunked` followed by a tab as an unknown coding.
    if (end > start && text.charCodeAt(end - 1) === tab) return 'has a tab behind a value';
    if (into.length >= 2 * maxFields) return 'has too many fields';
    into.push(text.slice(at, nameEnd).toLowerCase(), text.slice(start, end));
    at = lineEnd + 2;
  }
  return undefined;
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function hasOption(value: string, option: string): boolean {
  return value.split(',').some((o) => o.trim().toLowerCase() === option);
}
