/**
 * Reads the form fields that rules look at from a whole multipart/form-data body (RFC 7578), strictly: what another
 * reader could take apart in another way is a fault. Linear in the body: each delimiter is searched once.
 *
 *   --B CRLF  head CRLF CRLF  value  CRLF --B CRLF  head CRLF CRLF  value  CRLF --B-- [CRLF]
 */
import type { BodyFacts } from '../../core/engine/routes.ts';
import type { BodyFault } from './json-scanner.ts';
import { foldName } from './scan-plan.ts';

export interface FormFacts extends BodyFacts {
  readonly boundary: string;
}

const maxParts = 256;
const maxHeadBytes = 8 * 1024;
const maxModelBytes = 1024;
const known = new Set(['model', 'stream']);

/** RFC 2046, section 5.1.1, in a token or in quotes; one parameter only. */
const boundaryParameter = /;\s*boundary=(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))\s*(?=;|$)/gi;
const boundaryForm = /^[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]$/;

/** `name` as plain quoted text; what else a disposition may say is not looked at. */
const disposition = /^form-data\s*(?:;.*)?$/is;
const nameParameter = /;\s*name="([^"\\\r\n]*)"/gi;

export function readMultipart(pieces: readonly Buffer[], contentType: string): FormFacts | BodyFault {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return { reason: 'its content type has no usable boundary' };
  const body = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  const opening = Buffer.from(`--${boundary}`, 'latin1');
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  if (!body.subarray(0, opening.length).equals(opening)) return { reason: 'it does not begin with its boundary' };

  const found = new Map<string, readonly [from: number, to: number]>();
  let at = opening.length;
  for (let parts = 0; ; parts++) {
    const mark = body.toString('latin1', at, at + 2);
    if (mark === '--') {
      const rest = body.length - at - 2;
      if (rest > 0 && body.toString('latin1', at + 2, at + 5) !== '\r\n') return { reason: 'something follows its last boundary' };
      break;
    }
    if (mark !== '\r\n') return { reason: 'a boundary is malformed' };
    if (parts >= maxParts) return { reason: `it has more than ${maxParts} parts` };
    const headFrom = at + 2;
    const headEnd = body.subarray(headFrom, headFrom + maxHeadBytes + 4).indexOf('\r\n\r\n');
    if (headEnd < 0) return { reason: 'the head of a part is too long or does not end' };
    const name = nameOf(body.toString('latin1', headFrom, headFrom + headEnd));
    if (typeof name !== 'string') return name;
    const from = headFrom + headEnd + 4;
    // The empty value's delimiter shares its CRLF with nothing, so the search begins right here.
    const to = body.indexOf(delimiter, from);
    if (to < 0) return { reason: 'its last boundary is missing' };
    const folded = foldName(name);
    if (known.has(folded)) {
      if (folded !== name) return { reason: `it names "${folded}" in another spelling` };
      if (found.has(name)) return { reason: `it names "${name}" twice` };
      found.set(name, [from, to]);
    }
    at = to + delimiter.length;
  }
  return facts(body, found, boundary);
}

function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType)) return undefined;
  const matches = [...contentType.matchAll(boundaryParameter)];
  const named = contentType.match(/boundary/gi)?.length ?? 0;
  const boundary = matches[0]?.[1] ?? matches[0]?.[2];
  return named === 1 && matches.length === 1 && boundary !== undefined && boundaryForm.test(boundary) ? boundary : undefined;
}

function nameOf(head: string): string | BodyFault {
  const dispositions = head.split('\r\n').filter((line) => /^content-disposition\s*:/i.test(line));
  if (dispositions.length !== 1 || /(?:^|\r\n)[ \t]/.test(head)) return { reason: 'a part has no plain Content-Disposition' };
  const value = (dispositions[0] as string).replace(/^content-disposition:\s*/i, '');
  const names = [...value.matchAll(nameParameter)];
  const claimed = value.match(/(?<![a-z])name\s*\*?[0-9]*\*?\s*=/gi)?.length ?? 0;
  if (!disposition.test(value) || names.length !== 1 || claimed !== 1) return { reason: 'a part has no plain name' };
  return Buffer.from((names[0] as RegExpMatchArray)[1] as string, 'latin1').toString();
}

function facts(body: Buffer, found: ReadonlyMap<string, readonly [number, number]>, boundary: string): FormFacts | BodyFault {
  const range = found.get('model');
  if (range !== undefined && range[1] - range[0] > maxModelBytes) return { reason: '"model" is too long' };
  const stream = found.get('stream');
  const streamText = stream === undefined ? undefined : body.toString('latin1', stream[0], Math.min(stream[1], stream[0] + 8)).toLowerCase();
  return {
    model: range === undefined ? undefined : body.toString('utf8', range[0], range[1]),
    modelRange: range,
    stream: streamText === undefined ? undefined : streamText === 'true' || streamText === '1',
    values: new Map(),
    boundary,
  };
}
