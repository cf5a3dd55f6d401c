/**
 * The result of a revocation, also when the store cannot be read or written. Then the result is made from the answers of
 * the running proxies, which revoke a key in memory and write the revocation if they can.
 */
import { PolicyError, type StoreError } from '../errors.ts';
import type { LiveRevocation, NamedKey } from '../proxy/ports.ts';
import type { ApiKey } from './api-key.ts';

/**
 * A revocation. It is in the store, unless `unwritten` gives the reason why not; then the named proxies hold it in
 * memory.
 */
export interface RevokedKey {
  /** Undefined if the store cannot be read. */
  readonly record: ApiKey | undefined;
  readonly key: NamedKey;
  readonly unwritten?: { readonly problem: StoreError; readonly inMemoryOf: readonly string[] };
  /** Ids of running proxies that did not confirm the revocation. */
  readonly unreached: readonly string[];
  /** Other secrets of the same key that still work after a rotation with an overlap. */
  readonly stillActive: readonly ApiKey[];
}

/** The result of a revocation in each running proxy, by id. */
export type LiveRevocations = ReadonlyMap<string, LiveRevocation | 'unreached'>;

/** Returns the result if the store could not be written. Throws `problem` if no proxy revoked the key. */
export function revokedUnwritten(
  record: ApiKey,
  problem: StoreError,
  outcomes: LiveRevocations = new Map(),
): Omit<RevokedKey, 'stillActive'> {
  const taken = [...outcomes].flatMap(([proxy, outcome]) =>
    outcome === 'unreached' ? [] : [{ proxy, outcome }],
  );
  if (taken.length === 0) throw problem;
  const unreached = unreachedOf(outcomes);
  // A proxy that has the files open may still be able to write to them.
  if (taken.some(({ outcome }) => outcome.written)) return { record, key: record, unreached };
  return {
    record,
    key: record,
    unwritten: { problem, inMemoryOf: taken.map(({ proxy }) => proxy) },
    unreached,
  };
}

/**
 * Returns the result if the store could not be read. The proxies know ids and labels of keys. Throws KEY_AMBIGUOUS, or
 * `problem` if no proxy revoked a key.
 */
export function revokedUnread(
  name: string,
  problem: StoreError,
  outcomes: LiveRevocations = new Map(),
): RevokedKey {
  const candidates = new Set(
    [...outcomes].flatMap(([, outcome]) => (outcome === 'unreached' ? [] : (outcome.candidates ?? []))),
  );
  if (candidates.size > 0)
    throw new PolicyError('KEY_AMBIGUOUS', {
      params: { key: name, candidates: [...candidates].join(', ') },
    });
  const taken = [...outcomes].flatMap(([proxy, outcome]) =>
    outcome === 'unreached' || outcome.key === undefined ? [] : [{ proxy, outcome, key: outcome.key }],
  );
  const [first] = taken;
  if (first === undefined) throw problem;
  const unreached = unreachedOf(outcomes);
  const known = { record: undefined, key: first.key, unreached, stillActive: [] };
  if (taken.some(({ outcome }) => outcome.written)) return known;
  return { ...known, unwritten: { problem, inMemoryOf: taken.map(({ proxy }) => proxy) } };
}

function unreachedOf(outcomes: LiveRevocations): readonly string[] {
  return [...outcomes].flatMap(([proxy, outcome]) => (outcome === 'unreached' ? [proxy] : []));
}
