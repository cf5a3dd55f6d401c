import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { FlmError } from '../errors.ts';
import type { AuditEntry } from './ports.ts';
import { looksLikeToken, type Share, type ShareRepository } from './share.ts';
import { shareDocument } from './share-document.ts';
import { ShareService } from './share-service.ts';

const secrets = {
  randomBytes: (count: number) => randomBytes(count),
  sha256Hex: (text: string) => hash('sha256', text, 'hex'),
  crc32: (text: string) => crc32(text),
};
const hourMs = 3_600_000;

function makeService(nowMs: () => number = () => 1_000) {
  const shares = new Map<string, Share>();
  const entries: AuditEntry[] = [];
  const repository: ShareRepository = {
    async insertShare(share, audit) {
      shares.set(share.id, share);
      entries.push(audit);
    },
    listShares: async () => [...shares.values()],
    async revokeShare(id, audit) {
      const share = shares.get(id);
      if (share === undefined || share.redemption !== null || share.revokedAtMs !== null) return false;
      shares.set(id, { ...share, revokedAtMs: audit.atMs });
      entries.push(audit);
      return true;
    },
    redeemShare: () => assert.fail('a proxy redeems'),
  };
  const service = new ShareService({ repository, clock: { nowMs }, secrets, actor: 'cli:me' });
  return { service, shares, entries };
}

const fails = (code: string) => (error: unknown) => error instanceof FlmError && error.code === code;

test('a share stores a digest of its token, and no text shows either', async () => {
  const { service, entries } = makeService();
  const { share, token } = await service.create({ label: 'friend', requestsPerMinute: 20 });
  assert.equal(share.digest, secrets.sha256Hex(token));
  assert.equal(share.expiresAtMs, 1_000 + 24 * hourMs);
  const told = JSON.stringify([entries, shareDocument(share, 1_000)]);
  assert.ok(!told.includes(token) && !told.includes(share.digest));
  assert.deepEqual(
    entries.map(({ actor, action, subject }) => [actor, action, subject]),
    [['cli:me', 'share.create', share.id]],
  );
});

test('a token has a checksum, so that a guess or a typo is found without a database', async () => {
  const { service } = makeService();
  const { token } = await service.create({ label: 'friend' });
  assert.ok(looksLikeToken(token, secrets));
  assert.match(token, /^[0-9A-Za-z]{28}$/);
  const other = token.startsWith('a') ? 'b' : 'a';
  for (const wrong of ['', `${token}x`, token.slice(1), `${other}${token.slice(1)}`, token.toLowerCase()])
    assert.ok(!looksLikeToken(wrong, secrets), wrong);
});

test('a link ends no later than its key, and lasts 30 days at most', async () => {
  const { service } = makeService();
  const { share } = await service.create({ label: 'a', expiresAtMs: 1_000 + hourMs }, 24 * hourMs);
  assert.equal(share.expiresAtMs, 1_000 + hourMs);
  for (const validMs of [0, -1, 31 * 24 * hourMs, Number.NaN])
    await assert.rejects(service.create({ label: 'b' }, validMs), fails('KEY_INVALID'));
  await assert.rejects(service.create({ label: '' }), fails('KEY_INVALID'));
});

test('a share is revoked by id or label, and one with a key names the key', async () => {
  const { service, shares, entries } = makeService();
  const { share } = await service.create({ label: 'friend' });
  assert.equal(service.state(await service.revoke('friend')), 'revoked');
  assert.equal((await service.revoke(share.id)).revokedAtMs, 1_000);
  assert.equal(entries.filter(({ action }) => action === 'share.revoke').length, 1);
  await assert.rejects(service.revoke('frend'), (error: unknown) => {
    assert.ok(fails('SHARE_NOT_FOUND')(error));
    assert.match(String(error), /friend/);
    return true;
  });
  const { share: other } = await service.create({ label: 'other' });
  shares.set(other.id, { ...other, redemption: { atMs: 2_000, address: '192.0.2.7', keyId: 'key_x' } });
  await assert.rejects(service.revoke('other'), fails('SHARE_HAS_KEY'));
});

test('a label means its open share, also where an older one has ended', async () => {
  let nowMs = 1_000;
  const { service } = makeService(() => nowMs);
  await service.create({ label: 'friend' }, hourMs);
  nowMs += 2 * hourMs;
  const { share } = await service.create({ label: 'friend' }, hourMs);
  const documents = (await service.list()).map((one) => shareDocument(one, nowMs).state);
  assert.deepEqual(documents, ['expired', 'open']);
  assert.equal((await service.revoke('friend')).id, share.id);
});
