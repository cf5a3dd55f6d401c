/**
 * The heads of a form: the boundary in a request's content type, and the fields of each part (RFC 7578, RFC 2046
 * section 5.1.1, RFC 2183).
 *
 * Readers of forms differ widely in what they make of a head that is not plain: Go undoes a transfer encoding, Starlette
 * decodes names by the `charset` of the content type, some read `\"` in a quoted text and some do not. So only what all
 * of them read alike passes, the plain forms that browsers, curl, SDKs and .NET write.
 */
import type { BodyFault } from './json-scanner.ts';

interface PartHead {
  readonly name: string;
  readonly isFile: boolean;
}

const maxContentType = 1024;

/** A token without `%`, `'` and `*`, which stand for encodings; or quoted text without a backslash, which is read in two ways. */
const parameter = /[ \t]*;[ \t]*([A-Za-z]+\*?)=(?:"([^"\\\x00-\x1f\x7f]*)"|([A-Za-z0-9!#$&+.^_`|~-]+))/y;
/** `filename*=UTF-8''na%C3%AFve.wav` (RFC 8187). */
const encodedParameter =
  /[ \t]*;[ \t]*([A-Za-z]+\*)=([A-Za-z0-9-]+'[A-Za-z0-9-]*'[A-Za-z0-9!#$&+.^_`|~%-]*)/y;
const boundaryForm = /^[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]$/;
/** Tokens of a boundary that some clients do not quote although they should. */
const boundaryToken = /[ \t]*;[ \t]*(boundary)=([A-Za-z0-9'()+_,./:=?-]{1,70})(?=[ \t]*(?:;|$))/iy;
/** No name begins with a dash, so that no field can be taken for a boundary. */
const fieldLine = /^([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*):([^\x00-\x08\x0a-\x1f\x7f]*)$/;

/** The boundary of a form, from the request's content type; undefined where it is not plain. */
export function boundaryOf(contentType: string): string | undefined {
  if (contentType.length > maxContentType) return undefined;
  const type = /^multipart\/form-data(?=[ \t]*;)/i.exec(contentType);
  if (type === null) return undefined;
  const found = parameters(contentType, type[0].length, [boundaryToken, parameter]);
  const boundary = found?.get('boundary');
  if (found === undefined || boundary === undefined || !boundaryForm.test(boundary)) return undefined;
  for (const [name, value] of found) {
    if (name !== 'boundary' && !(name === 'charset' && isUtf8Name(value))) return undefined;
  }
  return boundary;
}

/** The head of a part, without its blank line; each byte is one character. */
export function readPartHead(head: string): PartHead | BodyFault {
  let disposition: string | undefined;
  const seen = new Set<string>();
  for (const line of head.split('\r\n')) {
    const field = fieldLine.exec(line);
    if (field === null) return { reason: 'a part has a malformed field' };
    const name = (field[1] as string).toLowerCase();
    const value = withoutBlanks(field[2] as string);
    if (seen.has(name)) return { reason: `a part has two fields ${name}` };
    seen.add(name);
    if (name === 'content-disposition') disposition = value;
    else if (name === 'content-transfer-encoding') {
      if (!/^(?:7bit|8bit|binary)$/i.test(value)) return { reason: 'a part is encoded' };
    } else if (
      name === 'content-type' &&
      /charset/i.test(value) &&
      !/;[ \t]*charset="?(?:utf-?8|us-ascii)"?[ \t]*$/i.test(value)
    )
      return { reason: 'a part is not UTF-8' };
  }
  const form = disposition === undefined ? null : /^form-data(?=[ \t]*(?:;|$))/i.exec(disposition);
  if (disposition === undefined || form === null)
    return { reason: 'a part has no plain Content-Disposition' };
  const found = parameters(disposition, form[0].length, [encodedParameter, parameter]);
  const name = found?.get('name');
  if (found === undefined || name === undefined) return { reason: 'a part has no plain name' };
  let isFile = false;
  for (const key of found.keys()) {
    if (key === 'filename' || key === 'filename*') isFile = true;
    else if (key !== 'name') return { reason: 'a part has no plain name' };
  }
  return { name: Buffer.from(name, 'latin1').toString(), isFile };
}

/** All parameters from `at` to the end, by name in lower case; undefined where one is odd or stands twice. */
function parameters(text: string, at: number, forms: readonly RegExp[]): Map<string, string> | undefined {
  const found = new Map<string, string>();
  let next = at;
  while (next < text.length) {
    let match: RegExpExecArray | null = null;
    for (const form of forms) {
      form.lastIndex = next;
      match = form.exec(text);
      if (match !== null) break;
    }
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    if (found.has(name)) return undefined;
    found.set(name, match[2] ?? match[3] ?? '');
    next += match[0].length;
  }
  return found;
}

/** Without spaces and tabs around. A pattern that leaves them out would try each run of them from each of its places. */
function withoutBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isUtf8Name(charset: string): boolean {
  return /^utf-?8$/i.test(charset);
}
