/** A path of an engine's own API that is asked for at the root, where it is not served. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { post } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

test("an engine's own API, asked for at the root, is named with its place to a key that could ask there", async () => {
  const admin = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  const reader = fixture.addKey({ scopes: ['engine:read'] });
  for (const path of [
    '/api/pull',
    '/api/delete',
    '/api/blobs/sha256:0123',
    '/models/load',
    '/api/v1/models/unload',
    '/tokenize',
    '/v1/load_lora_adapter',
  ]) {
    for (const key of [admin, reader]) {
      const response = await fixture.ask(post(path, key, chatBody));
      assert.equal(response.status, 404, path);
      const { error } = JSON.parse(response.body.toString()) as { error: string | { message: string } };
      assert.equal(typeof error === 'string', /^\/api\/(?!v1)/.test(path), 'in the dialect of the path');
      const message = typeof error === 'string' ? error : error.message;
      assert.ok(message.includes(`an engine's own API is at /engine/ID${path}.`), message);
    }
  }
  await fixture.assertUnharmed();
});

test('it is named to no other key, nor for a path that no engine can have', async () => {
  const admin = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  for (const [path, key] of [
    ['/api/pull', fixture.key],
    [`/${'x'.repeat(600)}`, admin],
    ['/a%20b', admin],
    ['/api/', admin],
  ] as const) {
    const response = await fixture.ask(post(path, key, chatBody));
    assert.equal(response.status, 404, path);
    assert.doesNotMatch(response.body.toString(), /\/engine\//, path);
  }
  await fixture.assertUnharmed();
});
