/**
 * Reads the `for` parameters of a `Forwarded` field (RFC 7239, section 4) strictly and in one pass: a quoted text that
 * the client wrote must not hide the values that a proxy added after it. If any part of the field is malformed, none of
 * its hops is used.
 *
 *   field:    element *( "," element )       element:  [ pair ] *( ";" [ pair ] )       pair:  token "=" value
 */

const quote = 0x22;
const comma = 0x2c;
const semicolon = 0x3b;
const equals = 0x3d;
const backslash = 0x5c;

const inToken = new Uint8Array(128);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  inToken[c.charCodeAt(0)] = 1;
/** Addresses with colons and brackets must be quoted, but often are not. */
const inValue = Uint8Array.from(inToken);
for (const c of ':[]') inValue[c.charCodeAt(0)] = 1;

/** One hop for each element, in order. An element without exactly one `for` gives an empty hop, which is no address. */
export function forwardedHops(field: string): readonly string[] {
  const unreadable = [''];
  const hops: string[] = [];
  let hop: string | undefined;
  for (let at = 0; ; at++) {
    const nameFrom = skipBlanks(field, at);
    at = skip(field, nameFrom, inToken);
    if (at > nameFrom) {
      if (field.charCodeAt(at) !== equals) return unreadable;
      const name = field.slice(nameFrom, at).toLowerCase();
      at += 1;
      const value = field.charCodeAt(at) === quote ? quoted(field, at) : bare(field, at);
      if (value === undefined) return unreadable;
      if (name === 'for') {
        if (hop !== undefined) return unreadable;
        hop = value.text;
      }
      at = skipBlanks(field, value.end);
    }
    if (at < field.length && field.charCodeAt(at) !== comma && field.charCodeAt(at) !== semicolon)
      return unreadable;
    if (at < field.length && field.charCodeAt(at) === semicolon) continue;
    hops.push(hop ?? '');
    hop = undefined;
    if (at >= field.length) return hops;
  }
}

interface Value {
  readonly text: string;
  readonly end: number;
}

function bare(field: string, from: number): Value | undefined {
  const end = skip(field, from, inValue);
  return end === from ? undefined : { text: field.slice(from, end), end };
}

/** No address needs an escape. A value with an escape stays unchanged, so it is not a valid address. */
function quoted(field: string, from: number): Value | undefined {
  for (let at = from + 1; at < field.length; at++) {
    const code = field.charCodeAt(at);
    if (code === quote) return { text: field.slice(from + 1, at), end: at + 1 };
    if (code === backslash) at += 1;
  }
  return undefined;
}

function skip(field: string, from: number, classes: Uint8Array): number {
  let at = from;
  while (at < field.length && classes[field.charCodeAt(at)] === 1) at++;
  return at;
}

function skipBlanks(field: string, from: number): number {
  let at = from;
  while (field.charCodeAt(at) === 0x20 || field.charCodeAt(at) === 0x09) at++;
  return at;
}
