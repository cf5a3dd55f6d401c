/**
 * Remembers the last head of one connection, so that a head with the same bytes is not parsed and checked again: SDKs send
 * the same head with every request. Only the value of `Content-Length` may differ.
 *
 * A head is compared by its digest, with a random key of this process. Neither the bytes of the head nor a credential are
 * kept, and the time of a comparison says nothing about the remembered bytes. A head is remembered when the second
 * request with as many fields arrives, so connections of one request cost nothing. `tick` drops a head that no request
 * used for five seconds.
 */
import { hash, randomFillSync } from 'node:crypto';
import type { RequestHead } from '../exchange.ts';
import { HeadFindings } from '../head-findings.ts';
import type { FastPathHead } from './fast-path-head.ts';

interface RememberedHead {
  readonly digest: string;
  /** How many bytes come before the value of `Content-Length`. A head without a body has all bytes here. */
  readonly before: number;
  /** How many bytes come after this value. */
  readonly after: number;
  readonly head: RequestHead;
  readonly findings: HeadFindings;
  /** The end of the target where it has a query, which is not kept; otherwise 0. */
  readonly targetEnd: number;
  readonly declaredBytes: number | undefined;
}

/** Heads of SDKs have 500 to 1,500 bytes. */
const maxRememberedBytes = 4_064;
const keyBytes = 32;
const blockBytes = 64;
/** The key, and a head while its digest is computed. */
const scratch = Buffer.alloc(keyBytes + maxRememberedBytes);
randomFillSync(scratch, 0, keyBytes);
/** The beginning of `scratch`, by its number of blocks: a view for each request would cost more than the copy. */
const views: Buffer[] = [];

const maxDigits = 15;
/** After so many heads that no request used, the connection remembers none until it has rested. */
const maxFruitless = 3;
/** Called once a second, so a head is dropped four to five seconds after its last use. */
const maxTicks = 5;

export class HeadMemory {
  #remembered: RememberedHead | undefined;
  /** The number of fields of the last head that was parsed. */
  #fieldCount = -1;
  #fruitless = 0;
  #ticks = 0;

  /** Whether no head is remembered. */
  get isEmpty(): boolean {
    return this.#remembered === undefined;
  }

  /** Returns the head at `from` without parsing it, if it is the remembered one. */
  recall(bytes: Buffer, from: number, maxBytes: number): FastPathHead | undefined {
    const known = this.#remembered;
    // Without a route, the request that filled the findings was refused.
    if (known?.findings.route === undefined) return undefined;
    const { before, after } = known;
    const digitsAt = from + before;
    let at = digitsAt;
    let { declaredBytes } = known;
    if (after > 0) {
      declaredBytes = 0;
      for (; at < bytes.length; at++) {
        const digit = (bytes[at] as number) - 0x30;
        if (digit < 0 || digit > 9) break;
        declaredBytes = declaredBytes * 10 + digit;
      }
      if (at === digitsAt || at - digitsAt > maxDigits) return this.#miss();
    }
    const end = at + after;
    // The last byte is compared first: most heads of another length differ here, and an incomplete head has none.
    if (end - from > maxBytes || bytes[end - 1] !== 0x0a) return this.#miss();
    if (digestOf(bytes, from, digitsAt, at, end) !== known.digest) return this.#miss();
    this.#fruitless = 0;
    this.#ticks = 0;
    const { head, targetEnd } = known;
    return {
      head:
        targetEnd === 0
          ? head
          : {
              ...head,
              target: bytes.toString('latin1', from + head.method.length + 1, from + targetEnd),
            },
      declaredBytes,
      closes: false,
      end,
    };
  }

  /** Takes a head that was parsed, and returns it; remembers it if it may come again. */
  note(bytes: Buffer, from: number, read: FastPathHead): FastPathHead {
    const { head } = read;
    const isFirst = head.fields.count !== this.#fieldCount;
    this.#fieldCount = head.fields.count;
    if (isFirst || read.closes || this.#fruitless >= maxFruitless) return read;
    if (read.end - from > maxRememberedBytes) return read;
    const fields = head.fields.withoutSecrets();
    if (fields === undefined) return read;
    const [digitsAt, digitsEnd] = lengthPlace(bytes, from, read);
    const findings = new HeadFindings();
    const hasQuery = head.target.includes('?');
    this.#remembered = {
      digest: digestOf(bytes, from, digitsAt, digitsEnd, read.end),
      before: digitsAt - from,
      after: read.end - digitsEnd,
      head: { ...head, target: hasQuery ? '' : head.target, fields, findings },
      findings,
      targetEnd: hasQuery ? head.method.length + 1 + head.target.length : 0,
      declaredBytes: read.declaredBytes,
    };
    this.#fruitless += 1;
    this.#ticks = 0;
    return { ...read, head: { ...head, findings } };
  }

  /** Called about once a second. */
  tick(): void {
    if (this.#remembered === undefined) return;
    this.#ticks += 1;
    if (this.#ticks >= maxTicks) this.forget();
  }

  forget(): void {
    this.#remembered = undefined;
    this.#fruitless = 0;
  }

  #miss(): undefined {
    this.#remembered = undefined;
  }
}

/** Where the digits of `Content-Length` begin and end. A head without a body has none, at its end. */
function lengthPlace(bytes: Buffer, from: number, { head, end }: FastPathHead): readonly [number, number] {
  if (head.method !== 'POST') return [end, end];
  // The parser accepted exactly one such field, and no value holds a line end.
  const name = '\r\ncontent-length:';
  const text = bytes.toString('latin1', from, end).toLowerCase();
  let at = text.indexOf(name) + name.length;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  let after = at;
  while ((text[after] as string) >= '0' && (text[after] as string) <= '9') after += 1;
  return [from + at, from + after];
}

/** The keyed digest of [from, digitsAt) and [digitsEnd, end). Heads are compared only if both parts have the same size. */
function digestOf(bytes: Buffer, from: number, digitsAt: number, digitsEnd: number, end: number): string {
  const middle = keyBytes + digitsAt - from;
  const filled = middle + end - digitsEnd;
  if (filled > scratch.length) return '';
  bytes.copy(scratch, keyBytes, from, digitsAt);
  bytes.copy(scratch, middle, digitsEnd, end);
  // All bytes of the last block that the head does not fill are zero.
  const blocks = Math.ceil(filled / blockBytes);
  let view = views[blocks];
  if (view === undefined) {
    view = scratch.subarray(0, blocks * blockBytes);
    views[blocks] = view;
  }
  const digest = hash('sha256', view, 'base64url');
  scratch.fill(0, keyBytes, filled);
  return digest;
}
