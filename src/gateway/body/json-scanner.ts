/**
 * Reads the fields that the rules need from a JSON body, byte by byte as the body arrives, without building objects.
 *
 * Refuses bodies that a gateway and an engine could read in two ways: a watched name that occurs twice or in another
 * case (Go engines match names without regard to case and the last one wins), depth beyond 128, bytes after the end, a
 * body that is not an object or not UTF-8, a `model` that is not plain text. For everything else RFC 8259 applies: each
 * text that JSON.parse refuses is refused here. Unwatched names may occur twice, because no rule reads them.
 *
 *   walk: structure between tokens  ->  JsonTokens: one token  ->  endName / endValue: is it watched?
 *
 * A piece of the body may end anywhere. `#token` then names the open token, and `#held` keeps its bytes if needed.
 */
import { isUtf8 } from 'node:buffer';
import type { BodyFacts } from '../../core/engine/routes.ts';
import {
  BodyFactsCollector,
  maxModelToken,
  maxValueToken,
  modelNotText,
  modelTooLong,
  nameNotText,
  nameTooLong,
  streamNotFlag,
} from './body-facts.ts';
import { bad, JsonTokens, unfinished, unquote } from './json-tokens.ts';
import {
  isMisspelling,
  longestName,
  matchBytes,
  matchText,
  type PlanNode,
  type ScanPlan,
} from './scan-plan.ts';
import { Utf8Check } from './utf8-check.ts';

export interface BodyFault {
  readonly reason: string;
}

/** What the next byte outside of a token must be. */
const beforeBody = 0;
const beforeValue = 1;
const beforeFirstName = 2;
const beforeName = 3;
const beforeColon = 4;
const beforeFirstElement = 5;
const afterValue = 6;
const afterBody = 7;

/** The token that was open at the end of the last chunk. */
const none = 0;
const string = 1;
const number = 2;
const literal = 3;

const maxDepth = 128;

export class JsonScanner {
  readonly #tokens = new JsonTokens();
  #utf8: Utf8Check | undefined;
  readonly #plan: ScanPlan;

  #state = beforeBody;
  #depth = 0;
  /** The kinds of the open container and of the containers around it. */
  #inArray = false;
  readonly #arrays: boolean[] = [];
  /** The watched node of the open container; undefined below the watched levels. */
  #here: PlanNode | undefined;
  /** The watched names seen in the open container, one bit each. */
  #seen = 0;
  readonly #above: { readonly depth: number; readonly node: PlanNode; readonly seen: number }[] = [];
  /** The node of the next value, or of the value being read. */
  #next: PlanNode | undefined;

  #token = none;
  /** Where the token begins, in this piece and in the body. Set only if the bytes of the token are needed. */
  #tokenFrom = 0;
  #tokenAt = 0;
  #keeps = false;
  #keepLimit = 0;
  #held: Buffer | undefined;
  #heldLength = 0;

  /** The position in the body of the piece's first byte, minus its position in the piece. */
  #shift = 0;
  #length = 0;

  /** The position after the opening brace of the body. */
  #fieldsAt = 0;
  /** Whether the object has no members. */
  #empty = false;

  /** Positions in the list of messages: after its bracket, and at the end of the first and the second message. */
  #messagesAt = -1;
  #firstEnd = -1;
  #secondEnd = -1;

  readonly #facts = new BodyFactsCollector();

  constructor(plan: ScanPlan) {
    this.#plan = plan;
  }

  /** Reads the bytes [from, to) as the next piece of the body. Reading ends with the first fault. */
  write(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    if (!this.#isUtf8(buffer, from, to)) return { reason: 'it is not UTF-8' };
    this.#shift = this.#length - from;
    this.#length += to - from;
    this.#tokenFrom = from;
    let at = from;
    if (this.#token !== none) {
      if (this.#token === string) at = this.#tokens.string(buffer, at, to);
      else if (this.#token === number) at = this.#tokens.number(buffer, at, to);
      else at = this.#tokens.literal(buffer, at, to);
      if (at >= 0) {
        this.#token = none;
        const fault = this.#keeps ? this.#endToken(buffer, at) : undefined;
        if (fault !== undefined) return fault;
      }
    }
    if (at >= 0) {
      const fault = this.#walk(buffer, at, to);
      if (fault !== undefined) return fault;
    } else if (at === bad) return this.#fault(this.#tokens.badReason, this.#tokens.badAt);
    if (this.#token !== none && this.#keeps) this.#hold(buffer, to);
    return undefined;
  }

  /** Ends the scan: the body is complete. */
  end(): BodyFault | undefined {
    if (this.#length === 0) return { reason: 'it is empty' };
    if (this.#state === beforeBody) return { reason: 'it is not a JSON object' };
    // Outside of strings only ASCII is possible, so UTF-8 needs no second check here.
    return this.#state === afterBody ? undefined : { reason: 'it is incomplete' };
  }

  /** Valid only after `end` found no fault. */
  facts(): BodyFacts {
    const firstMessages =
      this.#firstEnd < 0
        ? undefined
        : {
            from: this.#messagesAt,
            firstEnd: this.#firstEnd,
            secondEnd: this.#secondEnd < 0 ? undefined : this.#secondEnd,
          };
    return this.#facts.facts({ at: this.#fieldsAt, empty: this.#empty }, firstMessages);
  }

  /** The full check is needed only where a character is split between pieces. */
  #isUtf8(buffer: Buffer, from: number, to: number): boolean {
    if (this.#utf8 === undefined) {
      if (isUtf8(from === 0 && to === buffer.length ? buffer : buffer.subarray(from, to))) return true;
      this.#utf8 = new Utf8Check();
    }
    return this.#utf8.take(buffer, from, to);
  }

  #fault(reason: string, at: number): BodyFault {
    return { reason: `${reason} (byte ${this.#shift + at})` };
  }

  #walk(buffer: Buffer, from: number, to: number): BodyFault | undefined {
    let at = from;
    while (at < to) {
      const byte = buffer[at] as number;
      if (byte <= 0x20) {
        if (!isBlank(byte)) return this.#fault('a control character stands between values', at);
        at += 1;
        continue;
      }
      let fault: BodyFault | undefined;
      switch (this.#state) {
        case afterValue:
          if (byte === 0x2c) {
            this.#state = this.#inArray ? beforeValue : beforeName;
            if (this.#inArray) {
              if (this.#here?.hasMessages === true) this.#endMessage(at);
              this.#next = this.#here?.elements;
            }
          } else if (byte === (this.#inArray ? 0x5d : 0x7d)) {
            if (this.#here?.hasMessages === true && this.#inArray) this.#endMessage(at);
            this.#close();
          } else return this.#fault('a comma or a closing bracket is missing', at);
          at += 1;
          continue;
        case beforeColon:
          if (byte !== 0x3a) return this.#fault('a colon is missing', at);
          this.#state = beforeValue;
          at += 1;
          continue;
        case beforeFirstName:
          if (this.#here?.watched === true)
            fault = this.#report(this.#here.path, byte === 0x7d ? '{}' : '{...}', at);
          if (byte === 0x7d) {
            this.#close();
            if (this.#depth === 0) this.#empty = true;
            at += 1;
            break;
          }
          if (byte !== 0x22) return this.#fault('a name is missing', at);
          at = this.#name(buffer, at, to);
          break;
        case beforeName:
          if (byte !== 0x22) return this.#fault('a name is missing', at);
          at = this.#name(buffer, at, to);
          break;
        case beforeFirstElement:
          if (this.#here?.watched === true)
            fault = this.#report(this.#here.path, byte === 0x5d ? '[]' : '[...]', at);
          if (byte === 0x5d) {
            this.#close();
            at += 1;
            break;
          }
          this.#next = this.#here?.elements;
          this.#state = beforeValue;
          break;
        case beforeValue:
          if (byte === 0x7b || byte === 0x5b) {
            fault = this.#open(byte === 0x5b, at);
            at += 1;
          } else at = this.#value(buffer, byte, at, to);
          break;
        case beforeBody:
          if (byte !== 0x7b) return this.#fault('it is not a JSON object', at);
          this.#next = this.#plan;
          fault = this.#open(false, at);
          at += 1;
          this.#fieldsAt = this.#shift + at;
          break;
        default:
          return this.#fault('there are bytes after the end of the object', at);
      }
      if (fault !== undefined) return fault;
      if (at < 0) {
        if (at === bad) return this.#fault(this.#tokens.badReason, this.#tokens.badAt);
        return undefined;
      }
      if (this.#keeps) {
        fault = this.#endToken(buffer, at);
        if (fault !== undefined) return fault;
      }
    }
    return undefined;
  }

  #name(buffer: Buffer, at: number, to: number): number {
    this.#state = beforeColon;
    // No rule reads names below the watched levels.
    if (this.#here !== undefined && this.#here.byLength.length > 0)
      this.#keep(at, longestName(this.#here) + 2);
    const end = this.#tokens.beginString(buffer, at + 1, to);
    if (end === unfinished) this.#token = string;
    return end;
  }

  #value(buffer: Buffer, byte: number, at: number, to: number): number {
    const node = this.#next;
    if (node?.watched === true) this.#keep(at, isNaming(node) ? maxModelToken : maxValueToken);
    else this.#next = undefined;
    this.#state = afterValue;
    let end: number;
    if (byte === 0x22) {
      end = this.#tokens.beginString(buffer, at + 1, to);
      if (end === unfinished) this.#token = string;
    } else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      end = this.#tokens.beginNumber(buffer, at, to);
      if (end === unfinished) this.#token = number;
    } else {
      end = this.#tokens.beginLiteral(buffer, at, to);
      if (end === unfinished) this.#token = literal;
    }
    return end;
  }

  #open(array: boolean, at: number): BodyFault | undefined {
    const node = this.#next;
    this.#next = undefined;
    if (node?.role === 'model') return this.#fault(modelNotText, at);
    if (node?.role === 'name') return this.#fault(nameNotText, at);
    if (node?.role === 'stream') return this.#fault(streamNotFlag, at);
    if (this.#here !== undefined)
      this.#above.push({ depth: this.#depth, node: this.#here, seen: this.#seen });
    this.#arrays[this.#depth] = this.#inArray;
    this.#inArray = array;
    if (++this.#depth > maxDepth) return this.#fault(`it is nested deeper than ${maxDepth} levels`, at);
    this.#here = node;
    this.#seen = 0;
    if (array && node?.hasMessages === true) this.#messagesAt = this.#shift + at + 1;
    this.#state = array ? beforeFirstElement : beforeFirstName;
    return undefined;
  }

  #endMessage(at: number): void {
    const end = this.#shift + at;
    if (this.#firstEnd < 0) this.#firstEnd = end;
    else {
      this.#secondEnd = end;
      // The other messages are read like any list.
      if (this.#here?.elements === undefined) this.#here = undefined;
    }
  }

  #close(): void {
    this.#depth -= 1;
    this.#inArray = this.#arrays[this.#depth] as boolean;
    this.#here = undefined;
    this.#state = this.#depth === 0 ? afterBody : afterValue;
    const around = this.#above.at(-1);
    if (around === undefined || around.depth !== this.#depth) return;
    this.#above.pop();
    this.#here = around.node;
    this.#seen = around.seen;
  }

  // --- tokens whose bytes are kept

  #keep(at: number, limit: number): void {
    this.#keeps = true;
    this.#keepLimit = limit;
    this.#tokenFrom = at;
    this.#tokenAt = this.#shift + at;
    this.#heldLength = 0;
  }

  /** The token [tokenFrom, end) of this piece is complete, together with the bytes held from earlier pieces. */
  #endToken(buffer: Buffer, end: number): BodyFault | undefined {
    this.#keeps = false;
    const isName = this.#state === beforeColon;
    if (this.#heldLength === 0 || this.#held === undefined) {
      if (isName) return this.#endName(buffer, this.#tokenFrom, end, end);
      return this.#endValue(buffer, this.#tokenFrom, end, end);
    }
    this.#hold(buffer, end);
    if (isName) return this.#endName(this.#held, 0, this.#heldLength, end);
    return this.#endValue(this.#held, 0, this.#heldLength, end);
  }

  #hold(buffer: Buffer, to: number): void {
    // One byte above the limit is enough to show that the limit is exceeded.
    const end = Math.min(to, this.#tokenFrom + this.#keepLimit + 1 - this.#heldLength);
    const needed = this.#heldLength + end - this.#tokenFrom;
    if (this.#held === undefined || needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(256, needed * 2));
      this.#held?.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    if (end > this.#tokenFrom) buffer.copy(this.#held, this.#heldLength, this.#tokenFrom, end);
    this.#heldLength = Math.max(needed, this.#heldLength);
  }

  #endName(buffer: Buffer, from: number, to: number, at: number): BodyFault | undefined {
    const parent = this.#here;
    this.#next = undefined;
    if (parent === undefined || to - from > this.#keepLimit) return undefined;
    const found = this.#tokens.escaped
      ? matchText(parent, unquote(buffer.toString('utf8', from, to)))
      : matchBytes(parent, buffer, from + 1, to - 1);
    if (found === undefined) return undefined;
    if (isMisspelling(found)) return this.#fault(`it names "${found.meant}" in another spelling`, at);
    if ((this.#seen & found.bit) !== 0) return this.#fault(`it names "${found.name}" twice`, at);
    this.#seen |= found.bit;
    this.#next = found;
    return undefined;
  }

  #endValue(buffer: Buffer, from: number, to: number, at: number): BodyFault | undefined {
    const node = this.#next;
    this.#next = undefined;
    if (node === undefined) return undefined;
    const { escaped } = this.#tokens;
    let reason: string | undefined;
    if (node.role === 'model') {
      reason =
        to - from > this.#keepLimit
          ? modelTooLong
          : this.#facts.takeModel(buffer, from, to, escaped, this.#tokenAt, this.#shift + at);
    } else if (node.role === 'name') {
      reason =
        to - from > this.#keepLimit
          ? nameTooLong
          : this.#facts.takeName(buffer, from, to, escaped, this.#tokenAt, this.#shift + at);
    } else if (node.role === 'stream') reason = this.#facts.takeStream(buffer[from]);
    else reason = this.#facts.takeValue(node.path, buffer, from, to, escaped, to - from > this.#keepLimit);
    return reason === undefined ? undefined : this.#fault(reason, at);
  }

  #report(path: string, text: string, at: number): BodyFault | undefined {
    const reason = this.#facts.report(path, text);
    return reason === undefined ? undefined : this.#fault(reason, at);
  }
}

function isNaming(node: PlanNode): boolean {
  return node.role === 'model' || node.role === 'name';
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
