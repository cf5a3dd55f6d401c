/**
 * Puts the engine's name for a model where the client's stands. Only the bytes of that value change; all others are
 * sent on from the buffers they came in.
 */
import type { BodyFacts, FieldPlace } from '../../core/engine/routes.ts';
import type { ModelPlace } from '../routes.ts';

/** Two dashes, a boundary (RFC 2046: 70 characters at most), CRLF. */
const longestOpening = 2 + 70 + 2;

/**
 * The body with the engine's name for the model, in every field that names it. The same body where nothing changes: it
 * names the model in `model`, and as the engine does. Where only `name` does, `model` is added, since on most routes
 * Ollama reads no other field.
 */
export function nameModel(
  body: readonly Buffer[],
  facts: Pick<BodyFacts, 'model' | 'modelRange' | 'alsoNamed' | 'fieldPlace'>,
  name: string,
  place: ModelPlace,
): readonly Buffer[] {
  const { model, modelRange, alsoNamed, fieldPlace } = facts;
  if (modelRange !== undefined && model === name && alsoNamed === undefined) return body;
  const ranges: (readonly [from: number, to: number])[] = [];
  if (modelRange !== undefined && model !== name) ranges.push(modelRange);
  if (alsoNamed !== undefined && alsoNamed.name !== name) ranges.push(alsoNamed.range);
  // From the back, so that the place of the other one stays what it was.
  ranges.sort((a, b) => b[0] - a[0]);
  let edited = body;
  for (const range of ranges) edited = replaceModel(edited, range, name, place);
  return modelRange === undefined ? insertModel(edited, name, fieldPlace) : edited;
}

/** Replaces the bytes [from, to) of the body by the name, as a JSON string or as a form value. */
export function replaceModel(
  body: readonly Buffer[],
  range: readonly [from: number, to: number],
  name: string,
  place: ModelPlace,
): readonly Buffer[] {
  return splice(body, range[0], range[1], Buffer.from(place === 'json' ? JSON.stringify(name) : name));
}

/** Puts a field before all others of a JSON body; the scanner has found the place. */
export function insertField(body: readonly Buffer[], field: string, place: FieldPlace): readonly Buffer[] {
  return splice(body, place.at, place.at, Buffer.from(place.empty ? field : `${field},`));
}

/** Names the model in a body that names none: the engine must not choose another than the rules were asked about. */
export function insertModel(
  body: readonly Buffer[],
  name: string,
  place: FieldPlace | undefined,
): readonly Buffer[] {
  return place === undefined
    ? insertPart(body, name)
    : insertField(body, `"model":${JSON.stringify(name)}`, place);
}

/** A first part of a form, with the boundary that its first line is; the scanner has seen to that. */
function insertPart(body: readonly Buffer[], name: string): readonly Buffer[] {
  const first: Buffer[] = [];
  for (let i = 0, length = 0; i < body.length && length < longestOpening; i++) {
    const piece = (body[i] as Buffer).subarray(0, longestOpening);
    first.push(piece);
    length += piece.length;
  }
  const opening = Buffer.concat(first);
  const boundary = opening.subarray(0, opening.indexOf('\r\n'));
  const head = '\r\nContent-Disposition: form-data; name="model"\r\n\r\n';
  return [Buffer.concat([boundary, Buffer.from(`${head}${name}\r\n`)]), ...body];
}

/** Bytes for the bytes [from, to), which may lie in several pieces. */
function splice(body: readonly Buffer[], from: number, to: number, bytes: Buffer): readonly Buffer[] {
  const edited: Buffer[] = [];
  let written = false;
  let at = 0;
  for (const piece of body) {
    const before = Math.min(Math.max(from - at, 0), piece.length);
    const behind = Math.min(Math.max(to - at, 0), piece.length);
    if (before > 0) edited.push(piece.subarray(0, before));
    at += piece.length;
    if (!written && from <= at) {
      edited.push(bytes);
      written = true;
    }
    if (behind < piece.length) edited.push(piece.subarray(behind));
  }
  return edited;
}
