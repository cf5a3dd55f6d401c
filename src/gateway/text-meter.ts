/**
 * Counts the bytes of a JSON text without the images, sounds and files in it: base64 that a model does not read as text.
 *
 * Such data is a string of base64 under a name that carries data in the APIs ("url" and its kin only as a `data:` URL), so
 * that no text of a prompt can pass for it. Short ones count as text. Looks at a few bytes in every 512, and at whole
 * strings only by native search: a body of 50 MB costs some milliseconds.
 */
const hopBytes = 512;
/** Prose and code have a blank or a sign in so many bytes. */
const runBytes = 16;
/** What stands before a string, and how a data URL begins. */
const contextBytes = 128;
const samples = 64;

const quote = 0x22;
const backslash = 0x5c;

/** A name, its colon, and perhaps the bracket of a list, right before a string. */
const named = /"([a-z0-9_]{1,20})"[ \t\r\n]*:[ \t\r\n]*(\[[ \t\r\n]*)?$/;
/** What stands between two strings of a list. */
const nextInList = /"[ \t\r\n]*,[ \t\r\n]*$/;
const dataUrl = /^data:[^",]{0,100};base64,/;
/** Names under which the APIs carry data, and those under which only a data URL is data. */
const dataNames = new Set(['data', 'file_data', 'images', 'image', 'mask', 'b64_json', 'multimodal_data']);
const urlNames = new Set(['url', 'image_url', 'audio_url', 'video_url', 'file_url']);

/** `=`, `-` and `_` included, and the backslash of an escaped slash or line feed. */
const inBase64 = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\\') {
  inBase64[c.charCodeAt(0)] = 1;
}

type Open = 'none' | 'data' | 'other';

export class TextMeter {
  #bytes = 0;
  #dataBytes = 0;
  /** The last bytes of what was read before, for a string that begins there. */
  #before = Buffer.alloc(0);
  /** A string that was looked at and has not ended yet. */
  #open: Open = 'none';
  /** Of the open string, what was taken for data so far. */
  #openBytes = 0;
  /** The last string was data in a list, so the next one in it is, too. */
  #inList = false;

  get textBytes(): number {
    return this.#bytes - this.#dataBytes;
  }

  add(buffer: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    const part = buffer.subarray(from, to);
    let floor = 0;
    if (this.#open !== 'none') {
      floor = this.#goOn(part, 0, 0);
      if (floor < 0) return this.#remember(part);
    }
    for (let at = floor; at + runBytes <= part.length; at += hopBytes) {
      if (!isRun(part, at, at + runBytes)) continue;
      floor = this.#string(part, floor, at);
      if (floor < 0) break;
      // On from the end of the string, so that no byte is searched twice.
      at = floor - hopBytes;
    }
    this.#remember(part);
  }

  /** Looks at the string around `at`. Returns the position behind its end, or -1 where it has not ended. */
  #string(part: Buffer, floor: number, at: number): number {
    const before = this.#before;
    const opening = part.subarray(floor, at).lastIndexOf(quote);
    const start = opening < 0 ? 0 : floor + opening + 1;
    // It may have begun in what was read before.
    const early = opening < 0 && floor === 0 ? before.lastIndexOf(quote) + 1 : 0;
    const earlyBytes = early > 0 ? before.length - early : 0;
    let head = part.toString('latin1', start, start + contextBytes);
    let context = '';
    if (early > 0) {
      head = before.toString('latin1', early) + head;
      context = before.toString('latin1', 0, early - 1);
    } else if (opening >= 0) context = this.#textBefore(part, start - 1);
    const url = dataUrl.exec(head)?.[0].length ?? 0;
    this.#open = this.#isData(context, url > 0) ? 'data' : 'other';
    this.#openBytes = this.#open === 'data' ? earlyBytes : 0;
    this.#dataBytes += this.#openBytes;
    return this.#goOn(part, start, Math.max(0, url - earlyBytes));
  }

  #isData(context: string, isUrl: boolean): boolean {
    if (this.#inList && nextInList.test(context)) return true;
    const [, name = '', bracket] = named.exec(context) ?? [];
    const isData = dataNames.has(name) || (isUrl && urlNames.has(name));
    this.#inList = isData && bracket !== undefined;
    return isData;
  }

  /** Reads on in the open string from `at`; `skip` bytes there are no base64. Returns the position behind its end, or -1. */
  #goOn(part: Buffer, at: number, skip: number): number {
    const found = part.subarray(at).indexOf(quote);
    const end = found < 0 ? part.length : at + found;
    if (this.#open === 'data') {
      // An escaped quote, or what no base64 holds: it was text after all.
      const escaped = found > 0 && part[end - 1] === backslash;
      if (escaped || !isSampled(part, Math.min(end, at + skip), end)) {
        this.#dataBytes -= this.#openBytes;
        this.#open = 'other';
        this.#inList = false;
      } else {
        this.#dataBytes += end - at;
        this.#openBytes += end - at;
      }
    }
    if (found < 0) return -1;
    this.#open = 'none';
    return end + 1;
  }

  #textBefore(part: Buffer, at: number): string {
    const text = part.toString('latin1', Math.max(0, at - contextBytes), at);
    return at >= contextBytes ? text : this.#before.toString('latin1') + text;
  }

  #remember(part: Buffer): void {
    const most = hopBytes + runBytes + contextBytes;
    this.#before =
      part.length >= most
        ? Buffer.from(part.subarray(part.length - most))
        : Buffer.concat([this.#before, part]).subarray(-most);
  }
}

function isRun(part: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (inBase64[part[at] as number] === 0) return false;
  return true;
}

/** Whether bytes spread over [from, to) are all of base64. */
function isSampled(part: Buffer, from: number, to: number): boolean {
  const step = Math.max(1, Math.floor((to - from) / samples));
  for (let at = from; at < to; at += step) if (inBase64[part[at] as number] === 0) return false;
  return true;
}

/** Bytes of a body in pieces, without its data. */
export function textBytesOf(body: readonly Buffer[]): number {
  const meter = new TextMeter();
  for (const piece of body) meter.add(piece, 0, piece.length);
  return meter.textBytes;
}
