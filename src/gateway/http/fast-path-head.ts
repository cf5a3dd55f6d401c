/**
 * Reads the head of a common request, in the form that the clients of these APIs send. The head must be complete in one
 * read and must have only one possible reading.
 *
 * This parser refuses nothing: it passes other requests to another parser. llhttp must accept each head that this
 * parser accepts and must read it the same way; a property test checks this. A common request is a GET or POST in
 * origin-form with `HTTP/1.1`, lines that end in CRLF, names that are tokens, and values of visible ASCII (RFC 9112,
 * sections 3 and 5). No known field occurs twice. Only a POST has a body, declared only by `Content-Length` (the JDK's
 * client sends `Content-Length: 0` with each GET). There is no expectation and no transfer coding. An offer to upgrade
 * is accepted, because flm ignores it: the bytes after the request are the next request.
 */
import type { RequestHead } from '../exchange.ts';
import { plainTable, RequestHeaders } from '../request-headers.ts';

export interface FastPathHead {
  readonly head: RequestHead;
  /** Undefined where the head declares no body. */
  readonly declaredBytes: number | undefined;
  /** The client will send no further request on this connection. */
  readonly closes: boolean;
  /** Where the head ends and the body begins. */
  readonly end: number;
}

const space = 0x20;
const tab = 0x09;
const colon = 0x3a;
const cr = 0x0d;
const lf = 0x0a;

const inName = 1;
const inValue = 2;
const inTarget = 4;
const classes = new Uint8Array(256);
for (let code = 0x21; code < 0x7f; code++) classes[code] = inValue | inTarget;
classes[0x23] = inValue; // a fragment is not allowed in a target
classes[space] = inValue;
classes[tab] = inValue;
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  classes[c.charCodeAt(0)] = (classes[c.charCodeAt(0)] as number) | inName;

const post = Buffer.from('POST /');
const get = Buffer.from('GET /');
const version = Buffer.from(' HTTP/1.1\r\n');
/** Fifteen digits are exact as a number. */
const length = /^[0-9]{1,15}$/;

/** Positions of fields that may be known: begin and end of name and value. A common request has about a dozen. */
const spots = new Int32Array(4 * 64);

/** Returns undefined if the head is incomplete or not a common request. */
export function readFastPathHead(
  bytes: Buffer,
  from: number,
  maxBytes: number,
  table = plainTable,
): FastPathHead | undefined {
  const isPost = startsWith(bytes, from, post);
  if (!isPost && !startsWith(bytes, from, get)) return undefined;
  const limit = Math.min(bytes.length, from + maxBytes);

  const targetAt = from + (isPost ? post.length : get.length) - 1;
  let at = targetAt;
  while (at < limit && ((classes[bytes[at] as number] as number) & inTarget) !== 0) at++;
  const targetEnd = at;
  if (!startsWith(bytes, at, version)) return undefined;
  at += version.length;

  const headAt = at;
  let spotsEnd = 0;
  const fields = new RequestHeaders(table);
  for (;;) {
    const nameAt = at;
    while (at < limit && ((classes[bytes[at] as number] as number) & inName) !== 0) at++;
    if (at === nameAt) break;
    const nameEnd = at;
    if (at >= limit || bytes[at] !== colon) return undefined;
    at++;
    while (at < limit && isBlank(bytes[at] as number)) at++;
    const valueAt = at;
    while (at < limit && ((classes[bytes[at] as number] as number) & inValue) !== 0) at++;
    if (at + 1 >= limit || bytes[at] !== cr || bytes[at + 1] !== lf) return undefined;
    fields.count += 1;
    if (table.mayBeKnown(bytes[nameAt] as number, nameEnd - nameAt)) {
      let valueEnd = at;
      while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1] as number)) valueEnd--;
      if (spotsEnd === spots.length) return undefined;
      spots[spotsEnd++] = nameAt - headAt;
      spots[spotsEnd++] = nameEnd - headAt;
      spots[spotsEnd++] = valueAt - headAt;
      spots[spotsEnd++] = valueEnd - headAt;
    }
    at += 2;
  }
  if (at + 1 >= limit || bytes[at] !== cr || bytes[at + 1] !== lf) return undefined;

  // One string for all fields; names and values are slices of it. The string ends with the head: a slice keeps the
  // whole string in memory, and the bytes after the head may be a prompt.
  if (spotsEnd > 0) {
    const text = bytes.toString('latin1', headAt, at);
    for (let i = 0; i < spotsEnd; i += 4)
      fields.put(text.slice(spots[i], spots[i + 1]), text.slice(spots[i + 2], spots[i + 3]));
  }

  const connection = fields.get('connection')?.toLowerCase();
  const declared = fields.get('content-length');
  if (
    fields.anyRepeated ||
    fields.get('transfer-encoding') !== undefined ||
    fields.get('expect') !== undefined ||
    (connection !== undefined && connection !== 'close' && !staysOpen(connection)) ||
    (isPost ? declared === undefined || !length.test(declared) : declared !== undefined && declared !== '0')
  )
    return undefined;
  return {
    head: {
      method: isPost ? 'POST' : 'GET',
      target: bytes.toString('latin1', targetAt, targetEnd),
      version: '1.1',
      looseLine: false,
      fields,
      findings: undefined,
    },
    declaredBytes: declared === undefined ? undefined : Number(declared),
    closes: connection === 'close',
    end: at + 2,
  };
}

/** Options that leave the connection open; the JDK's client sends `Upgrade, HTTP2-Settings`, browsers add `keep-alive`. */
const openOptions =
  /^(?:keep-alive|upgrade|http2-settings)(?:[ \t]*,[ \t]*(?:keep-alive|upgrade|http2-settings))*$/;

function staysOpen(connection: string): boolean {
  return connection === 'keep-alive' || openOptions.test(connection);
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function startsWith(bytes: Buffer, at: number, what: Buffer): boolean {
  if (at + what.length > bytes.length) return false;
  for (let i = 0; i < what.length; i++) if (bytes[at + i] !== what[i]) return false;
  return true;
}
