/**
 * Puts the engine's name for a model where the client's stands. Only the bytes of that value change.
 */
import type { ModelPlace } from '../routes.ts';

/** Replaces the bytes [from, to) of the body by the name, as a JSON string or as a form value. */
export function replaceModel(body: readonly Buffer[], range: readonly [from: number, to: number], name: string, place: ModelPlace): readonly Buffer[] {
  const value = Buffer.from(place === 'json' ? JSON.stringify(name) : name);
  const edited: Buffer[] = [];
  let at = 0;
  for (const piece of body) {
    const [from, to] = [range[0] - at, range[1] - at];
    if (to <= 0 || from >= piece.length) edited.push(piece);
    else {
      if (from > 0) edited.push(piece.subarray(0, from));
      if (from >= 0) edited.push(value);
      if (to < piece.length) edited.push(piece.subarray(to));
    }
    at += piece.length;
  }
  return edited;
}

/**
 * Names the model in a body that names none: the engine must not choose another than the rules were asked about. The
 * first byte that is not white space is the opening brace; the scanner has seen to that. A form is left as it is: no
 * engine takes one without a model.
 */
export function insertModel(body: readonly Buffer[], name: string, place: ModelPlace): readonly Buffer[] {
  if (place !== 'json') return body;
  const whole = Buffer.concat(body);
  const brace = whole.indexOf(0x7b);
  let next = brace + 1;
  while (isBlank(whole[next])) next++;
  const comma = whole[next] === 0x7d ? '' : ',';
  return [whole.subarray(0, brace + 1), Buffer.from(`"model":${JSON.stringify(name)}${comma}`), whole.subarray(brace + 1)];
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
