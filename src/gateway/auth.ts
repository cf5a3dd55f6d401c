/**
 * The step `authenticate`: finds the key of a request. An flm key may be in `Authorization: Bearer`, `x-api-key` or
 * `api-key`. An empty field is no credential. A token of another service beside an flm key is dropped. Two different flm
 * keys are refused. A token is looked up by its digest, so the time of a miss reveals nothing about any key.
 *
 * A missing and a wrong key get the same response. Only a client with the full secret learns that the key is revoked or
 * expired, or that the proxy has not read its database for too long. Only failed logins are throttled, so a valid key
 * behind a shared address is never locked out.
 */

import { hash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { type RuleText, rule } from '../core/rules.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { LoginThrottle } from '../core/security/login-throttle.ts';
import { redeemPath } from '../core/security/share-links.ts';
import type { Exchange, Refusal, Step } from './exchange.ts';
import type { ForeignTokens } from './foreign-tokens.ts';
import { credentialFields, type HeadCredential } from './head-findings.ts';
import { type OpenPages, rootVaries } from './open-pages.ts';
import type { RequestHeaders } from './request-headers.ts';
import { retryFields } from './retry-fields.ts';
import { probePaths } from './routes.ts';

/** Keys that live only in this proxy's memory. */
export interface TemporaryKeys {
  find(digest: string): KeyView | undefined;
}

export interface AuthDeps {
  readonly clock: Clock;
  readonly throttle: Pick<LoginThrottle, 'failed'>;
  readonly foreign: ForeignTokens;
  readonly temporary: TemporaryKeys;
  readonly pages: OpenPages;
  /** Called for a refused login. `throttled`: failed logins come too fast. */
  readonly onRefused: (x: Exchange, throttled: boolean) => void;
}

/** RFC 9110, section 11.4: the scheme in any case, then spaces, then the token of RFC 6750. */
export const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
/** A database that comes back is noticed within a second. */
const outdatedRetryMs = 5_000;
/** No credential: an empty value, or a scheme without a token, which SDKs send if a variable is empty. */
const blank = /^(?:bearer)?[ \t]*$/i;

export function makeAuth(deps: AuthDeps): Step {
  const { pages } = deps;
  const open = new Set([...probePaths, redeemPath, ...pages.paths]);
  return (x) => {
    if (x.preflight || (open.has(x.path) && pages.isOpen(x))) return undefined;
    const { findings, fields } = x.head;
    const credentials = findings?.credentials ?? readCredentials(fields);
    if (findings !== undefined) findings.credentials = credentials;
    // The usual case. The connection keeps its last key, so the look-up among all keys is skipped if the digest is the
    // same.
    const first = credentials[0];
    if (first?.mayBeKey === true && credentials.length === 1 && !x.snapshot.expired) {
      const { peer, snapshot } = x;
      const isLast = peer.lastSnapshot === snapshot && peer.lastKey?.digest === first.digest;
      const key = isLast ? peer.lastKey : snapshot.keys.withDigest(first.digest);
      if (key?.revoked === false && !key.paused && key.expiresAtMs > deps.clock.nowMs()) {
        x.key = key;
        peer.lastKey = key;
        peer.lastSnapshot = snapshot;
        return undefined;
      }
    }

    // A request without any credential tries none, so it is no failed login.
    if (first === undefined) {
      if (pages.isRootPage(x)) return undefined;
      const fields = x.path === '/' ? rootVaries : '';
      return { code: 'AUTH_MISSING', rule: rule('auth'), fields };
    }
    const found = credentials.map((credential) => ({ ...credential, key: keyOf(x, deps, credential) }));
    const known = found.find((c) => c.key !== undefined);
    const key = known?.key;
    if (known === undefined || key === undefined) return refuse(x, deps, rule('auth'));
    if (found.some((c) => c.key !== undefined && c.digest !== known.digest))
      return { code: 'AUTH_CONFLICT', rule: rule('auth') };
    for (const { digest } of credentials) {
      if (digest !== known.digest && deps.foreign.tooMany(key.familyId, digest, deps.clock.monotonicMs()))
        return refuse(x, deps, rule('foreign-tokens', { key: key.id }));
    }
    const foreign = found.filter((c) => c.key === undefined);
    if (foreign.length > 0) x.outcome.droppedCredentials = foreign.map((c) => c.field).join(', ');

    // From here on the client has proved that it has the whole secret, so the response may describe the state of the
    // key.
    if (key.revoked) return { code: 'AUTH_REVOKED', rule: rule('key', { key: key.id }) };
    if (key.expiresAtMs <= deps.clock.nowMs())
      return { code: 'AUTH_EXPIRED', rule: rule('key', { key: key.id }) };
    if (key.paused)
      return { code: 'AUTH_PAUSED', params: { key: key.id }, rule: rule('key', { key: key.id }) };
    // Keys in the memory of this proxy alone do not depend on the database.
    if (x.snapshot.expired && x.snapshot.keys.withDigest(key.digest) !== undefined)
      return {
        code: 'KEYS_OUTDATED',
        rule: rule('key', { key: key.id }),
        fields: retryFields(outdatedRetryMs),
      };
    x.key = key;
    return undefined;
  };
}

function readCredentials(fields: RequestHeaders): readonly HeadCredential[] {
  const found: HeadCredential[] = [];
  for (const field of credentialFields) {
    const value = fields.get(field);
    if (value === undefined || blank.test(value)) continue;
    // Schemes other than Bearer never hold a key of flm.
    const token = field === 'authorization' ? bearer.exec(value)?.[1] : value.trim();
    const digest = hash('sha256', token ?? value, 'hex');
    const mayBeKey = token !== undefined;
    found.push({ field, digest: mayBeKey ? digest : `other ${digest}`, mayBeKey });
  }
  return found;
}

function keyOf(x: Exchange, deps: AuthDeps, { digest, mayBeKey }: HeadCredential): KeyView | undefined {
  return mayBeKey ? (x.snapshot.keys.withDigest(digest) ?? deps.temporary.find(digest)) : undefined;
}

function refuse(x: Exchange, deps: AuthDeps, decidedBy: RuleText): Refusal {
  const waitMs = deps.throttle.failed(x.client.bucket, deps.clock.monotonicMs());
  deps.onRefused(x, waitMs > 0);
  if (waitMs > 0) {
    return { code: 'AUTH_THROTTLED', rule: rule('failed-logins'), fields: retryFields(waitMs) };
  }
  return { code: 'AUTH_MISSING', rule: decidedBy };
}
