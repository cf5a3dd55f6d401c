/**
 * Reads the responses of an ACME server: only the fields that flm needs, and each only in the form that RFC 8555,
 * section 7.1, defines.
 */
import type { AcmeAnswer } from './acme-transport.ts';
import { malformed } from './acme-transport.ts';

export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly terms: string | undefined;
  readonly wantsExternalAccount: boolean;
  /** RFC 9773; undefined if the CA has no renewal information. */
  readonly renewalInfo: string | undefined;
  /** Names of the certificate profiles that an order may ask for (draft-ietf-acme-profiles). */
  readonly profiles: readonly string[];
}

export interface AcmeOrder {
  readonly url: string;
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | undefined;
  readonly problem: AcmeProblem | undefined;
}

export interface Authorization {
  readonly status: string;
  readonly domain: string;
  readonly wildcard: boolean;
  readonly challenges: readonly Challenge[];
}

export interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  readonly status: string;
  readonly problem: AcmeProblem | undefined;
}

/** RFC 7807 with the types of RFC 8555, section 6.7; the type without its prefix. */
export interface AcmeProblem {
  readonly type: string;
  readonly detail: string;
  readonly domain: string | undefined;
}

/** RFC 9773, section 4.2: when the CA wants a certificate to be renewed. */
export interface SuggestedWindow {
  readonly startMs: number;
  readonly endMs: number;
  /** A page of the CA that says why. */
  readonly explanationUrl: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

export function directoryIn(url: string, answer: AcmeAnswer): Directory {
  const json = jsonIn(url, answer);
  const meta = record(json.meta);
  return {
    newNonce: link(url, json.newNonce),
    newAccount: link(url, json.newAccount),
    newOrder: link(url, json.newOrder),
    terms: typeof meta.termsOfService === 'string' ? meta.termsOfService : undefined,
    wantsExternalAccount: meta.externalAccountRequired === true,
    renewalInfo: json.renewalInfo === undefined ? undefined : link(url, json.renewalInfo),
    profiles: Object.keys(record(meta.profiles)).slice(0, 100),
  };
}

export function orderIn(url: string, answer: AcmeAnswer): AcmeOrder {
  const json = jsonIn(url, answer);
  return {
    url,
    status: text(url, json.status),
    authorizations: list(json.authorizations).map((a) => link(url, a)),
    finalize: link(url, json.finalize),
    certificate: json.certificate === undefined ? undefined : link(url, json.certificate),
    problem: problemOf(json.error),
  };
}

export function authorizationIn(url: string, answer: AcmeAnswer): Authorization {
  const json = jsonIn(url, answer);
  return {
    status: text(url, json.status),
    domain: text(url, record(json.identifier).value),
    wildcard: json.wildcard === true,
    challenges: list(json.challenges)
      .map(record)
      // Unknown challenge types have unknown fields.
      .filter((c) => typeof c.token === 'string' && /^[A-Za-z0-9_-]{16,128}$/.test(c.token))
      .map((c) => ({
        type: text(url, c.type),
        url: link(url, c.url),
        token: text(url, c.token),
        status: text(url, c.status),
        problem: problemOf(c.error),
      })),
  };
}

export function suggestedWindowIn(url: string, answer: AcmeAnswer): SuggestedWindow {
  const json = jsonIn(url, answer);
  const { start, end } = record(json.suggestedWindow);
  const startMs = Date.parse(text(url, start));
  const endMs = Date.parse(text(url, end));
  // RFC 9773, section 4.2: such a response is invalid.
  if (!(startMs < endMs)) throw malformed(url, 'its time for a renewal ends before it begins');
  return { startMs, endMs, explanationUrl: pageIn(json.explanationURL) };
}

/** A link that people may follow; undefined if it is none. */
function pageIn(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 500 || !/^https:\/\/[\x21-\x7e]+$/.test(value))
    return undefined;
  return URL.canParse(value) ? new URL(value).href : undefined;
}

/** The problem in a response with status 400 or higher. */
export function problemIn(answer: AcmeAnswer): AcmeProblem {
  let json: unknown;
  try {
    json = JSON.parse(answer.text);
  } catch {
    // The response is a web page of another server in between.
  }
  return problemOf(json) ?? { type: 'none', detail: `status ${answer.status}`, domain: undefined };
}

function problemOf(value: unknown): AcmeProblem | undefined {
  const whole = partOf(value);
  if (whole === undefined) return undefined;
  // The subproblem that names a domain is more specific. Subproblems have no subproblems (RFC 8555, section 6.7.1).
  const part = list(record(value).subproblems)
    .map(partOf)
    .find((p) => p !== undefined);
  return part === undefined ? whole : { ...part, domain: part.domain ?? whole.domain };
}

function partOf(value: unknown): AcmeProblem | undefined {
  const { type, detail, identifier } = record(value);
  if (typeof type !== 'string') return undefined;
  const domain = record(identifier).value;
  return {
    type: type.replace('urn:ietf:params:acme:error:', ''),
    detail: typeof detail === 'string' ? detail : type,
    domain: typeof domain === 'string' ? domain : undefined,
  };
}

function jsonIn(url: string, answer: AcmeAnswer): Json {
  try {
    return record(JSON.parse(answer.text));
  } catch {
    throw malformed(url, 'its response is not JSON');
  }
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 200) : [];
}

function text(url: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length < 2048) return value;
  throw malformed(url, 'a field is missing in its response');
}

function link(base: string, value: unknown): string {
  const url = text(base, value);
  if (URL.canParse(url, base)) return new URL(url, base).href;
  throw malformed(base, 'it sent an invalid URL');
}
