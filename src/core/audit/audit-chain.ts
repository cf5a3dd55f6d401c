/**
 * Chains the entries of the audit by hash, so that a later edit shows. Entries about changes are one chain, entries of
 * proxies about refused logins another one. Each entry has a number, and a hash over its fields and the hash before it:
 *
 *   base ---- entry 8 ---- entry 9 ---- head        hash 9 = SHA-256 of (form, chain, 9, hash 8, fields of entry 9)
 *   (7, the last deleted entry)         (9)
 *
 * A head names one entry and so everything before it. Heads are written to the log of proxies and to backups: only a
 * head outside of the machine shows that its owner has written a whole new chain.
 */
import type { AuditEntry } from '../security/ports.ts';

export const auditChains = ['changes', 'refusals'] as const;
export type AuditChain = (typeof auditChains)[number];

/** Returns SHA-256 as 64 hexadecimal digits. */
export type Sha256Hex = (text: string) => string;

/** One entry of a chain. Number 0 with an empty hash stands before the first entry. */
export interface ChainPoint {
  readonly seq: number;
  readonly hash: string;
}

export interface ChainState {
  /** The newest entry that was deleted with everything before it. */
  readonly base: ChainPoint;
  readonly head: ChainPoint;
}

/** A point of a named chain, as heads are shown and given. */
export interface AuditHead extends ChainPoint {
  readonly chain: AuditChain;
}

export type ChainedEntry = AuditEntry & ChainPoint;

export const chainStart: ChainPoint = { seq: 0, hash: '' };

/** The version of the canonical form. A hash begins with it, so that a later flm can check older entries. */
const form = 'v1';

/**
 * Returns the text that is hashed: a JSON array, which holds each field separately. Surrogates without a partner are
 * replaced, as databases do.
 */
export function canonicalForm(
  chain: AuditChain,
  seq: number,
  previousHash: string,
  entry: AuditEntry,
): string {
  const { atMs, actor, action, subject, source = null, before = null, after = null } = entry;
  const fields = [actor, action, subject, source, before, after].map(
    (field) => field?.toWellFormed() ?? null,
  );
  return JSON.stringify(['flm audit', form, chain, seq, previousHash, atMs, ...fields]);
}

/** Returns the hash of entry `seq`. */
export function entryHash(
  sha256Hex: Sha256Hex,
  chain: AuditChain,
  seq: number,
  previousHash: string,
  entry: AuditEntry,
): string {
  return `${form}_${sha256Hex(canonicalForm(chain, seq, previousHash, entry))}`;
}

/** Returns the entries with their numbers and hashes, to be stored after `head`. */
export function chained(
  sha256Hex: Sha256Hex,
  chain: AuditChain,
  head: ChainPoint,
  entries: readonly AuditEntry[],
): readonly ChainedEntry[] {
  let { seq, hash } = head;
  return entries.map((entry) => {
    seq++;
    hash = entryHash(sha256Hex, chain, seq, hash, entry);
    return { ...entry, seq, hash };
  });
}

const headForm = /^(changes|refusals)_(\d{1,15})_(v\d+_[0-9a-f]{64})$/;

/** `changes_1042_v1_9f86...`: one word, so that a double click selects it. */
export function headText({ chain, seq, hash }: AuditHead): string {
  return `${chain}_${seq}_${hash}`;
}

const allHeads = /\b(?:changes|refusals)_\d{1,15}_v\d+_[0-9a-f]{64}\b/g;

/** Returns the heads anywhere in a text, such as lines of a log. */
export function headsIn(text: string): readonly AuditHead[] {
  return (text.match(allHeads) ?? []).flatMap((found) => parseHead(found) ?? []);
}

/** Returns undefined for text that names no entry. */
export function parseHead(text: string): AuditHead | undefined {
  const [, name, seq = '', hash] = headForm.exec(text.trim()) ?? [];
  const chain = auditChains.find((known) => known === name);
  if (chain === undefined || hash === undefined || Number(seq) === 0) return undefined;
  return { chain, seq: Number(seq), hash };
}
