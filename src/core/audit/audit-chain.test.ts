/** Chains of audit entries: whatever was edited later is found, at the first entry that does not fit. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import type { AuditEntry } from '../security/ports.ts';
import {
  type AuditHead,
  type ChainedEntry,
  type ChainState,
  canonicalForm,
  chained,
  chainStart,
  headText,
  parseHead,
} from './audit-chain.ts';
import { ChainCheck, type ChainVerdict } from './chain-check.ts';
import { checkpointEntry } from './checkpoint.ts';

const sha256Hex = (text: string): string => hash('sha256', text, 'hex');

const odd = fc.string({
  unit: fc.constantFrom('a', '"', ',', '\\', '\u0000', '\u2028', '\ud800', '🙂', 'null', ']'),
});
const entry = fc.record(
  {
    atMs: fc.nat(),
    actor: odd,
    action: odd,
    subject: odd,
    source: odd,
    before: odd,
    after: odd,
  },
  { requiredKeys: ['atMs', 'actor', 'action', 'subject'] },
) as fc.Arbitrary<AuditEntry>;

interface Chain {
  readonly rows: readonly ChainedEntry[];
  readonly state: ChainState;
}

/** A chain of these entries, of which the first `deleted` are deleted with a checkpoint. */
function chainOf(entries: readonly AuditEntry[], deleted = 0): Chain {
  const rows = [...chained(sha256Hex, 'changes', chainStart, entries)];
  const last = rows[deleted - 1];
  const base = last === undefined ? chainStart : { seq: last.seq, hash: last.hash };
  if (last !== undefined) {
    const checkpoint = checkpointEntry('changes', 'retention', base, deleted, 5);
    rows.push(...chained(sha256Hex, 'changes', rows.at(-1) ?? base, [checkpoint]));
  }
  const { seq, hash: headHash } = rows.at(-1) ?? chainStart;
  return { rows: rows.slice(deleted), state: { base, head: { seq, hash: headHash } } };
}

function verdictOf({ rows, state }: Chain, heads: readonly AuditHead[] = []): ChainVerdict {
  const check = new ChainCheck(sha256Hex, 'changes', state, heads);
  for (const row of rows) if (!check.add(row)) break;
  return check.end(0);
}

const chainWithPlace = fc
  .tuple(fc.array(entry, { minLength: 2, maxLength: 12 }), fc.nat(), fc.nat())
  .map(([entries, a, b]) => {
    const chain = chainOf(entries, a % entries.length);
    return { chain, at: b % chain.rows.length };
  });

const numRuns = 200 * moreRuns;

test('a chain that nobody edited fits, also after its oldest entries were deleted with a checkpoint', () => {
  fc.assert(
    fc.property(chainWithPlace, ({ chain }) => {
      const verdict = verdictOf(chain, [{ chain: 'changes', ...chain.state.head }]);
      assert.equal(verdict.fault, undefined);
      assert.equal(verdict.entries, chain.rows.length);
    }),
    { numRuns },
  );
});

test('a changed field is found at its entry', () => {
  const fields = ['atMs', 'actor', 'action', 'subject', 'source', 'before', 'after', 'hash'] as const;
  fc.assert(
    fc.property(chainWithPlace, fc.constantFrom(...fields), odd, ({ chain, at }, field, text) => {
      const old = chain.rows[at];
      assert.ok(old);
      const value = field === 'atMs' ? old.atMs + 1 : text;
      // Databases replace surrogates without a partner, so both texts are the same entry.
      if (field !== 'atMs' && old[field]?.toWellFormed() === text.toWellFormed()) return;
      const verdict = verdictOf({ ...chain, rows: chain.rows.with(at, { ...old, [field]: value }) });
      assert.deepEqual([verdict.fault?.kind, verdict.fault?.seq], ['changed', old.seq]);
      assert.equal(verdict.entries, at);
    }),
    { numRuns },
  );
});

test('a field that was removed or emptied is found, because absent and empty are two things', () => {
  const plain = { atMs: 1, actor: 'a', action: 'b', subject: 'c' };
  const forms = [plain, { ...plain, before: '' }, { ...plain, after: '' }, { ...plain, before: 'null' }];
  const texts = forms.map((form) => canonicalForm('changes', 1, '', form));
  texts.push(canonicalForm('refusals', 1, '', plain), canonicalForm('changes', 2, '', plain));
  assert.equal(new Set(texts).size, 6);
});

test('a deleted entry is found, also the newest one while the stored head stays', () => {
  fc.assert(
    fc.property(chainWithPlace, ({ chain, at }) => {
      const { fault } = verdictOf({ ...chain, rows: chain.rows.toSpliced(at, 1) });
      assert.deepEqual(fault, { kind: 'missing', seq: chain.rows[at]?.seq });
    }),
    { numRuns },
  );
});

test('an inserted entry is found', () => {
  fc.assert(
    fc.property(chainWithPlace, entry, ({ chain, at }, fresh) => {
      const seq = chain.rows[at]?.seq ?? 0;
      const [made] = chained(sha256Hex, 'changes', chain.rows[at - 1] ?? chain.state.base, [fresh]);
      assert.ok(made);
      const { fault } = verdictOf({ ...chain, rows: chain.rows.toSpliced(at, 0, made) });
      assert.ok(fault);
      assert.ok(fault.seq >= seq && fault.seq <= seq + 1, `${fault.kind} ${fault.seq}`);
    }),
    { numRuns },
  );
});

test('two entries that changed places are found', () => {
  fc.assert(
    fc.property(chainWithPlace, fc.nat(), ({ chain, at }, to) => {
      const { rows } = chain;
      const other = to % rows.length;
      const [a, b] = [rows[at], rows[other]];
      assert.ok(a && b);
      if (at === other) return;
      const [first, second] = [Math.min(at, other), Math.max(at, other)];
      // With their numbers, and each under the number of the other.
      const moved = [
        rows.with(at, b).with(other, a),
        rows.with(at, { ...b, seq: a.seq }).with(other, { ...a, seq: b.seq }),
      ];
      for (const swapped of moved) {
        const { fault } = verdictOf({ ...chain, rows: swapped });
        assert.ok(fault && fault.seq >= (rows[first]?.seq ?? 0) && fault.seq <= (rows[second]?.seq ?? 0));
      }
    }),
    { numRuns },
  );
});

test('newest entries that were deleted with the stored head are found by a head from outside only', () => {
  fc.assert(
    fc.property(chainWithPlace, ({ chain, at }) => {
      if (at === 0) return;
      const { seq, hash: lastHash } = chain.rows[at - 1] ?? chainStart;
      const state = { ...chain.state, head: { seq, hash: lastHash } };
      const cut = { rows: chain.rows.slice(0, at), state };
      const verdict = verdictOf(cut, [{ chain: 'changes', ...chain.state.head }]);
      // The checkpoint may have been among them.
      if (verdict.fault?.kind !== 'unexplained')
        assert.deepEqual(verdict.fault, { kind: 'beyond', seq: seq + 1 });
    }),
    { numRuns },
  );
});

test('a chain that was replaced as a whole is found by a head from outside only', () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1 }), fc.nat(), (entries, at) => {
      const before = chainOf(entries);
      const edited = chainOf(
        entries.with(0, { ...(entries[0] as AuditEntry), actor: 'cli:nobody in particular' }),
      );
      assert.equal(verdictOf(edited).fault, undefined);
      const { seq, hash: oldHash } = before.rows[at % entries.length] ?? chainStart;
      const { fault } = verdictOf(edited, [{ chain: 'changes', seq, hash: oldHash }]);
      assert.deepEqual([fault?.kind, fault?.seq], ['otherHead', seq]);
    }),
    { numRuns },
  );
});

test('oldest entries that were deleted without a checkpoint are found', () => {
  fc.assert(
    fc.property(chainWithPlace, ({ chain, at }) => {
      if (at === 0) return;
      const rows = chain.rows.slice(at);
      const { seq, hash: baseHash } = chain.rows[at - 1] ?? chainStart;
      assert.deepEqual(verdictOf({ ...chain, rows }).fault, {
        kind: 'missing',
        seq: chain.state.base.seq + 1,
      });
      const state = { ...chain.state, base: { seq, hash: baseHash } };
      assert.deepEqual(verdictOf({ rows, state }).fault, { kind: 'unexplained', seq });
    }),
    { numRuns },
  );
});

test('a head of a deleted entry is reported as too old, and one of the last deleted entry is compared', () => {
  const entries = ['a', 'b', 'c', 'd'].map((subject) => ({ atMs: 1, actor: 'x', action: 'y', subject }));
  const whole = chainOf(entries);
  const chain = chainOf(entries, 2);
  const heads = whole.rows.map(({ seq, hash: one }) => ({ chain: 'changes', seq, hash: one }) as const);
  const verdict = verdictOf(chain, heads);
  assert.deepEqual([verdict.fault, verdict.deletedThrough, verdict.tooOld.length], [undefined, 2, 1]);
  const forged = { ...heads[1], hash: `v1_${'0'.repeat(64)}` } as AuditHead;
  assert.deepEqual(verdictOf(chain, [forged]).fault, { kind: 'otherHead', seq: 2 });
});

test('a head is one word that is read back, and other text is no head', () => {
  const head = { chain: 'refusals', seq: 1_042, hash: `v1_${'0f'.repeat(32)}` } as const;
  assert.match(headText(head), /^\w+$/);
  assert.deepEqual(parseHead(` ${headText(head)}\n`), head);
  const hex = '0'.repeat(64);
  for (const text of [
    '',
    hex,
    `changes_0_v1_${hex}`,
    `other_1_v1_${hex}`,
    `changes_1_v1_${hex}0`,
    `changes_-1_v1_${hex}`,
  ])
    assert.equal(parseHead(text), undefined, text);
});

test('the hash of an entry is the same in every version of flm', () => {
  const [one] = chained(sha256Hex, 'changes', { seq: 6, hash: 'v1_0' }, [
    {
      atMs: 1_750_000_000_000,
      actor: 'cli:ann',
      action: 'key.create',
      subject: 'key_a',
      after: '{"label":"ä\ud800"}',
    },
  ]);
  assert.equal(
    canonicalForm('changes', 7, 'v1_0', { ...(one as AuditEntry) }),
    '["flm audit","v1","changes",7,"v1_0",1750000000000,"cli:ann","key.create","key_a",null,null,"{\\"label\\":\\"ä\ufffd\\"}"]',
  );
  assert.equal(one?.hash, 'v1_e12406d4d0898ecdfa1c0d0c88b3f06cb92279914184e2f89b40d751cc7c9490');
});
