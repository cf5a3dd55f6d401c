/**
 * Reads what the rules need from a JSON body, byte by byte as it arrives, without building it.
 *
 * Refuses what a gateway and an engine could read in two ways: a watched name that stands twice or in another case
 * (Go engines match names without regard to case and the last one wins), depth beyond 128, bytes behind the end, what
 * is not an object, what is not UTF-8. Numbers, literals and escapes are held to RFC 8259.
 *
 * Inside a string the native search is used only after 4 KB without an escape: it wins on one long image and loses
 * badly on text that is made of escapes.
 */
import { isAscii } from 'node:buffer';
import type { BodyFacts } from '../../core/engine/routes.ts';
import { foldName, type PlanNode, type ScanPlan } from './scan-plan.ts';

export interface BodyFault {
  readonly reason: string;
}

/** What the next byte must be. */
const S = {
  start: 0,
  value: 1,
  firstName: 2,
  name: 3,
  colon: 4,
  after: 5,
  firstElement: 6,
  string: 7,
  escape: 8,
  hex: 9,
  minus: 10,
  zero: 11,
  int: 12,
  dot: 13,
  fraction: 14,
  exponent: 15,
  exponentSign: 16,
  exponentDigits: 17,
  literal: 18,
  end: 19,
} as const;

const maxDepth = 128;
const nativeAfter = 4096;
/** Raw bytes that are kept of a value; the model's name may be longer, since all of it may be escaped. */
const maxValueBytes = 256;
const maxModelBytes = 1024;
const maxModelRaw = maxModelBytes * 6 + 2;
const maxNameRaw = 512;

const quote = 0x22;
const backslash = 0x5c;
const object = 1;
const array = 2;

export class JsonScanner {
  readonly #plan: ScanPlan;
  #state: number = S.start;
  #depth = 0;
  readonly #kinds = new Uint8Array(maxDepth + 1);
  /** Watched node of the container at each depth; none below what is watched. */
  readonly #nodes: (PlanNode | undefined)[] = [];
  readonly #seen: number[] = [];
  /** Node of the value that comes next. */
  #next: PlanNode | undefined;
  /** A container was just opened, and its node wants to know whether it is empty. */
  #opened: PlanNode | undefined;

  #isName = false;
  #hexLeft = 0;
  #sinceEscape = 0;
  #literal = '';
  #literalAt = 0;

  /** The token being kept: its node (undefined for a name), its bytes so far, and where it began in this buffer. */
  #keeping = false;
  #keptNode: PlanNode | undefined;
  #kept: Buffer = Buffer.allocUnsafe(256);
  #keptLength = 0;
  #keepFrom = 0;
  #keepLimit = 0;
  #tokenFrom = 0;

  #offset = 0;
  #decoder: TextDecoder | undefined;

  #model: string | undefined;
  #modelRange: readonly [number, number] | undefined;
  #stream: boolean | undefined;
  readonly #values = new Map<string, string[]>();

  constructor(plan: ScanPlan) {
    this.#plan = plan;
  }

  /** Reads [from, to). A fault ends the reading. */
  write(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    const fault = this.#checkUtf8(buffer, from, to) ?? this.#scan(buffer, from, to);
    if (fault !== undefined) return fault;
    if (this.#keeping) {
      this.#keep(buffer, this.#keepFrom, to);
      this.#keepFrom = 0;
    }
    this.#offset += to - from;
    return undefined;
  }

  /** The body is complete. */
  end(): BodyFault | undefined {
    if (this.#state === S.start) return { reason: 'it is empty' };
    if (this.#state !== S.end) return { reason: 'it ends in the middle' };
    if (this.#decoder !== undefined) {
      try {
        this.#decoder.decode();
      } catch {
        return { reason: 'it is not UTF-8' };
      }
    }
    return undefined;
  }

  /** Only after `end` found no fault. */
  facts(): BodyFacts {
    return { model: this.#model, modelRange: this.#modelRange, stream: this.#stream, values: this.#values };
  }

  #checkUtf8(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    if (this.#decoder === undefined) {
      const whole = from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to);
      if (isAscii(whole)) return undefined;
      this.#decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    }
    try {
      this.#decoder.decode(buffer.subarray(from, to), { stream: true });
      return undefined;
    } catch {
      return { reason: 'it is not UTF-8' };
    }
  }

  #fault(reason: string, at: number): BodyFault {
    return { reason: `${reason} (byte ${this.#offset + at})` };
  }

  #scan(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    let at = from;
    // Positions inside this buffer count from its `from`, absolute ones from the start of the body.
    const base = from;
    if (this.#keeping) this.#keepFrom = from;
    while (at < to) {
      const byte = buffer[at] as number;
      switch (this.#state) {
        case S.string: {
          const next = this.#skipString(buffer, at, to);
          if (next < 0) return this.#fault('a string holds a control character', -next - 1 - base);
          at = next;
          if (at === to) return undefined;
          if (buffer[at] === backslash) {
            this.#state = S.escape;
            this.#sinceEscape = 0;
            at += 1;
            continue;
          }
          at += 1;
          const fault = this.#endString(buffer, at, base);
          if (fault !== undefined) return fault;
          continue;
        }
        case S.escape:
          if (byte === 0x75) {
            this.#state = S.hex;
            this.#hexLeft = 4;
          } else if (isEscape(byte)) this.#state = S.string;
          else return this.#fault('a string holds an unknown escape', at - base);
          at += 1;
          continue;
        case S.hex:
          if (!isHex(byte)) return this.#fault('a string holds a malformed escape', at - base);
          if (--this.#hexLeft === 0) this.#state = S.string;
          at += 1;
          continue;
        case S.literal:
          if (byte !== this.#literal.charCodeAt(this.#literalAt)) return this.#fault('a literal is misspelt', at - base);
          at += 1;
          if (++this.#literalAt === this.#literal.length) {
            const fault = this.#endScalar(buffer, at, base);
            if (fault !== undefined) return fault;
          }
          continue;
        case S.minus:
        case S.zero:
        case S.int:
        case S.dot:
        case S.fraction:
        case S.exponent:
        case S.exponentSign:
        case S.exponentDigits: {
          const next = numberState(this.#state, byte);
          if (next === -1) return this.#fault('a number is malformed', at - base);
          if (next === -2) {
            const fault = this.#endScalar(buffer, at, base);
            if (fault !== undefined) return fault;
            continue;
          }
          this.#state = next;
          at += 1;
          continue;
        }
        default:
      }
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
        at += 1;
        continue;
      }
      const fault = this.#structure(byte, at, base);
      if (fault !== undefined) return fault;
      at += 1;
    }
    return undefined;
  }

  /** A byte outside of tokens. */
  #structure(byte: number, at: number, base: number): BodyFault | undefined {
    switch (this.#state) {
      case S.start:
        if (byte !== 0x7b) return this.#fault('it is not a JSON object', at - base);
        return this.#open(object, this.#plan, at, base);
      case S.firstName:
        this.#reportOpened(byte === 0x7d ? '{}' : '{...}');
        if (byte === 0x7d) return this.#close();
        return this.#beginName(byte, at, base);
      case S.name:
        return this.#beginName(byte, at, base);
      case S.colon:
        if (byte !== 0x3a) return this.#fault('a colon is missing', at - base);
        this.#state = S.value;
        return undefined;
      case S.firstElement:
        this.#reportOpened(byte === 0x5d ? '[]' : '[...]');
        if (byte === 0x5d) return this.#close();
        this.#next = this.#nodes[this.#depth]?.elements;
        return this.#beginValue(byte, at, base);
      case S.value:
        return this.#beginValue(byte, at, base);
      case S.after: {
        const inObject = this.#kinds[this.#depth] === object;
        if (byte === 0x2c) {
          this.#state = inObject ? S.name : S.value;
          if (!inObject) this.#next = this.#nodes[this.#depth]?.elements;
          return undefined;
        }
        if (byte !== (inObject ? 0x7d : 0x5d)) return this.#fault('a comma or a closing bracket is missing', at - base);
        return this.#close();
      }
      default:
        return this.#fault('something follows the end of the object', at - base);
    }
  }

  #beginName(byte: number, at: number, base: number): BodyFault | undefined {
    if (byte !== quote) return this.#fault('a name is missing', at - base);
    this.#state = S.string;
    this.#isName = true;
    this.#sinceEscape = 0;
    // Names below what is watched are nobody's business.
    if (this.#nodes[this.#depth] !== undefined) this.#startKeeping(undefined, at, base, maxNameRaw);
    return undefined;
  }

  #beginValue(byte: number, at: number, base: number): BodyFault | undefined {
    const node = this.#next;
    this.#next = undefined;
    if (byte === 0x7b || byte === 0x5b) {
      if (node !== undefined && isModel(node)) return this.#fault('"model" is not a string', at - base);
      if (node !== undefined && isStream(node)) return this.#fault('"stream" is not true or false', at - base);
      return this.#open(byte === 0x7b ? object : array, node, at, base);
    }
    if (node?.watched === true) this.#startKeeping(node, at, base, isModel(node) ? maxModelRaw : maxValueBytes);
    if (byte === quote) {
      this.#state = S.string;
      this.#isName = false;
      this.#sinceEscape = 0;
    } else if (byte === 0x2d) this.#state = S.minus;
    else if (byte === 0x30) this.#state = S.zero;
    else if (byte >= 0x31 && byte <= 0x39) this.#state = S.int;
    else {
      this.#literal = byte === 0x74 ? 'true' : byte === 0x66 ? 'false' : byte === 0x6e ? 'null' : '';
      if (this.#literal === '') return this.#fault('a value is missing', at - base);
      this.#literalAt = 1;
      this.#state = S.literal;
    }
    return undefined;
  }

  #open(kind: number, node: PlanNode | undefined, at: number, base: number): BodyFault | undefined {
    if (++this.#depth > maxDepth) return this.#fault(`it is nested deeper than ${maxDepth} levels`, at - base);
    this.#kinds[this.#depth] = kind;
    this.#nodes[this.#depth] = node;
    this.#seen[this.#depth] = 0;
    this.#opened = node?.watched === true || node?.elements !== undefined ? node : undefined;
    this.#state = kind === object ? S.firstName : S.firstElement;
    return undefined;
  }

  #reportOpened(text: string): void {
    const node = this.#opened;
    this.#opened = undefined;
    if (node?.watched === true) this.#report(node, text);
  }

  #close(): undefined {
    this.#depth -= 1;
    this.#state = this.#depth === 0 ? S.end : S.after;
  }

  /** Position of the quote, the backslash or the end; below zero (minus position, minus one) for a control character. */
  #skipString(buffer: Buffer, from: number, to: number): number {
    let at = from;
    let since = this.#sinceEscape;
    while (at < to) {
      if (since >= nativeAfter) {
        let end = buffer.indexOf(quote, at);
        if (end < 0 || end > to) end = to;
        const escape = buffer.subarray(at, end).indexOf(backslash);
        this.#sinceEscape = since;
        return escape < 0 ? end : at + escape;
      }
      const stop = Math.min(to, at + nativeAfter - since);
      const begun = at;
      for (; at < stop; at++) {
        const byte = buffer[at] as number;
        if (byte === quote || byte === backslash) {
          this.#sinceEscape = since + at - begun;
          return at;
        }
        if (byte < 0x20) return -at - 1;
      }
      since += at - begun;
    }
    this.#sinceEscape = since;
    return to;
  }

  #endString(buffer: Buffer, at: number, base: number): BodyFault | undefined {
    if (!this.#isName) return this.#endScalar(buffer, at, base);
    this.#state = S.colon;
    this.#next = undefined;
    if (!this.#keeping) return undefined;
    const raw = this.#stopKeeping(buffer, at);
    const parent = this.#nodes[this.#depth];
    if (raw === undefined || parent === undefined) return undefined;
    return this.#takeName(raw, parent, at - base);
  }

  #takeName(raw: string, parent: PlanNode, at: number): BodyFault | undefined {
    const name = unquote(raw);
    let node = parent.children.get(name);
    if (node === undefined) {
      const folded = foldName(name);
      if (folded === name) return undefined;
      node = parent.children.get(folded);
      if (node === undefined) return undefined;
      return this.#fault(`it names "${folded}" in another spelling`, at);
    }
    const seen = this.#seen[this.#depth] as number;
    if ((seen & node.bit) !== 0) return this.#fault(`it names "${name}" twice`, at);
    this.#seen[this.#depth] = seen | node.bit;
    this.#next = node;
    return undefined;
  }

  #endScalar(buffer: Buffer, at: number, base: number): BodyFault | undefined {
    this.#state = S.after;
    if (!this.#keeping) return undefined;
    const node = this.#keptNode;
    const raw = this.#stopKeeping(buffer, at);
    if (node === undefined) return undefined;
    if (isModel(node)) {
      if (raw === undefined || raw.length > maxModelRaw) return this.#fault('"model" is too long', at - base);
      if (raw.charCodeAt(0) !== quote) return this.#fault('"model" is not a string', at - base);
      const model = unquote(raw);
      if (model.length > maxModelBytes) return this.#fault('"model" is too long', at - base);
      this.#model = model;
      this.#modelRange = [this.#tokenFrom, this.#offset + at - base];
      return undefined;
    }
    if (isStream(node)) {
      if (raw === 'true' || raw === 'false') this.#stream = raw === 'true';
      else if (raw !== 'null') return this.#fault('"stream" is not true or false', at - base);
      return undefined;
    }
    this.#report(node, raw ?? '"..."');
    return undefined;
  }

  #report(node: PlanNode, text: string): void {
    const earlier = this.#values.get(node.path);
    if (earlier === undefined) this.#values.set(node.path, [text]);
    // A thousand tools of one type say no more than the first few dozen.
    else if (earlier.length < 64 || !earlier.includes(text)) earlier.push(text);
  }

  // --- keeping the bytes of a token

  #startKeeping(node: PlanNode | undefined, at: number, base: number, limit: number): void {
    this.#keeping = true;
    this.#keptNode = node;
    this.#keptLength = 0;
    this.#keepFrom = at;
    this.#keepLimit = limit;
    this.#tokenFrom = this.#offset + at - base;
  }

  /** The token's text, or undefined where it was longer than wanted. */
  #stopKeeping(buffer: Buffer, end: number): string | undefined {
    this.#keeping = false;
    if (this.#keptLength === 0) {
      // The usual case: the token lies whole in this buffer.
      return end - this.#keepFrom > this.#keepLimit ? undefined : buffer.toString('utf8', this.#keepFrom, end);
    }
    this.#keep(buffer, this.#keepFrom, end);
    return this.#keptLength > this.#keepLimit ? undefined : this.#kept.toString('utf8', 0, this.#keptLength);
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    if (this.#keptLength > this.#keepLimit) return;
    // One byte above the limit is enough to know that it was passed.
    const end = Math.min(to, from + this.#keepLimit + 1 - this.#keptLength);
    const needed = this.#keptLength + end - from;
    if (needed > this.#kept.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#kept.length * 2));
      this.#kept.copy(grown, 0, 0, this.#keptLength);
      this.#kept = grown;
    }
    buffer.copy(this.#kept, this.#keptLength, from, end);
    this.#keptLength = needed;
  }
}

function isModel(node: PlanNode): boolean {
  return node.path === 'model';
}

function isStream(node: PlanNode): boolean {
  return node.path === 'stream';
}

/** The value of a string token that the scanner found well formed. */
function unquote(raw: string): string {
  return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
}

function isEscape(byte: number): boolean {
  return byte === quote || byte === backslash || byte === 0x2f || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74;
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** RFC 8259, section 6. The next state; -1 malformed, -2 the number ended before this byte. */
function numberState(state: number, byte: number): number {
  const digit = isDigit(byte);
  switch (state) {
    case S.minus:
      return byte === 0x30 ? S.zero : digit ? S.int : -1;
    case S.dot:
      return digit ? S.fraction : -1;
    case S.exponent:
      return digit ? S.exponentDigits : byte === 0x2b || byte === 0x2d ? S.exponentSign : -1;
    case S.exponentSign:
      return digit ? S.exponentDigits : -1;
    case S.exponentDigits:
      return digit ? S.exponentDigits : -2;
    case S.fraction:
      if (digit) return S.fraction;
      break;
    case S.int:
      if (digit) return S.int;
      if (byte === 0x2e) return S.dot;
      break;
    default:
      if (digit) return -1;
      if (byte === 0x2e) return S.dot;
  }
  return byte === 0x65 || byte === 0x45 ? S.exponent : -2;
}
