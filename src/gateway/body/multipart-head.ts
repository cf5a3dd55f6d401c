/**
 * Parses the heads of a multipart form: the boundary in the content type of a request, and the fields of each part (RFC
 * 7578, RFC 2046 section 5.1.1, RFC 2183).
 *
 * Form parsers disagree about unusual heads: Go decodes a transfer encoding, Starlette decodes names with the `charset`
 * of the content type, and only some read `\"` in a quoted string. So only the plain forms are accepted that all
 * parsers read alike. Browsers, curl, SDKs and .NET write these forms.
 */
import type { BodyFault } from './json-scanner.ts';

interface PartHead {
  readonly name: string;
  readonly isFile: boolean;
}

const maxContentType = 1024;

/**
 * A token without `%`, `'` and `*`, which mark encodings, or a quoted string without a backslash, which parsers read in
 * two ways.
 */
const parameter = /[ \t]*;[ \t]*([A-Za-z]+\*?)=(?:"([^"\\\x00-\x1f\x7f]*)"|([A-Za-z0-9!#$&+.^_`|~-]+))/y;
/** `filename*=UTF-8''na%C3%AFve.wav` (RFC 8187). */
const encodedParameter =
  /[ \t]*;[ \t]*([A-Za-z]+\*)=([A-Za-z0-9-]+'[A-Za-z0-9-]*'[A-Za-z0-9!#$&+.^_`|~%-]*)/y;
const boundaryForm = /^[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]$/;
/** A boundary that some clients do not quote although it contains characters that need quotes. */
const boundaryToken = /[ \t]*;[ \t]*(boundary)=([A-Za-z0-9'()+_,./:=?-]{1,70})(?=[ \t]*(?:;|$))/iy;
/** A field name must not begin with a dash, so no field can be mistaken for a boundary. */
const fieldLine = /^([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*):([^\x00-\x08\x0a-\x1f\x7f]*)$/;

/** Returns the boundary in the content type of a request; undefined if the content type is not plain. */
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

/** Parses the head of a part, without its empty line; each character is one byte. */
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
      if (!/^(?:7bit|8bit|binary)$/i.test(value)) return { reason: 'a part has a transfer encoding' };
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

/** Returns all parameters from `at` to the end by lower-case name; undefined if one is malformed or occurs twice. */
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

/**
 * Returns the text without spaces and tabs at both ends. A pattern for this would be quadratic on long runs of blanks.
 */
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
