/**
 * Replaces the model's name in a request body by the name that the engine uses. Only the bytes of that value change;
 * the other bytes are forwarded in their original buffers.
 */
import type { BodyFacts, FieldPlace } from '../../core/engine/routes.ts';
import type { ModelPlace } from '../routes.ts';

/** Two dashes, a boundary (at most 70 characters, RFC 2046), CRLF. */
const longestOpening = 2 + 70 + 2;

/**
 * Returns the body with the engine's name for the model in every field that names the model. Returns the same body if
 * `model` already has that name. If only `name` is present, adds `model`, because Ollama reads only `model` on most
 * routes.
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
  // From the end, so that the other range keeps its position.
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

/** Inserts a member before all others of a JSON body, at the position that the scanner found. */
export function insertField(body: readonly Buffer[], field: string, place: FieldPlace): readonly Buffer[] {
  return splice(body, place.at, place.at, Buffer.from(place.empty ? field : `${field},`));
}

/** Adds the model to a body that names none. Otherwise the engine could choose a model that the rules did not check. */
export function insertModel(
  body: readonly Buffer[],
  name: string,
  place: FieldPlace | undefined,
): readonly Buffer[] {
  return place === undefined
    ? insertPart(body, name)
    : insertField(body, `"model":${JSON.stringify(name)}`, place);
}

/** Inserts a first part into a form. The first line of the form is its boundary, which the scanner has checked. */
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

/** Replaces the bytes [from, to), which may span several buffers. */
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
