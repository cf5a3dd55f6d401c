import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';

test('a proxy that was started can be asked for and stopped', async (t) => {
  const cli = makeCli(t);

  const started = await cli.run('proxy', 'start', '--port', '0', '--json');
  const status = await cli.run('proxy', 'status', '--json');
  const stopped = await cli.run('proxy', 'stop', '--json');

  assert.equal(started.code, 0, started.stderr);
  const { id } = started.json<{ id: string }>();
  assert.deepEqual(
    status.json<{ proxies: { id: string }[] }>().proxies.map((p) => p.id),
    [id],
  );
  assert.equal(stopped.code, 0);
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });
});
