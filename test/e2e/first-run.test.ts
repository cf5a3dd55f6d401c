import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';

interface Up {
  readonly id: string;
  readonly baseUrl: string;
  readonly modelNames: readonly string[];
  readonly key: { readonly key: string } | null;
}

test('one command ends in an endpoint, a key and a model that work, and a second one shows them', async (t) => {
  const cli = makeCli(t);

  const up = await cli.run('up', '--detach', '--port', '0', '--json');
  const again = await cli.run('up', '--json');

  assert.equal(up.code, 0, up.stderr);
  const { id, baseUrl, modelNames, key } = up.json<Up>();
  const answer = await fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key?.key ?? ''}` } });
  const { data } = (await answer.json()) as { data: { id: string }[] };
  assert.deepEqual(data.map((m) => m.id).sort(), [...modelNames].sort());
  assert.deepEqual([again.json<Up>().id, again.json<Up>().key], [id, null]);
});
