/**
 * Reads the form fields that the rules need from a multipart/form-data body (RFC 7578) as the body arrives. Strict: a
 * form that another reader could split differently is refused. Nothing may come before the first boundary, only one
 * CRLF after the last boundary, and every boundary must be exactly as declared.
 *
 *   --B CRLF  head CRLF CRLF  value  CRLF --B CRLF  head CRLF CRLF  value  CRLF --B-- [CRLF]
 *   opening   head            value        mark     head            value        mark   epilogue
 *
 * Readers differ in where they recognise a boundary: after CRLF, after any line end, at the first byte of a value (Go),
 * or anywhere. So `--B` may occur only where all of them recognise a boundary. Honest clients choose a `B` that does
 * not occur elsewhere.
 *
 * Linear on hostile input: the Knuth-Morris-Pratt search reads no byte twice.
 */
import type { BodyFacts } from '../../core/engine/routes.ts';
import {
  isPlainText,
  maxModelBytes,
  maxValueBytes,
  modelNotPlain,
  modelTooLong,
  streamNotFlag,
} from './body-facts.ts';
import type { BodyFault } from './json-scanner.ts';
import { boundaryOf, readPartHead } from './multipart-head.ts';
import { foldName } from './scan-plan.ts';

const opening = 0;
const mark = 1;
const head = 2;
const value = 3;
const epilogue = 4;

const maxParts = 1000;
const maxHeadBytes = 16 * 1024;
const maxNameCharacters = 256;
/** A native search costs as much as reading this many bytes one by one. */
const nearBytes = 64;

const cr = 0x0d;
const lf = 0x0a;
const dash = 0x2d;
const headEnd = Buffer.from('\r\n\r\n');
const lastMark = Buffer.from('--');

/** The texts that pydantic and Go accept as true. */
const truths = new Set(['true', '1', 'on', 't', 'y', 'yes']);
const untruths = new Set(['false', '0', 'off', 'f', 'n', 'no', '']);
const jsonNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

export class MultipartScanner {
  /** `--B`; and for each prefix of `--B` the length of the longest proper prefix that is also its suffix. */
  readonly #boundary: Buffer;
  readonly #fallback: Uint8Array;
  readonly #wanted: ReadonlySet<string>;
  readonly #seen = new Set<string>();
  readonly #values = new Map<string, readonly string[]>();
  #state = opening;
  /** How many bytes of the boundary, or of the end of a head, are matched. */
  #matched = 0;
  #parts = 0;
  #length = 0;
  /** Position in the body where the head or the value began. */
  #begun = 0;
  /** Start of the line at whose beginning a boundary may be in progress, and the last two bytes of earlier pieces. */
  #lineAt = -1;
  #last = 0;
  #lastButOne = 0;
  /** The wanted field whose value is being read. */
  #field: string | undefined;
  #kept = Buffer.allocUnsafe(1024);
  #keptLength = 0;
  #keepLimit = 0;
  #model: string | undefined;
  #modelRange: readonly [from: number, to: number] | undefined;
  #stream: boolean | undefined;
  #inFile = false;
  /** Total size of the parts that are files. */
  fileBytes = 0;

  private constructor(boundary: string, wanted: readonly string[]) {
    this.#boundary = Buffer.from(`--${boundary}`, 'latin1');
    this.#fallback = fallbacks(this.#boundary);
    this.#wanted = new Set(['model', 'stream', ...wanted]);
  }

  /** `wanted`: names of fields besides `model` and `stream` whose values the rules need. */
  static open(contentType: string, wanted: readonly string[]): MultipartScanner | BodyFault {
    const boundary = boundaryOf(contentType);
    if (boundary === undefined) return { reason: 'its content type has no plain boundary' };
    return new MultipartScanner(boundary, wanted);
  }

  /** Reads the bytes [from, to) as the next piece of the body. A fault ends the reading. */
  write(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    const shift = this.#length - from;
    this.#length += to - from;
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case opening:
          if (buffer[at] !== this.#boundary[this.#matched])
            return { reason: 'it does not begin with its boundary' };
          at += 1;
          if (++this.#matched === this.#boundary.length) this.#turn(mark);
          continue;
        case mark: {
          const wanted = this.#keptLength === 0 ? undefined : this.#kept[0] === cr ? headEnd : lastMark;
          const byte = buffer[at++] as number;
          if (wanted === undefined ? byte !== cr && byte !== lastMark[0] : byte !== wanted[1])
            return { reason: 'a boundary is malformed' };
          this.#kept[this.#keptLength++] = byte;
          if (wanted === undefined) continue;
          if (wanted === lastMark) this.#turn(epilogue);
          else if (++this.#parts > maxParts) return { reason: `it has more than ${maxParts} parts` };
          else {
            this.#turn(head);
            // The CRLF of the boundary line counts, because a head may be empty.
            this.#matched = 2;
            this.#keepLimit = maxHeadBytes;
          }
          continue;
        }
        case head: {
          const stop = this.#headEnd(buffer, at, to);
          this.#keep(buffer, at, stop);
          at = stop;
          if (this.#keptLength > maxHeadBytes) return { reason: 'the head of a part is too long' };
          if (this.#matched < headEnd.length) continue;
          const fault = this.#beginValue();
          if (fault !== undefined) return fault;
          this.#begun = shift + at;
          continue;
        }
        case value: {
          const stop = this.#boundaryEnd(buffer, from, at, to, shift);
          if (this.#field !== undefined) this.#keep(buffer, at, stop);
          at = stop;
          if (this.#matched < this.#boundary.length) continue;
          const boundaryAt = shift + at - this.#boundary.length;
          if (boundaryAt !== this.#lineAt || boundaryAt - 2 < this.#begun)
            return { reason: 'a part contains the boundary' };
          const fault = this.#endValue(boundaryAt - 2);
          if (fault !== undefined) return fault;
          this.#turn(mark);
          continue;
        }
        default:
          if (this.#matched >= 2 || buffer[at] !== headEnd[this.#matched])
            return { reason: 'there are bytes after its last boundary' };
          this.#matched += 1;
          at += 1;
      }
    }
    if (to - from > 1) this.#lastButOne = buffer[to - 2] as number;
    else if (to > from) this.#lastButOne = this.#last;
    if (to > from) this.#last = buffer[to - 1] as number;
    return undefined;
  }

  /** Ends the scan: the body is complete. */
  end(): BodyFault | undefined {
    if (this.#length === 0) return { reason: 'it is empty' };
    if (this.#state !== epilogue) return { reason: 'its last boundary is missing' };
    return this.#matched === 1 ? { reason: 'there are bytes after its last boundary' } : undefined;
  }

  /** Valid only after `end` found no fault. The values of a form are texts; numeric values are returned as numbers. */
  facts(): BodyFacts {
    return { model: this.#model, modelRange: this.#modelRange, stream: this.#stream, values: this.#values };
  }

  #turn(state: number): void {
    this.#state = state;
    this.#matched = 0;
    this.#keptLength = 0;
  }

  /** The position after the head's blank line, or `to`; `#matched` says which. */
  #headEnd(buffer: Buffer, from: number, to: number): number {
    let matched = this.#matched;
    let at = from;
    while (at < to && matched < headEnd.length) {
      const byte = buffer[at++];
      if (byte === headEnd[matched]) matched += 1;
      else matched = byte === cr ? 1 : 0;
    }
    this.#matched = matched;
    return at;
  }

  /** The position after the next boundary, wherever the boundary occurs, or `to`; `#matched` says which. */
  #boundaryEnd(buffer: Buffer, pieceFrom: number, from: number, to: number, shift: number): number {
    const boundary = this.#boundary;
    let matched = this.#matched;
    let at = from;
    let near = at + nearBytes;
    while (at < to && matched < boundary.length) {
      if (matched === 0 && at >= near) {
        const next = buffer.indexOf(dash, at);
        at = next < 0 || next > to ? to : next;
        near = at + nearBytes;
        continue;
      }
      const byte = buffer[at] as number;
      while (matched > 0 && byte !== boundary[matched]) matched = this.#fallback[matched - 1] as number;
      if (byte === boundary[matched]) {
        if (matched === 0 && this.#beginsLine(buffer, pieceFrom, at)) this.#lineAt = shift + at;
        matched += 1;
      }
      at += 1;
    }
    this.#matched = matched;
    return at;
  }

  #beginsLine(buffer: Buffer, pieceFrom: number, at: number): boolean {
    const last = at > pieceFrom ? buffer[at - 1] : this.#last;
    if (last !== lf) return false;
    const before = at - 1 > pieceFrom ? buffer[at - 2] : at > pieceFrom ? this.#last : this.#lastButOne;
    return before === cr;
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    // One byte above the limit is enough to show that the limit is exceeded.
    const end = Math.min(to, from + this.#keepLimit + 1 - this.#keptLength);
    if (end <= from) return;
    const needed = this.#keptLength + end - from;
    if (needed > this.#kept.length) {
      const grown = Buffer.allocUnsafe(needed * 2);
      this.#kept.copy(grown, 0, 0, this.#keptLength);
      this.#kept = grown;
    }
    buffer.copy(this.#kept, this.#keptLength, from, end);
    this.#keptLength = needed;
  }

  #beginValue(): BodyFault | undefined {
    const read = readPartHead(this.#kept.toString('latin1', 0, this.#keptLength - headEnd.length));
    if ('reason' in read) return read;
    this.#turn(value);
    this.#field = undefined;
    this.#inFile = read.isFile;
    if (read.name.length > maxNameCharacters) return undefined;
    const meant = foldName(read.name).trim();
    // RFC 7578, section 4.6: a field of this name declares how to decode all other fields.
    if (meant === '_charset_') return { reason: 'it names a charset' };
    if (!this.#wanted.has(meant)) return undefined;
    if (meant !== read.name) return { reason: `it names "${meant}" in another spelling` };
    if (this.#seen.has(meant)) return { reason: `it names "${meant}" twice` };
    if (read.isFile) return { reason: `"${meant}" is a file` };
    this.#seen.add(meant);
    this.#field = meant;
    this.#keepLimit = (meant === 'model' ? maxModelBytes : maxValueBytes) + this.#boundary.length + 2;
    return undefined;
  }

  /** Ends the value at this position of the body. The kept bytes may include the boundary. */
  #endValue(end: number): BodyFault | undefined {
    const field = this.#field;
    const length = end - this.#begun;
    if (this.#inFile) this.fileBytes += length;
    if (field === undefined) return undefined;
    if (field === 'model') {
      if (length > maxModelBytes) return { reason: modelTooLong };
      const bytes = this.#kept.subarray(0, length);
      const name = bytes.toString();
      if (!isPlainText(name) || !bytes.equals(Buffer.from(name))) return { reason: modelNotPlain };
      this.#model = name;
      this.#modelRange = [this.#begun, end];
      return undefined;
    }
    const text = length > maxValueBytes ? undefined : this.#kept.toString('utf8', 0, length);
    if (field === 'stream') {
      const flag = text?.toLowerCase();
      if (flag !== undefined && truths.has(flag)) this.#stream = true;
      else if (flag !== undefined && untruths.has(flag)) this.#stream = false;
      else return { reason: streamNotFlag };
      return undefined;
    }
    this.#values.set(field, [
      text === undefined ? '"..."' : jsonNumber.test(text) ? text : JSON.stringify(text),
    ]);
    return undefined;
  }
}

/** For each position of the pattern, where Knuth-Morris-Pratt continues after a mismatch. */
function fallbacks(pattern: Uint8Array): Uint8Array {
  const table = new Uint8Array(pattern.length);
  let length = 0;
  for (let i = 1; i < pattern.length; i++) {
    while (length > 0 && pattern[i] !== pattern[length]) length = table[length - 1] as number;
    if (pattern[i] === pattern[length]) length += 1;
    table[i] = length;
  }
  return table;
}
