import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { failsAs, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { createStoreKey, readStoreKey, StoreKey } from './store-key.ts';

test('a secret comes back with the key of its file, and is nowhere in its sealed form', (t) => {
  const file = join(temporaryHome(t), 'store.key');
  const made = createStoreKey(file);
  const secret = 'sk-engine-Grüße';
  const sealed = made.seal(secret, 'engine/a');
  assert.equal(readStoreKey(file).unseal(sealed, 'engine/a').toString(), secret);
  assert.ok(!sealed.sealed.includes(secret));
  // A new nonce each time: equal secrets look different.
  assert.notDeepEqual(made.seal(secret, 'engine/a').sealed, sealed.sealed);
});

test('a sealed secret that was moved to another row, or changed by one bit, is refused', (t) => {
  const key = createStoreKey(join(temporaryHome(t), 'store.key'));
  const sealed = key.seal('secret', 'engine/a');
  assert.throws(() => key.unseal(sealed, 'engine/b'), failsAs('STORE_KEY_UNUSABLE', /engine\/b/));
  for (let i = 0; i < sealed.sealed.length; i++) {
    const changed = Buffer.from(sealed.sealed);
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.throws(
      () => key.unseal({ ...sealed, sealed: changed }, 'engine/a'),
      failsAs('STORE_KEY_UNUSABLE'),
    );
  }
  assert.throws(
    () => key.unseal({ ...sealed, sealed: Buffer.alloc(5) }, 'engine/a'),
    failsAs('STORE_KEY_UNUSABLE'),
  );
});

test('another key cannot read a secret, and the error names the id of the right one', (t) => {
  const home = temporaryHome(t);
  const [one, other] = [createStoreKey(join(home, 'one')), createStoreKey(join(home, 'other'))];
  const sealed = one.seal('secret', 'engine/a');
  assert.throws(() => other.unseal(sealed, 'engine/a'), failsAs('STORE_KEY_UNUSABLE', new RegExp(one.id)));
});

test('older keys below the first one still read what they encrypted', (t) => {
  const home = temporaryHome(t);
  const old = createStoreKey(join(home, 'old'));
  const sealed = old.seal('secret', 'engine/a');
  createStoreKey(join(home, 'new'));
  const both = readFileSync(join(home, 'new'), 'utf8') + readFileSync(join(home, 'old'), 'utf8');
  const key = new StoreKey('both', both);
  assert.equal(key.unseal(sealed, 'engine/a').toString(), 'secret');
  assert.notEqual(key.seal('secret', 'engine/a').sealedBy, old.id);
});

test('the file of a new key is private, and an existing file is never overwritten', (t) => {
  const file = join(temporaryHome(t), 'store.key');
  createStoreKey(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const before = readFileSync(file, 'utf8');
  assert.throws(() => createStoreKey(file), failsAs('STORE_KEY_UNUSABLE', /exists already/));
  assert.equal(readFileSync(file, 'utf8'), before);
});

test('a missing, empty or damaged file is refused, and its content is not shown', (t) => {
  const home = temporaryHome(t);
  const file = join(home, 'store.key');
  assert.throws(
    () => readStoreKey(undefined),
    failsAs('STORE_KEY_UNUSABLE', /FLM_STORE_KEY_FILE\) cannot be used: it is not set/),
  );
  assert.throws(
    () => readStoreKey(file),
    failsAs('STORE_KEY_UNUSABLE', /does not exist/, /flm db key create/),
  );
  assert.throws(() => readStoreKey(home), failsAs('STORE_KEY_UNUSABLE', /folder/));
  for (const text of ['', '\n\n', 'hunter2', 'flm-store-key-1:hunter2']) {
    writeFileSync(file, text);
    assert.throws(
      () => readStoreKey(file),
      (error: Error) => !error.message.includes('hunter2') && failsAs('STORE_KEY_UNUSABLE')(error),
    );
  }
});
