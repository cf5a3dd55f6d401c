/**
 * Counts the bytes of a JSON text without its images, sounds and files: base64 data that a model does not read as text.
 *
 * Such data is a base64 string under a name that carries data in the APIs ("url" and similar names only as a `data:`
 * URL), so prompt text cannot count as data. Short strings count as text. The scan looks at a few bytes in every 512,
 * and searches whole strings natively: a body of 50 MB costs a few milliseconds.
 */
const hopBytes = 512;
/** Prose and code have a blank or a punctuation mark within this many bytes. */
const runBytes = 16;
/** How many bytes before a string are read, and how many at the beginning of a data URL. */
const contextBytes = 128;
const samples = 64;

const quote = 0x22;
const backslash = 0x5c;

/** A name, its colon, and perhaps the bracket of a list, right before a string. */
const named = /"([a-z0-9_]{1,20})"[ \t\r\n]*:[ \t\r\n]*(\[[ \t\r\n]*)?$/;
/** The bytes between two strings of a list. */
const nextInList = /"[ \t\r\n]*,[ \t\r\n]*$/;
const dataUrl = /^data:[^",]{0,100};base64,/;
/** Names under which the APIs carry data, and names under which only a data URL is data. */
const dataNames = new Set(['data', 'file_data', 'images', 'image', 'mask', 'b64_json', 'multimodal_data']);
const urlNames = new Set(['url', 'image_url', 'audio_url', 'video_url', 'file_url']);

/** Includes `=`, `-` and `_`, and the backslash of an escaped slash or line feed. */
const inBase64 = new Uint8Array(256);
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\\') {
  inBase64[c.charCodeAt(0)] = 1;
}

const nothing = Buffer.alloc(0);

type Open = 'none' | 'data' | 'other';

export class TextByteCounter {
  #bytes = 0;
  #dataBytes = 0;
  /** The last bytes of the previous part, for a string that begins there. */
  #before: Buffer = nothing;
  /** The kind of a string that was checked and has not ended yet. */
  #open: Open = 'none';
  /** How many bytes of the open string were counted as data so far. */
  #openBytes = 0;
  /** The last string was data in a list, so the next string of the list is data too. */
  #inList = false;

  get textBytes(): number {
    return this.#bytes - this.#dataBytes;
  }

  /** `isLast`: no further part follows, so nothing is remembered for one. */
  add(buffer: Buffer, from: number, to: number, isLast = false): void {
    this.#bytes += to - from;
    const part = from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to);
    this.#read(part);
    if (isLast) this.#before = nothing;
    else this.#remember(part);
  }

  #read(part: Buffer): void {
    let floor = 0;
    if (this.#open !== 'none') {
      floor = this.#goOn(part, 0, 0);
      if (floor < 0) return;
    }
    for (let at = floor; at + runBytes <= part.length; at += hopBytes) {
      if (!isRun(part, at, at + runBytes)) continue;
      const opening = part.subarray(floor, at).lastIndexOf(quote);
      if (opening < 0 && floor > 0) {
        // No string has begun since the last one ended: these are digits of a number.
        floor = at + runBytes;
        continue;
      }
      floor = this.#string(part, opening < 0 ? -1 : floor + opening);
      if (floor < 0) break;
      // Continues from the end of the string, so that no byte is searched twice.
      at = floor - hopBytes;
    }
  }

  /**
   * Checks the string whose quote is at `opening`; -1: it may have begun in the previous part. Returns the position after
   * its end, or -1 if it has not ended.
   */
  #string(part: Buffer, opening: number): number {
    const before = this.#before;
    const start = opening + 1;
    const early = opening < 0 ? before.lastIndexOf(quote) + 1 : 0;
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

  /**
   * Continues the open string from `at`, where `skip` bytes are not base64. Returns the position after its end, or -1.
   */
  #goOn(part: Buffer, at: number, skip: number): number {
    const found = part.subarray(at).indexOf(quote);
    const end = found < 0 ? part.length : at + found;
    if (this.#open === 'data') {
      // An escaped quote, or a byte that is not base64: the string is text.
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

/** Whether sampled bytes in [from, to) are all base64. */
function isSampled(part: Buffer, from: number, to: number): boolean {
  const step = Math.max(1, Math.floor((to - from) / samples));
  for (let at = from; at < to; at += step) if (inBase64[part[at] as number] === 0) return false;
  return true;
}
