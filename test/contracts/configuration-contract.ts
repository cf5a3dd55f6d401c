/** Tests of the configuration as a whole, a part of the contract of repositories. */
import assert from 'node:assert/strict';
import type { ConfigurationChange, StoredConfiguration } from '../../src/core/configuration/ports.ts';
import type { EngineRecord } from '../../src/core/engine/engine.ts';
import { FlmError } from '../../src/core/errors.ts';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import type { Repositories } from '../../src/store/store.ts';
import { emptyChange, sampleKey, sometimeMs } from '../helpers/store-samples.ts';

type Story = (name: string, tell: (store: Repositories) => Promise<void>) => void;

const entry = (subject: string) => ({ atMs: sometimeMs, actor: 'cli:me', action: 'key.create', subject });
const lab = { name: 'lab', config: { port: 9000 }, createdAtMs: 1, updatedAtMs: 2 };
const box: EngineRecord = {
  id: 'box',
  url: 'http://box:8000',
  kind: 'vllm',
  apiKey: { from: 'value', value: 'engine-secret' },
  slots: 3,
  createdAtMs: sometimeMs,
};

export function configurationContract(story: Story): void {
  story('a change of the whole configuration is written, and read as one', async (store) => {
    const change: ConfigurationChange = {
      ...emptyChange,
      profiles: [lab],
      keys: [sampleKey('b', { createdAtMs: 2 }), sampleKey('a', { createdAtMs: 3 })],
      engines: [box],
      aliases: [{ name: 'gpt', target: 'llama' }],
      policy: { ...defaultPolicy, denyIps: ['10.0.0.1'] },
      applied: { profile: ['lab'], key: ['key_a', 'key_b'], engine: ['box'], alias: ['gpt'] },
      audit: [entry('a'), entry('b')],
    };
    assert.equal(await store.configuration.change(() => change), change);
    const stored: StoredConfiguration = {
      profiles: change.profiles,
      keys: change.keys,
      engines: change.engines,
      aliases: change.aliases,
      policy: { ...defaultPolicy, denyIps: ['10.0.0.1'] },
      applied: change.applied,
    };
    assert.deepEqual(await store.configuration.read(), stored);
    assert.deepEqual(await store.security.listKeys(), change.keys);
    assert.deepEqual(await store.engines.listEngines(), [box]);
    const subjects = (await store.audit.list(9)).map(({ subject }) => subject);
    assert.deepEqual(subjects, ['b', 'a']);
  });

  story('what was deleted by hand and made again by hand is not of an applied file', async (store) => {
    await store.configuration.change(() => ({
      ...emptyChange,
      profiles: [lab],
      engines: [box],
      aliases: [{ name: 'gpt', target: 'llama' }],
      applied: { profile: ['lab', 'other'], key: [], engine: ['box'], alias: ['gpt'] },
    }));
    await store.proxies.deleteProfile('lab');
    await store.engines.deleteEngine('box');
    await store.engines.deleteAlias('gpt');
    await store.proxies.saveProfile(lab);
    await store.engines.saveEngine(box);
    const { applied } = await store.configuration.read();
    assert.deepEqual(applied, { profile: ['other'], key: [], engine: [], alias: [] });
  });

  story('a change of the configuration replaces and deletes rows, and keeps all others', async (store) => {
    await store.configuration.change(() => ({
      ...emptyChange,
      profiles: [lab, { ...lab, name: 'old' }],
      keys: [sampleKey('a'), sampleKey('b')],
      engines: [box, { ...box, id: 'old' }],
      aliases: [
        { name: 'gpt', target: 'llama' },
        { name: 'old', target: 'llama' },
      ],
      policy: { ...defaultPolicy, denyIps: ['10.0.0.1'] },
    }));
    await store.configuration.change(() => ({
      ...emptyChange,
      profiles: [{ ...lab, config: { port: 9001 } }],
      keys: [sampleKey('a', { label: 'new' })],
      engines: [{ ...box, slots: 4 }],
      aliases: [{ name: 'gpt', target: 'qwen' }],
      deletedProfiles: ['old', 'never-there'],
      deletedEngines: ['old'],
      deletedAliases: ['old'],
    }));
    const stored = await store.configuration.read();
    assert.deepEqual(stored.profiles, [{ ...lab, config: { port: 9001 } }]);
    assert.deepEqual(stored.keys, [sampleKey('a', { label: 'new' }), sampleKey('b')]);
    assert.deepEqual(stored.engines, [{ ...box, slots: 4 }]);
    assert.deepEqual(stored.aliases, [{ name: 'gpt', target: 'qwen' }]);
    assert.deepEqual(stored.policy.denyIps, ['10.0.0.1']);
  });

  story('a change of the configuration that fails in any part writes nothing', async (store) => {
    await store.configuration.change(() => ({ ...emptyChange, keys: [sampleKey('a')], audit: [entry('a')] }));
    const before = await store.configuration.read();
    const twin = sampleKey('b', { digest: sampleKey('a').digest });
    const change = { ...emptyChange, engines: [box], profiles: [lab], keys: [twin], audit: [entry('b')] };
    await assert.rejects(
      store.configuration.change(() => change),
      (error) => error instanceof FlmError && error.code === 'KEY_INVALID',
    );
    await assert.rejects(
      store.configuration.change(() => {
        throw new RangeError('the plan fails');
      }),
      /the plan fails/,
    );
    assert.deepEqual(await store.configuration.read(), before);
    assert.equal((await store.audit.list(9)).length, 1);
  });

  story(
    'a change of the configuration sees all that was committed, and is not interrupted',
    async (store) => {
      const add = (name: string) =>
        store.configuration.change(({ keys }) => ({
          ...emptyChange,
          keys: [sampleKey(name, { createdAtMs: keys.length })],
        }));
      await Promise.all(['a', 'b', 'c', 'd'].map(add));
      const times = (await store.security.listKeys()).map(({ createdAtMs }) => createdAtMs);
      assert.deepEqual(times, [0, 1, 2, 3]);
    },
  );

  story('a change of the configuration does not make a revoked key valid', async (store) => {
    await store.security.insertKey(sampleKey('a', { revokedAtMs: 7 }));
    await store.configuration.change(() => ({ ...emptyChange, keys: [sampleKey('a', { label: 'new' })] }));
    assert.deepEqual(await store.security.listKeys(), [sampleKey('a', { label: 'new', revokedAtMs: 7 })]);
  });
}
