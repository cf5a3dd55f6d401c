import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { sampleKey } from '../../test/helpers/store-samples.ts';
import { ConversationHomes } from '../core/engine/conversation-homes.ts';
import type { EngineRef } from '../core/engine/engine.ts';
import { EngineService } from '../core/engine/engine-service.ts';
import { engineKind } from '../core/engine/kinds.ts';
import type { AuditEntry } from '../core/security/ports.ts';
import { parsePolicy } from '../core/security/security-policy.ts';
import { SnapshotHolder } from '../core/security/snapshot.ts';
import { conversationsPart, enginesPart, revocationsPart, temporaryKeysPart } from './memory-parts.ts';
import { TemporaryKeyRing } from './temporary-keys.ts';

const secrets = {
  randomBytes,
  sha256Hex: (text: string): string => hash('sha256', text, 'hex'),
  crc32,
};
/** As it crosses the channel. */
const sent = (state: unknown): unknown => JSON.parse(JSON.stringify(state));

test('a temporary key is valid in the next process until it expires, and its secret is not handed over', () => {
  const clock = new MovedClock();
  const old = new TemporaryKeyRing(secrets, clock);
  const short = old.make(1_000);
  const long = old.make(60_000);
  const state = temporaryKeysPart(old).exportState();
  assert.doesNotMatch(JSON.stringify(state), new RegExp(long.key));
  clock.jump(2_000);
  const next = new TemporaryKeyRing(secrets, clock);
  const part = temporaryKeysPart(next);
  void part.importState(sent(state));
  assert.equal(next.find(secrets.sha256Hex(long.key))?.expiresAtMs, long.expiresAtMs);
  assert.equal(next.find(secrets.sha256Hex(short.key)), undefined);
});

test('what another version sends and this one cannot read is left out', () => {
  const clock = new MovedClock();
  const ring = new TemporaryKeyRing(secrets, clock);
  const key = ring.make(60_000);
  const [known] = ring.exportState();
  const next = new TemporaryKeyRing(secrets, clock);
  const part = temporaryKeysPart(next);
  for (const state of [undefined, null, 7, {}, 'text', [null, { id: 1 }]]) void part.importState(state);
  void part.importState([{ ...known, later: true }, { digest: 'short' }]);
  assert.ok(next.find(secrets.sha256Hex(key.key)));
});

test('a key that is revoked in memory alone is revoked in the next process, which writes that too', () => {
  const old: AuditEntry = { atMs: 5, actor: 'cli:me', action: 'key.revoke', subject: 'key_a', after: '{}' };
  const store = (kept: readonly AuditEntry[]) => {
    const revoked: AuditEntry[] = [];
    return {
      revoked,
      exportRevocations: () => kept,
      revoke(_id: string, entry: AuditEntry) {
        revoked.push(entry);
        return { first: Promise.resolve(undefined), written: Promise.resolve() };
      },
    };
  };
  const snapshots = new SnapshotHolder(parsePolicy({}));
  snapshots.apply({
    keys: { replaceAll: true, upserted: [sampleKey('a', { id: 'key_a' })], removedIds: [] },
  });
  const state = revocationsPart(snapshots, store([old, { ...old, subject: 'key_gone' }])).exportState();
  const next = store([]);
  void revocationsPart(snapshots, next).importState(sent(state));
  assert.equal(snapshots.current().keys.withId('key_a')?.revoked, true);
  assert.deepEqual(next.revoked, [old]);
});

test('an engine that has not answered the next process yet is used with what is known, its breaker included', async () => {
  const clock = new MovedClock();
  const ref: EngineRef = {
    id: 'slow',
    kind: 'openai-compatible',
    url: 'http://127.0.0.1:1',
    address: { tls: false, host: '127.0.0.1', port: 1, path: '' },
    origin: 'flag',
    apiKey: 'secret of the engine',
  };
  const service = (answers: boolean): EngineService => {
    const made = new EngineService({
      clock,
      recognise: async () => 'openai-compatible',
      makeEngine: (engine) => ({
        ref: engine,
        kind: engineKind('openai-compatible'),
        probe: () =>
          answers
            ? Promise.resolve({ state: 'running', models: [{ id: 'm' }], latencyMs: 1 })
            : new Promise(() => {}),
      }),
    });
    made.configure({ sources: [{ ref, kindKnown: true }] });
    return made;
  };
  const old = service(true);
  await old.start(new AbortController().signal);
  for (let n = 0; n < 5; n++) {
    old.begin(ref);
    old.report(ref, 'refused-connection');
  }
  const state = enginesPart(old).exportState();
  assert.doesNotMatch(JSON.stringify(state), /secret/);
  const next = service(false);
  void next.start(new AbortController().signal);
  assert.equal(next.engines()[0]?.state, 'down');
  void enginesPart(next).importState(sent(state));
  const [status] = next.engines();
  assert.equal(status?.state, 'running');
  assert.deepEqual(
    status?.models.map(({ id }) => id),
    ['m'],
  );
  assert.equal(status?.breakerOpen, true);
  old.stop();
  next.stop();
});

test('conversations stay on their engines, and what cannot be read is ignored', () => {
  const old = new ConversationHomes();
  for (let id = 1; id <= 15_000; id++) old.homeOf(0, { id }).moveTo(id % 2 === 0 ? 'even' : 'odd');
  old.ofResponse('resp_1', 'family').moveTo('odd');
  const next = new ConversationHomes();
  void conversationsPart(next).importState(sent(conversationsPart(old).exportState()));
  for (const id of [14_999, 15_000, 5_001])
    assert.equal(next.homeOf(0, { id }).engine, old.homeOf(0, { id }).engine);
  assert.equal(next.ofResponse('resp_1', 'family').engine, 'odd');
  for (const state of [undefined, 3, [{ engine: 'a' }, { engine: 'a', ids: [1.5, 'x'] }]])
    void conversationsPart(next).importState(state);
  assert.equal(next.homeOf(0, { id: 15_000 }).engine, 'even');
});
