/**
 * Step one: refuses requests that an HTTP parser accepts but that must not reach an engine. Runs before authentication.
 *
 * llhttp is strict about framing: its own 400 answers two framings at once, bad lengths, folded lines, and a bare CR or
 * LF. llhttp is lenient about the rest, and each rule here closes one such gap. The rules are independent of each
 * other. A test for each rule fails when the rule is removed.
 */

import { detachString } from '../core/detached-string.ts';
import { rule } from '../core/rules.ts';
import { meantText } from './advice.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import { type HostAllowlist, parseHost } from './host-allowlist.ts';
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

/** The rules in their order. The path is split early because the path decides the shape of every error. */
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

/** The rules that depend on more than the head and the settings of the process. */
const judgedAgain: ReadonlySet<string> = new Set(['forwarded', 'draining']);

export function makeGuard(deps: GuardDeps): Step {
  const changing = guardRules.filter(({ name }) => judgedAgain.has(name));
  return (x) => {
    const { findings, target } = x.head;
    const path = findings?.path;
    if (path !== undefined) {
      x.path = path;
      x.query = target.slice(path.length + 1);
    }
    for (const rule of path === undefined ? guardRules : changing) {
      const refusal = rule.check(x, deps);
      if (refusal !== undefined) return refusal;
    }
    if (findings !== undefined && path === undefined) {
      // A copy: the path is a slice of the target, whose query may hold a credential.
      x.path = detachString(x.path);
      findings.path = x.path;
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
 * llhttp knows 35 methods. Methods that no route has are refused here, for every target and key: an engine that
 * reflects TRACE would show its own key (RFC 9110, section 9.3.8). CONNECT does not arrive here; `NodeHttpParser` answers it.
 */
function refuseOtherMethods(x: Exchange): Refusal | undefined {
  const { method, target } = x.head;
  if (methods.has(method)) return undefined;
  const [path = ''] = target.split('?', 1);
  return {
    code: 'METHOD_NOT_ALLOWED',
    rule: rule('methods'),
    fields: `allow: ${methodsOfPath(path).join(', ')}\r\n`,
  };
}

/**
 * Accepts the origin-form. Accepts the absolute-form only for one of this proxy's own authorities (RFC 9112, section
 * 3.2.2), and only where `Host` agrees. Refuses `*` and every other form. Fills `path` and `query`.
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

/** RFC 9112, section 3: single spaces. With more, another server could read a different target. */
function refuseLooseLine(x: Exchange): Refusal | undefined {
  return x.head.looseLine ? malformed('its request line has more than one space in a row') : undefined;
}

/** Node silently drops header fields above its own limit, so the count is compared here. */
function refuseManyFields(x: Exchange, deps: GuardDeps): Refusal | undefined {
  return x.head.fields.count > deps.maxHeadFields
    ? { code: 'HEAD_TOO_LARGE', rule: rule('guard'), close: true }
    : undefined;
}

/**
 * Requires exactly one well-formed `Host` (RFC 9112, section 3.2) that this proxy serves. HTTP/1.0 needs no `Host`, and
 * HAProxy's health check sends none. No browser speaks HTTP/1.0, so no web page can use HTTP/1.0 for DNS rebinding.
 */
function refuseForeignHost(x: Exchange, deps: GuardDeps): Refusal | undefined {
  const value = x.head.fields.get('host');
  if (value === undefined && x.head.version === '1.0') return undefined;
  if (value === undefined || x.head.fields.repeated('host'))
    return malformed('it needs exactly one Host field');
  if (value === x.peer.goodHost) return undefined;
  const host = parseHost(value);
  if (host === undefined) return malformed('its Host field is not a host');
  if (!deps.hosts.answersFor(host)) {
    return { code: 'HOST_MISDIRECTED', params: { name: detachString(host) }, rule: rule('hosts') };
  }
  // A copy: the value is a slice of the whole request head.
  x.peer.goodHost = detachString(value);
  return undefined;
}

/**
 * `gzip, chunked` would arrive compressed, and `,chunked` would be read as chunked. HTTP/1.0 has no transfer codings.
 */
function refuseOtherCodings(x: Exchange): Refusal | undefined {
  const coding = x.head.fields.get('transfer-encoding');
  if (coding === undefined) return undefined;
  if (x.head.version === '1.0') return malformed('HTTP/1.0 has no transfer codings');
  if (coding.toLowerCase() === 'chunked' && !x.head.fields.repeated('transfer-encoding')) return undefined;
  return { code: 'TRANSFER_CODING_UNSUPPORTED', rule: rule('guard'), close: true };
}

/** Two servers could each use a different one of the values. */
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

/** Other schemes have parameter lists (Digest, AWS4-HMAC-SHA256). A list that contains a bearer token is two values. */
const bearerInList = /^[ \t]*bearer\b[^,]*,|,[ \t]*bearer\b/i;

function holdsTwo(value: string | undefined): boolean {
  return value?.includes(',') === true;
}

/** Two servers could each use a different one of the values. */
function refuseSecondField(x: Exchange): Refusal | undefined {
  const name = x.head.fields.secondOf;
  return name === undefined ? undefined : malformed(`it has two ${headerCase(name)} fields`);
}

function headerCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Without this rule the request would count as the proxy's own and bypass every rule about client addresses. */
function refuseUnreadableHop(x: Exchange): Refusal | undefined {
  return x.unreadableHop === undefined
    ? undefined
    : malformed(`the last hop in its ${x.unreadableHop} field is not an IP address`);
}

/** Path characters of RFC 3986 and whole escapes. The query may hold more, but no character that breaks a log line. */
const pathPattern = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const queryPattern = /^[\x21-\x22\x24-\x7e]*$/;
/** Also matches dot segments between escaped slashes: a `{rest}` is unescaped later. */
const dotSegment = /(?:\/|%2f)(?:\.|%2e){1,2}(?=\/|%2f|$)/i;

/**
 * Matches a request for one model. flm itself reads the model name, and the name reaches no engine. So two slashes in a
 * row are part of the name: `flm://engine/model`, or the path of a file.
 */
function asksForModel(x: Exchange): boolean {
  return x.head.method !== 'POST' && x.path.startsWith('/v1/models/') && !x.path.endsWith('/');
}

/** Allows one spelling for each path, so that every server up to the engine reads the same path. */
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

/** An engine and a proxy before it could read two values, or a very long value, differently. */
function refuseOddSingle(x: Exchange): Refusal | undefined {
  const odd = x.head.fields.oddSingle();
  return odd === undefined ? undefined : { code: 'HEADER_INVALID', params: { ...odd }, rule: rule('guard') };
}

/** A kept-alive connection must not keep a stopping proxy alive. */
function refuseWhileDraining(x: Exchange, deps: GuardDeps): Refusal | undefined {
  // A load balancer needs to see that the proxy is draining.
  if (!deps.draining() || probePaths.has(x.path)) return undefined;
  return { code: 'DRAINING', rule: rule('draining'), close: true, fields: 'retry-after: 2\r\n' };
}
