/**
 * The request fields that flm knows, each read once into a slot. All other fields are dropped while reading.
 *
 * A client cannot choose the keys of any map, so `__proto__` and `constructor` are ordinary names. A field that occurs
 * twice keeps its first value and is marked as repeated, so that later steps can refuse it.
 */

import { detachString } from '../core/detached-string.ts';
import {
  accountHeaders,
  listHeaders,
  maxSingleHeaderBytes,
  passingHeaders,
  sessionHeaders,
  singleHeaders,
} from '../core/proxy/request-headers.ts';
import { credentialFields } from './head-findings.ts';

/**
 * The fields that flm itself reads, and how a second field of the same name is treated.
 *
 *   once   the guard refuses the request: the field matters, and two servers could use different values
 *   list   the values are one list (RFC 9110, section 5.3)
 *   own    a rule of the guard checks this field, or nothing depends on it
 */
const ownFields = {
  host: 'own',
  authorization: 'own',
  'x-api-key': 'own',
  'api-key': 'own',
  'content-type': 'once',
  'content-length': 'once',
  // Refused with 415, like any list of codings.
  'content-encoding': 'own',
  'transfer-encoding': 'own',
  expect: 'once',
  upgrade: 'list',
  connection: 'list',
  origin: 'once',
  forwarded: 'list',
  'x-forwarded-for': 'list',
  // Only the text of an error depends on it.
  'x-forwarded-proto': 'own',
  'access-control-request-method': 'once',
  'access-control-request-headers': 'list',
  'access-control-request-private-network': 'once',
  // W3C Trace Context, section 3.2: two fields count as none. Joined as a list they are malformed, so flm creates a new
  // one.
  traceparent: 'list',
  // Only files that flm serves itself depend on these.
  'accept-encoding': 'own',
  'accept-language': 'own',
  'if-none-match': 'list',
  // Only the admin API depends on these.
  'if-match': 'list',
  via: 'list',
  'x-real-ip': 'own',
  // Stands for every further name that begins like this. Only a proxy that serves the admin API reads these.
  'x-forwarded-*': 'own',
} as const;
type OwnName = keyof typeof ownFields;
// The keys of a literal are its type.
const ownNames = Object.keys(ownFields) as OwnName[];
const names = [...ownNames, ...passingHeaders] as const;
export type HeaderName = (typeof names)[number];

const lists: ReadonlySet<string> = new Set([
  ...ownNames.filter((name) => ownFields[name] === 'list'),
  ...listHeaders,
]);
const once: ReadonlySet<string> = new Set(ownNames.filter((name) => ownFields[name] === 'once'));

/** The slots of the names above are the same in every table. */
const slotOf: ReadonlyMap<string, number> = new Map(names.map((name, slot) => [name, slot]));

/** Fields that flm reads for its own pages, and that an operator may add for engines. */
const forwardableOwn: ReadonlySet<string> = new Set(['accept-language', 'if-match', 'if-none-match']);

const forwardedPrefix = 'x-forwarded-';

function forwardedSlot(name: string): number {
  return name.startsWith(forwardedPrefix) ? (slotOf.get('x-forwarded-*') ?? -1) : -1;
}

const maxLength = 63;
const placeOf = (first: number, length: number): number => (first & 31) * (maxLength + 1) + length;

/** How many header spellings are cached. SDKs use a few dozen. */
const spellingsLimit = 1024;

const sessionSlots: readonly number[] = sessionHeaders.map((name) => slotOf.get(name) ?? -1);

const proxySlots: readonly number[] = [
  'forwarded',
  'via',
  'x-real-ip',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-*',
].map((name) => slotOf.get(name) ?? -1);

/** Slots that a remembered head does not keep: credentials, and the length, which differs from request to request. */
const unkeptSlots: ReadonlySet<number> = new Set(
  ([...credentialFields, 'content-length'] as const).map((name) => slotOf.get(name) ?? -1),
);

/** The names that one proxy knows: those above, and those that its operator allows. */
export class HeaderTable {
  readonly names: readonly string[];
  /** Lower-case names that the operator added. */
  readonly added: readonly string[];
  /** Slots of the fields that reach an engine. `tracestate` is sent with its `traceparent`. */
  readonly passing: readonly number[];
  /** Slots of passing fields that have one value. */
  readonly single: readonly number[];
  /** Slots of the fields that reach an engine unless `Connection` names them. */
  readonly #ofMessage: ReadonlySet<number>;
  /** Slots of the fields that may name an account. A field that an operator added may name anything. */
  readonly account: readonly number[];
  /** Slots of the fields that the operator added. */
  readonly addedSlots: readonly number[];
  readonly #slotOf: ReadonlyMap<string, number>;
  /** By first letter and length: most fields of SDKs are dropped here, before their name is hashed. */
  readonly #familiar = new Uint8Array(32 * (maxLength + 1));
  readonly #spellings = new Map<string, number>();

  /** Names that begin with `x-forwarded-` are known. */
  readonly #seesForwarding: boolean;

  constructor(forwardHeaders: readonly string[], { seesForwarding = false } = {}) {
    this.#seesForwarding = seesForwarding;
    this.added = [...new Set(forwardHeaders)].filter((name) => !slotOf.has(name) || forwardableOwn.has(name));
    this.names = [...names, ...this.added.filter((name) => !slotOf.has(name))];
    this.#slotOf = new Map(this.names.map((name, slot) => [name, slot]));
    const slots = (some: readonly string[]): number[] => some.map((name) => this.#slotOf.get(name) ?? -1);
    this.passing = slots([...passingHeaders, ...this.added].filter((name) => name !== 'tracestate'));
    this.single = slots([...singleHeaders, ...sessionHeaders, ...this.added]);
    this.#ofMessage = new Set(slots([...passingHeaders, ...this.added, 'traceparent']));
    this.account = slots([...accountHeaders, ...this.added]);
    this.addedSlots = slots(this.added);
    for (const name of this.names) this.#familiar[placeOf(name.charCodeAt(0), name.length)] = 1;
    if (seesForwarding)
      for (let length = forwardedPrefix.length; length <= maxLength; length++)
        this.#familiar[placeOf(forwardedPrefix.charCodeAt(0), length)] = 1;
  }

  /** Returns false if no known name of this length begins with this character code, so the name can be skipped. */
  mayBeKnown(first: number, length: number): boolean {
    if (length > maxLength)
      return this.#seesForwarding && (first & 31) === (forwardedPrefix.charCodeAt(0) & 31);
    return this.#familiar[placeOf(first, length)] === 1;
  }

  /** Whether the field in this slot is part of the message, so that `Connection` may keep it from the engine. */
  isOfMessage(slot: number): boolean {
    return this.#ofMessage.has(slot);
  }

  /** -1 for a name that is not known. */
  slot(rawName: string): number {
    if (!this.mayBeKnown(rawName.charCodeAt(0), rawName.length)) return -1;
    const known = this.#spellings.get(rawName);
    if (known !== undefined) return known;
    const name = rawName.toLowerCase();
    const found = this.#slotOf.get(name) ?? (this.#seesForwarding ? forwardedSlot(name) : -1);
    // A copy, because the name is a slice of the whole head.
    if (this.#spellings.size < spellingsLimit) this.#spellings.set(detachString(rawName), found);
    return found;
  }
}

/** The table of a proxy without names added by an operator. */
export const plainTable = new HeaderTable([]);

/** The known fields of one request. */
export class RequestHeaders {
  readonly table: HeaderTable;
  readonly #values: (string | undefined)[];
  /** Slots of the fields that occurred more than once. */
  #repeated: Set<number> | undefined;
  /** The passing fields as lines, once they were composed. */
  #passing: string | undefined;
  /** The number of fields, known or not. */
  count = 0;

  constructor(table: HeaderTable) {
    this.table = table;
    this.#values = new Array(table.names.length).fill(undefined);
  }

  /** `raw` is name, value, name, value ... as a parser returns it. */
  static of(raw: readonly string[], table = plainTable): RequestHeaders {
    const fields = new RequestHeaders(table);
    fields.count = raw.length >>> 1;
    for (let i = 0; i + 1 < raw.length; i += 2) fields.put(raw[i] as string, raw[i + 1] as string);
    fields.#dropForThisHop();
    return fields;
  }

  /**
   * Drops the fields that `Connection` names: they are for this hop only (RFC 9110, section 7.6.1). Affects only fields
   * that would reach an engine, so a client cannot remove a field that flm itself uses. The fast path accepts no
   * request in which `Connection` names such a field.
   */
  #dropForThisHop(): void {
    for (const option of this.get('connection')?.split(',') ?? []) {
      const slot = this.table.slot(option.trim());
      if (this.table.isOfMessage(slot)) this.#values[slot] = undefined;
    }
  }

  /** Stores a known field. The caller counts the fields. */
  put(name: string, value: string): void {
    const at = this.table.slot(name);
    if (at < 0) return;
    const earlier = this.#values[at];
    if (earlier === undefined) {
      this.#values[at] = value;
      return;
    }
    this.#repeated ??= new Set();
    this.#repeated.add(at);
    // Lists may be sent in several lines (RFC 9110, section 5.3).
    if (lists.has(this.table.names[at] as string)) this.#values[at] = `${earlier}, ${value}`;
  }

  /** Whether a known field occurred twice. */
  get anyRepeated(): boolean {
    return this.#repeated !== undefined;
  }

  /** The name of a field that occurred twice and must not. */
  get secondOf(): string | undefined {
    if (this.#repeated === undefined) return undefined;
    for (const slot of this.#repeated) {
      const name = this.table.names[slot] as string;
      if (once.has(name)) return name;
    }
    return undefined;
  }

  get(name: HeaderName): string | undefined {
    return this.#values[slotOf.get(name) as number];
  }

  repeated(name: HeaderName): boolean {
    return this.#repeated?.has(slotOf.get(name) as number) === true;
  }

  /** The conversation as the client names it. */
  get session(): string | undefined {
    for (const slot of sessionSlots) {
      const value = this.#values[slot];
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Whether the request has a field that a reverse proxy adds. Complete only where the table sees such fields. */
  get cameThroughProxy(): boolean {
    return proxySlots.some((slot) => this.#values[slot] !== undefined);
  }

  /** Whether a header may name an account, so that a refused login may be the client's fault. */
  get namesAccount(): boolean {
    return this.table.account.some((slot) => this.#values[slot] !== undefined);
  }

  /**
   * A copy for a connection that remembers its last head: in memory of its own, without credentials and without
   * `content-length`. Undefined if there is a field that the operator added, because it may hold a credential.
   */
  withoutSecrets(): RequestHeaders | undefined {
    if (this.table.addedSlots.some((slot) => this.#values[slot] !== undefined)) return undefined;
    const copy = new RequestHeaders(this.table);
    copy.count = this.count;
    for (const [slot, value] of this.#values.entries())
      if (value !== undefined && !unkeptSlots.has(slot)) copy.#values[slot] = detachString(value);
    return copy;
  }

  /** The fields that reach an engine, as lines of a request head. */
  passingLines(): string {
    this.#passing ??= this.#composePassing();
    return this.#passing;
  }

  #composePassing(): string {
    let lines = '';
    for (const slot of this.table.passing) {
      const value = this.#values[slot];
      if (value !== undefined) lines += `${this.table.names[slot]}: ${value}\r\n`;
    }
    return lines;
  }

  /** Finds the first field that must have one short value but does not. `why` completes a sentence about it. */
  oddSingle(): { readonly name: string; readonly why: string } | undefined {
    for (const slot of this.table.single) {
      const value = this.#values[slot];
      if (value === undefined) continue;
      const name = this.table.names[slot] as string;
      if (this.#repeated?.has(slot) === true) return { name, why: 'came twice' };
      if (value.length > maxSingleHeaderBytes)
        return { name, why: `is longer than ${maxSingleHeaderBytes} bytes` };
    }
    return undefined;
  }
}
