/**
 * The allow-list of engine response fields that a client receives. CORS fields, cookies, `Server`, `Location`, HSTS and
 * `Alt-Svc` of an engine are never relayed: they describe an origin that the client does not talk to.
 */
import type { EngineHead } from '../../core/engine/upstream.ts';
import type { EventFraming } from './event-end.ts';

const passing = new Set([
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-language',
  'cache-control',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'openai-processing-ms',
  'openai-version',
  'anthropic-version',
]);

/** The facts that the relay needs about the fields of an engine's head, collected in one pass. */
export interface HeadFacts {
  /** The relayed fields: whole lines, each with its CRLF. */
  readonly fields: string;
  /** The engine says how the response may be cached. */
  readonly hasCacheControl: boolean;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly events: EventFraming | undefined;
}

export function readHead(head: EngineHead): HeadFacts {
  if (head.repeated !== true) return collectFacts(head);
  let facts = factsOf.get(head.fields);
  if (facts === undefined) {
    facts = collectFacts(head);
    factsOf.set(head.fields, facts);
  }
  return facts;
}

/** The facts about heads that engines repeat. */
const factsOf = new WeakMap<readonly string[], HeadFacts>();

function collectFacts(head: EngineHead): HeadFacts {
  const lines: string[] = [];
  let hasCacheControl = false;
  let contentType = '';
  let contentEncoding: string | undefined;
  for (let i = 0; i + 1 < head.fields.length; i += 2) {
    const name = head.fields[i] as string;
    if (!passing.has(name)) continue;
    const value = head.fields[i + 1] as string;
    lines.push(name, ': ', value, '\r\n');
    if (name === 'content-type') contentType = value;
    else if (name === 'cache-control') hasCacheControl = true;
    else if (name === 'content-encoding')
      contentEncoding = contentEncoding === undefined ? value : `${contentEncoding}, ${value}`;
  }
  // Joined: V8 keeps a text that was added up as its parts, and would copy them one by one into each response.
  const fields = lines.join('');
  return { fields, hasCacheControl, contentType, contentEncoding, events: eventFraming(contentType) };
}

function eventFraming(contentType: string): EventFraming | undefined {
  if (contentType.startsWith('text/event-stream')) return 'sse';
  if (contentType.startsWith('application/x-ndjson')) return 'ndjson';
  const type = contentType.toLowerCase().trimStart();
  if (type.startsWith('text/event-stream')) return 'sse';
  if (type.startsWith('application/x-ndjson')) return 'ndjson';
  return undefined;
}

/** No honest response has two content codings (CVE-2026-22036). */
export function stackedCodings(contentEncoding: string | undefined): boolean {
  return contentEncoding?.includes(',') === true;
}
