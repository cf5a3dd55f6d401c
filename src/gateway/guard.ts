/**
 * Step one: what an HTTP parser lets through and must not pass, before anybody is known.
 *
 * llhttp is strict about framing (both framings at once, bad lengths, folded lines, bare CR or LF end in its own 400)
 * and lenient about the rest; each rule here closes one such hole. The rules are independent of each other and each is
 * held by a test that fails when the rule is taken out.
 */
import { rule } from '../core/rules.ts';
import { meantText } from './advice.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import { type HostAllowlist, parseHost } from './host-allowlist.ts';
import { ownCopy } from './own-copy.ts';
import { methodsOfPath } from './router.ts';
import { engineMethods, probePaths } from './routes.ts';

export interface GuardDeps {
  readonly hosts: HostAllowlist;
  readonly maxHeadFields: number;
  readonly draining: () => boolean;
}

interface Rule {
  readonly name: string;
  readonly check: (x: Exchange, deps: GuardDeps) => Refusal | undefined;
}

const malformed = (reason: string): Refusal => ({
  code: 'REQUEST_MALFORMED',
  params: { reason },
  rule: rule('guard'),
  close: true,
});

/** In this order; the path is split early because the shape of every error depends on it. */
export const guardRules: readonly Rule[] = [
  { name: 'version', check: refuseOtherVersions },
  { name: 'method', check: refuseOtherMethods },
  { name: 'target', check: splitTarget },
  { name: 'request-line', check: refuseLooseLine },
  { name: 'field-count', check: refuseManyFields },
  { name: 'host', check: refuseForeignHost },
  { name: 'transfer-coding', check: refuseOtherCodings },
  { name: 'credential-once', check: refuseSecondCredential },
  { name: 'fields-once', check: refuseSecondField },
  { name: 'forwarded', check: refuseUnreadableHop },
  { name: 'path', check: refuseOddPath },
  { name: 'single-fields', check: refuseOddSingle },
  { name: 'draining', check: refuseWhileDraining },
];

export function makeGuard(deps: GuardDeps): Step {
  return (x) => {
    for (const rule of guardRules) {
      const refusal = rule.check(x, deps);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}

/** llhttp accepts HTTP/0.9 and HTTP/2.0 request lines. */
function refuseOtherVersions(x: Exchange): Refusal | undefined {
  if (x.head.version === '1.1' || x.head.version === '1.0') return undefined;
  return { code: 'HTTP_VERSION_UNSUPPORTED', rule: rule('guard'), close: true };
}

const methods: ReadonlySet<string> = new Set([...engineMethods, 'OPTIONS']);

/**
 * llhttp knows 35 methods. Those that no route has end here, whatever the target and the key: an engine that reflects
 * TRACE would show its own key (RFC 9110, section 9.3.8). CONNECT does not come this far; `NodeHttp` answers it.
 */
function refuseOtherMethods(x: Exchange): Refusal | undefined {
  const { method, target } = x.head;
  if (methods.has(method)) return undefined;
  const [path = ''] = target.split('?', 1);
  return {
    code: 'METHOD_NOT_ALLOWED',
    rule: rule('methods'),
    fields: ['allow', methodsOfPath(path).join(', ')],
  };
}

/**
 * Origin-form as it is; absolute-form only for an authority that is our own (RFC 9112, section 3.2.2), and only where
 * `Host` says the same; `*` and everything else not at all. Fills `path` and `query`.
 */
function splitTarget(x: Exchange, deps: GuardDeps): Refusal | undefined {
  let target = x.head.target;
  if (target.charCodeAt(0) !== 0x2f) {
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
    if (absolute === null) return malformed('the request target is not a path');
    const authority = absolute[1] as string;
    const host = parseHost(authority);
    if (host === undefined || !deps.hosts.answersFor(host) || authority !== x.head.fields.get('host')) {
      return malformed('the request target names another authority');
    }
    target = (absolute[2] as string).startsWith('/') ? (absolute[2] as string) : `/${absolute[2]}`;
  }
  const mark = target.indexOf('?');
  x.path = mark < 0 ? target : target.slice(0, mark);
  x.query = mark < 0 ? '' : target.slice(mark + 1);
  return undefined;
}

/** RFC 9112, section 3: single spaces. Others on the way could take a different part of the line for the target. */
function refuseLooseLine(x: Exchange): Refusal | undefined {
  return x.head.looseLine ? malformed('its request line has more than one space in a row') : undefined;
}

/** Node drops what is over its own count without a word, so the count is compared here. */
function refuseManyFields(x: Exchange, deps: GuardDeps): Refusal | undefined {
  return x.head.fields.count > deps.maxHeadFields
    ? { code: 'HEAD_TOO_LARGE', rule: rule('guard'), close: true }
    : undefined;
}

/**
 * Exactly one `Host` (RFC 9112, section 3.2), well formed, and one that this proxy answers for. HTTP/1.0 needs none, and
 * HAProxy's health check sends none; no browser speaks HTTP/1.0, so no page can rebind a name by it.
 */
function refuseForeignHost(x: Exchange, deps: GuardDeps): Refusal | undefined {
  const value = x.head.fields.get('host');
  if (value === undefined && x.head.version === '1.0') return undefined;
  if (value === undefined || x.head.fields.repeated('host'))
    return malformed('it needs exactly one Host field');
  if (value === x.peer.goodHost) return undefined;
  const host = parseHost(value);
  if (host === undefined) return malformed('its Host field is not a host');
  if (!deps.hosts.answersFor(host)) return { code: 'HOST_MISDIRECTED', rule: rule('hosts') };
  // A copy: the value is a slice of a whole head.
  x.peer.goodHost = ownCopy(value);
  return undefined;
}

/** `gzip, chunked` would arrive still compressed, `,chunked` as chunked; HTTP/1.0 knows no transfer codings at all. */
function refuseOtherCodings(x: Exchange): Refusal | undefined {
  const coding = x.head.fields.get('transfer-encoding');
  if (coding === undefined) return undefined;
  if (x.head.version === '1.0') return malformed('HTTP/1.0 has no transfer codings');
  if (coding.toLowerCase() === 'chunked' && !x.head.fields.repeated('transfer-encoding')) return undefined;
  return { code: 'TRANSFER_CODING_UNSUPPORTED', rule: rule('guard'), close: true };
}

/** Two parties on the way might each believe another of them. */
function refuseSecondCredential(x: Exchange): Refusal | undefined {
  const fields = x.head.fields;
  if (
    fields.repeated('authorization') ||
    fields.repeated('x-api-key') ||
    fields.repeated('api-key') ||
    bearerInList.test(fields.get('authorization') ?? '') ||
    holdsTwo(fields.get('x-api-key')) ||
    holdsTwo(fields.get('api-key'))
  ) {
    return { code: 'AUTH_CONFLICT', rule: rule('guard'), close: true };
  }
  return undefined;
}

/** Other schemes have lists of parameters (Digest, AWS4-HMAC-SHA256); a list in which a bearer token stands is two. */
const bearerInList = /^[ \t]*bearer\b[^,]*,|,[ \t]*bearer\b/i;

function holdsTwo(value: string | undefined): boolean {
  return value?.includes(',') === true;
}

/** Two parties on the way might each go by another of them. */
function refuseSecondField(x: Exchange): Refusal | undefined {
  const name = x.head.fields.secondOf;
  return name === undefined ? undefined : malformed(`it has two ${headerCase(name)} fields`);
}

function headerCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Taken for the proxy's own, the request would get past every rule that names the client's address. */
function refuseUnreadableHop(x: Exchange): Refusal | undefined {
  return x.unreadableHop === undefined
    ? undefined
    : malformed(`the last hop in its ${x.unreadableHop} field is not an IP address`);
}

/** Path characters of RFC 3986, whole escapes; the query may hold more, but nothing that a log or a line breaks on. */
const pathPattern = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const queryPattern = /^[\x21-\x22\x24-\x7e]*$/;
/** Also between slashes that are escaped: a `{rest}` is unescaped later. */
const dotSegment = /(?:\/|%2f)(?:\.|%2e){1,2}(?=\/|%2f|$)/i;

/**
 * A question for one model. The name in it is read by flm itself and reaches no engine, so that two slashes in a row are
 * part of the name: `flm://engine/model`, or the path of a file.
 */
function asksForModel(x: Exchange): boolean {
  return x.head.method !== 'POST' && x.path.startsWith('/v1/models/') && !x.path.endsWith('/');
}

/** One way to write each path, so that nothing between here and the engine can read it in another way. */
function refuseOddPath(x: Exchange): Refusal | undefined {
  if (!pathPattern.test(x.path) || !queryPattern.test(x.query))
    return malformed('its path holds a character that must be escaped');
  if (x.path.includes('//') && !asksForModel(x))
    return {
      code: 'PATH_DOUBLED_SLASH',
      params: { meant: meantText(x.path) },
      rule: rule('guard'),
      close: true,
    };
  if (x.path.includes('%00') || dotSegment.test(x.path)) return malformed('its path is not canonical');
  return undefined;
}

/** Of two values, or of a very long one, an engine and what stands before it might make different things. */
function refuseOddSingle(x: Exchange): Refusal | undefined {
  const odd = x.head.fields.oddSingle();
  return odd === undefined ? undefined : { code: 'HEADER_INVALID', params: { ...odd }, rule: rule('guard') };
}

/** A kept-alive connection must not keep a stopping proxy alive. */
function refuseWhileDraining(x: Exchange, deps: GuardDeps): Refusal | undefined {
  // A load balancer wants to know.
  if (!deps.draining() || probePaths.has(x.path)) return undefined;
  return { code: 'DRAINING', rule: rule('draining'), close: true, fields: ['retry-after', '2'] };
}
