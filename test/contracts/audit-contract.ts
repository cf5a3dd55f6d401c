/** Tests that the audit of every store must pass: chains of hashes, searching, retention. Used by `repositoryContract`. */
import assert from 'node:assert/strict';
import { type AuditHead, headText } from '../../src/core/audit/audit-chain.ts';
import type { AuditQuery } from '../../src/core/audit/audit-query.ts';
import { checkpointAction } from '../../src/core/audit/checkpoint.ts';
import type { AuditEntry } from '../../src/core/security/ports.ts';
import type { Repositories } from '../../src/store/store.ts';
import { sampleKey, sometimeMs } from '../helpers/store-samples.ts';

type Story = (name: string, tell: (store: Repositories) => Promise<void>) => void;

const dayMs = 86_400_000;
const sample = (parts: Partial<AuditEntry> = {}): AuditEntry => ({
  atMs: sometimeMs,
  actor: 'cli:ann',
  action: 'key.create',
  subject: 'key_a',
  ...parts,
});

/** Asserts that both chains fit, also with `heads`, and returns how many entries each has. */
export async function soundChains(store: Repositories, heads: readonly AuditHead[] = []): Promise<number[]> {
  const verdicts = await store.audit.verify(heads);
  for (const { chain, fault, withoutHash } of verdicts)
    assert.deepEqual([fault, withoutHash], [undefined, 0], chain);
  return verdicts.map(({ entries }) => entries);
}

export function auditContract(story: Story): void {
  story('an empty audit has no head, and nothing that does not fit', async (store) => {
    assert.deepEqual(await store.audit.heads(), []);
    assert.deepEqual(await soundChains(store), [0, 0]);
  });

  story('each entry has its place in the chain, with any text, and the head moves with it', async (store) => {
    const odd = 'Grüße 👩‍💻 "quoted" \\ \u0000 \u001a \u2028 \ud800 عربي';
    await store.audit.record(sample({ subject: odd, before: odd, after: JSON.stringify({ label: odd }) }));
    const [first] = await store.audit.heads();
    assert.deepEqual([first?.chain, first?.seq], ['changes', 1]);
    await store.security.insertKey(sampleKey('a'), sample({ source: 'apply', after: '' }));
    const heads = await store.audit.heads();
    assert.equal(heads[0]?.seq, 2);
    assert.deepEqual(await soundChains(store, [first as AuditHead, ...heads]), [2, 0]);
    const found = await store.audit.find({ limit: 9 });
    assert.deepEqual(
      found.map(({ chain, point, source, after }) => [chain, point?.seq, source, after]),
      [
        ['changes', 2, 'apply', ''],
        ['changes', 1, undefined, JSON.stringify({ label: odd }).toWellFormed()],
      ],
    );
    assert.equal(found[0]?.point?.hash, heads[0]?.hash);
  });

  story('a change that is refused adds nothing to the chain', async (store) => {
    await store.security.insertKey(sampleKey('a'), sample());
    const heads = await store.audit.heads();
    await assert.rejects(store.security.insertKey(sampleKey('a'), sample()));
    assert.equal(await store.security.deleteKey('key_none', sample()), false);
    assert.deepEqual(await store.audit.heads(), heads);
  });

  story('changes that are made at the same moment are one chain', async (store) => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.security.insertKey(sampleKey(String(i)), sample({ subject: `key_${i}` })),
      ),
    );
    assert.deepEqual(await soundChains(store), [20, 0]);
  });

  story(
    'the audit is searched by time, actor, action and subject, and as many are found as asked for',
    async (store) => {
      const entries = [
        sample(),
        sample({ atMs: sometimeMs + 1, actor: 'ui:bob', action: 'key.revoke', before: '{"label":"laptop"}' }),
        sample({ atMs: sometimeMs + 2, actor: 'key:key_ops', action: 'keyring', subject: 'x' }),
        sample({ atMs: sometimeMs + 3, action: 'policy.set', subject: 'policy', after: '{"label":1}' }),
      ];
      for (const entry of entries) await store.audit.record(entry);
      const times = async (query: Partial<AuditQuery>) =>
        (await store.audit.find({ limit: 9, ...query })).map(({ atMs }) => atMs - sometimeMs);
      assert.deepEqual(await times({}), [3, 2, 1, 0]);
      assert.deepEqual(await times({ limit: 2 }), [3, 2]);
      assert.deepEqual(await times({ sinceMs: sometimeMs + 1, untilMs: sometimeMs + 3 }), [2, 1]);
      assert.deepEqual(await times({ actor: 'ann' }), [3, 0]);
      assert.deepEqual(await times({ actor: 'ui:bob' }), [1]);
      assert.deepEqual(await times({ actor: 'key' }), [2]);
      assert.deepEqual(await times({ action: 'key' }), [1, 0]);
      assert.deepEqual(await times({ action: 'key.revoke' }), [1]);
      assert.deepEqual(await times({ subject: 'key_a' }), [1, 0]);
      assert.deepEqual(await times({ subject: 'laptop' }), [1]);
      assert.deepEqual(await times({ subject: 'ann' }), []);
    },
  );

  story(
    'entries past their retention are deleted with a checkpoint, and the rest still fits',
    async (store) => {
      for (const days of [9, 8, 2, 1]) await store.audit.record(sample({ atMs: sometimeMs - days * dayMs }));
      const before = (await store.audit.find({ limit: 9 })).toReversed();
      await store.usage.setRetention({ hourlyDays: 2, dailyDays: 10, auditDays: 3 });
      await store.usage.applyRetention(sometimeMs);
      const [newest, ...rest] = await store.audit.find({ limit: 9 });
      assert.equal(newest?.action, checkpointAction);
      assert.deepEqual(rest, [before[3], before[2]]);
      const heads = before.map(
        ({ point }) => ({ chain: 'changes', ...(point ?? { seq: 0, hash: '' }) }) as const,
      );
      assert.deepEqual(await soundChains(store, heads), [3, 0]);
      const [changes] = await store.audit.verify(heads);
      assert.deepEqual(changes?.tooOld, heads.slice(0, 1).map(headText));
      // Nothing is due, so nothing is written.
      await store.usage.applyRetention(sometimeMs);
      assert.equal((await store.audit.heads())[0]?.seq, newest?.point?.seq);
    },
  );

  story(
    'an entry that a wrong clock dated into the past or the future takes no younger entries with it',
    async (store) => {
      const at = [-9 * dayMs, 900 * dayMs, -8 * dayMs, -dayMs, -9_000 * dayMs, 0];
      for (const ms of at) await store.audit.record(sample({ atMs: sometimeMs + ms }));
      await store.usage.setRetention({ hourlyDays: 2, dailyDays: 10, auditDays: 3 });
      await store.usage.applyRetention(sometimeMs);
      assert.deepEqual(
        (await store.audit.find({ limit: 9, action: 'key' })).map(({ atMs }) => (atMs - sometimeMs) / dayMs),
        [0, -1, -9_000],
      );
      assert.deepEqual(await soundChains(store), [4, 0]);
    },
  );
}
