/**
 * Checks one chain of the audit, entry by entry, and names the first entry that does not fit.
 *
 * It finds a changed field, and an entry that was deleted, inserted or moved. The newest entries can be deleted together
 * with the stored head, and a whole chain can be replaced: that shows only against a head from outside.
 */
import type { AuditEntry } from '../security/ports.ts';
import {
  type AuditChain,
  type AuditHead,
  type ChainedEntry,
  type ChainPoint,
  type ChainState,
  entryHash,
  headText,
  type Sha256Hex,
} from './audit-chain.ts';
import { deletedThrough } from './checkpoint.ts';

/**
 * - `changed`: the fields of the entry do not have its hash, or the entry has moved
 * - `missing`: the entry is not there
 * - `unexpected`: the entry is there but not part of the chain
 * - `unexplained`: older entries are gone, and no checkpoint says why
 * - `otherHead`: the given head names another entry of this number, so the chain was replaced
 * - `beyond`: the given head is newer than the chain, so the newest entries are gone
 */
export const chainFaultKinds = [
  'changed',
  'missing',
  'unexpected',
  'unexplained',
  'otherHead',
  'beyond',
] as const;
export type ChainFaultKind = (typeof chainFaultKinds)[number];

export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** The number of the first entry that does not fit. */
  readonly seq: number;
  /** The stored entry, if there is one. */
  readonly entry?: AuditEntry;
}

export interface ChainVerdict {
  readonly chain: AuditChain;
  /** Entries that fit, from the oldest on. */
  readonly entries: number;
  /** The newest deleted entry; 0 if nothing was deleted. */
  readonly deletedThrough: number;
  /** The head as text; undefined for a chain without entries. */
  readonly head: string | undefined;
  /** Entries that an older flm has written without a hash since this one opened the database. */
  readonly withoutHash: number;
  /** Given heads whose entries were deleted before, so that they cannot be compared. */
  readonly tooOld: readonly string[];
  readonly fault: ChainFault | undefined;
}

export class ChainCheck {
  readonly #sha256Hex: Sha256Hex;
  readonly #chain: AuditChain;
  readonly #state: ChainState;
  /** Given heads that were not compared yet, by their numbers. */
  readonly #heads = new Map<number, AuditHead[]>();
  #at: ChainPoint;
  #isExplained: boolean;
  #fault: ChainFault | undefined;

  /** `heads` of other chains are ignored. */
  constructor(sha256Hex: Sha256Hex, chain: AuditChain, state: ChainState, heads: readonly AuditHead[] = []) {
    this.#sha256Hex = sha256Hex;
    this.#chain = chain;
    this.#state = state;
    for (const head of heads) {
      if (head.chain !== chain) continue;
      const others = this.#heads.get(head.seq);
      if (others === undefined) this.#heads.set(head.seq, [head]);
      else others.push(head);
    }
    this.#at = state.base;
    this.#isExplained = state.base.seq === 0 && state.base.hash === '';
  }

  /** Takes the stored entries in the order of their numbers. Returns false once no further entry is needed. */
  add(entry: ChainedEntry): boolean {
    if (this.#fault !== undefined) return false;
    const expected = this.#at.seq + 1;
    const { seq, hash, ...stored } = entry;
    if (seq < expected || seq > this.#state.head.seq)
      this.#fault = { kind: 'unexpected', seq, entry: stored };
    else if (seq > expected) this.#fault = { kind: 'missing', seq: expected };
    else if (hash !== entryHash(this.#sha256Hex, this.#chain, seq, this.#at.hash, stored))
      this.#fault = { kind: 'changed', seq, entry: stored };
    else this.#accept({ seq, hash }, stored);
    return this.#fault === undefined;
  }

  /** Call it once, after the last entry. `withoutHash`: the number of stored entries that are in no chain. */
  end(withoutHash: number): ChainVerdict {
    const { base, head } = this.#state;
    this.#compare(base);
    const tooOld = [...this.#heads.values()]
      .flat()
      .filter(({ seq }) => seq < base.seq)
      .map(headText);
    if (this.#fault === undefined) this.#fault = this.#faultAtEnd();
    return {
      chain: this.#chain,
      entries: this.#at.seq - base.seq,
      deletedThrough: base.seq,
      head: head.seq === 0 ? undefined : headText({ chain: this.#chain, ...head }),
      withoutHash,
      tooOld,
      fault: this.#fault,
    };
  }

  #accept(point: ChainPoint, entry: AuditEntry): void {
    this.#compare(point, entry);
    if (this.#fault !== undefined) return;
    const through = deletedThrough(entry);
    const { base } = this.#state;
    if (through?.seq === base.seq && through.hash === base.hash) this.#isExplained = true;
    this.#at = point;
  }

  #compare({ seq, hash }: ChainPoint, entry?: AuditEntry): void {
    const given = this.#heads.get(seq) ?? [];
    this.#heads.delete(seq);
    if (given.every((head) => head.hash === hash)) return;
    this.#fault ??= { kind: 'otherHead', seq, ...(entry === undefined ? {} : { entry }) };
  }

  #faultAtEnd(): ChainFault | undefined {
    const { base, head } = this.#state;
    if (this.#at.seq < head.seq) return { kind: 'missing', seq: this.#at.seq + 1 };
    if (this.#at.seq !== head.seq || this.#at.hash !== head.hash) return { kind: 'changed', seq: head.seq };
    if (!this.#isExplained) return { kind: 'unexplained', seq: base.seq };
    const isBeyond = [...this.#heads.keys()].some((seq) => seq > head.seq);
    return isBeyond ? { kind: 'beyond', seq: head.seq + 1 } : undefined;
  }
}
