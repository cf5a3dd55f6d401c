/**
 * The request fields that flm knows, read once into slots; everything else is dropped on the spot.
 *
 * No map of a client's making exists, so `__proto__` and `constructor` are names like any other. A field that came
 * twice keeps its first value and is remembered as repeated; steps that care refuse it.
 */

const names = [
  'host',
  'authorization',
  'x-api-key',
  'api-key',
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'expect',
  'upgrade',
  'connection',
  'origin',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'access-control-request-method',
  'access-control-request-headers',
  'access-control-request-private-network',
  'traceparent',
  'tracestate',
  'accept',
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
] as const;
export type FieldName = (typeof names)[number];

/** Lists of which every member counts. */
const lists: ReadonlySet<FieldName> = new Set(['x-forwarded-for', 'forwarded', 'upgrade', 'connection']);

const slotOf = new Map<string, number>(names.map((name, slot) => [name, slot]));

/** By first letter and length: most of what SDKs send is turned away here, before a name is hashed. */
const maxLength = 63;
const familiar = new Uint8Array(32 * (maxLength + 1));
const placeOf = (first: number, length: number): number => (first & 31) * (maxLength + 1) + length;
for (const name of names) familiar[placeOf(name.charCodeAt(0), name.length)] = 1;

/** Spellings as they come on the wire, bounded: SDKs use a few dozen. */
const spellings = new Map<string, number>();
const spellingsLimit = 1024;

/** False where no known name begins with this character code and is that long: then it need not be looked at. */
export function mayBeKnown(first: number, length: number): boolean {
  return length <= maxLength && familiar[placeOf(first, length)] === 1;
}

function slot(rawName: string): number {
  if (!mayBeKnown(rawName.charCodeAt(0), rawName.length)) return -1;
  const known = spellings.get(rawName);
  if (known !== undefined) return known;
  const found = slotOf.get(rawName.toLowerCase()) ?? -1;
  if (spellings.size < spellingsLimit) spellings.set(rawName, found);
  return found;
}

/** The known fields of one request. */
export class Fields {
  readonly #values: (string | undefined)[] = new Array(names.length).fill(undefined);
  #repeated = 0;
  /** Fields that came, known or not. */
  count = 0;

  /** `raw` is name, value, name, value ... as a parser gives it. */
  static of(raw: readonly string[]): Fields {
    const fields = new Fields();
    fields.count = raw.length >>> 1;
    for (let i = 0; i + 1 < raw.length; i += 2) fields.put(raw[i] as string, raw[i + 1] as string);
    return fields;
  }

  /** Keeps a field that is known. Whoever puts counts. */
  put(name: string, value: string): void {
    const at = slot(name);
    if (at < 0) return;
    const earlier = this.#values[at];
    if (earlier === undefined) {
      this.#values[at] = value;
      return;
    }
    this.#repeated |= 1 << at;
    // Lists may be sent in several lines (RFC 9110, section 5.3).
    if (lists.has(names[at] as FieldName)) this.#values[at] = `${earlier}, ${value}`;
  }

  /** Some known field came twice. */
  get anyRepeated(): boolean {
    return this.#repeated !== 0;
  }

  get(name: FieldName): string | undefined {
    return this.#values[slotOf.get(name) as number];
  }

  repeated(name: FieldName): boolean {
    return (this.#repeated & (1 << (slotOf.get(name) as number))) !== 0;
  }
}
