/** A proxy that may open no more files (`ulimit -n`): it serves the connections that it has, and all others afterwards. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { chat, listModels, type Outcome } from '../long/soak/outcomes.ts';
import { ScriptedEngine } from '../long/soak/scripted-engine.ts';

const skip =
  process.platform !== 'linux' || spawnSync('prlimit', ['--version']).status !== 0
    ? 'prlimit changes the limit of a process'
    : false;

const statusOf = (outcome: Outcome) => (outcome.kind === 'refused' ? outcome.status : outcome.kind);

test('with too many open files a proxy serves its connections, and revokes a key', { skip }, async (t) => {
  const cli = makeCli(t);
  const engine = await ScriptedEngine.start('m');
  t.after(() => engine.close());
  const [kept, gone] = [await createKey(cli, 'kept'), await createKey(cli, 'gone')];
  const { pid, port, url } = await startProxy(cli, '--engine', engine.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const onKept = (): Promise<Outcome> => chat({ url }, { key: kept.key, model: 'm', script: 'json', agent });
  const limit = (files: number): void =>
    assert.equal(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]).status, 0);
  assert.equal((await onKept()).kind, 'whole');
  // One for the revocation that follows, which needs a connection of its own.
  limit(readdirSync(`/proc/${pid}/fd`).length + 1);
  const flood = Array.from({ length: 50 }, () =>
    connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
  );
  t.after(() => {
    for (const socket of flood) socket.destroy();
  });

  for (let i = 0; i < 20; i++) {
    const outcome = await onKept();
    // Where the connection to the engine was idle for too long, no new one can be made.
    if (outcome.kind !== 'whole') assert.deepEqual([outcome.kind, statusOf(outcome)], ['refused', 502]);
  }
  const revoked = await cli.run('key', 'revoke', 'gone', '--json');
  assert.equal(revoked.code === 0 || /still accept|did not/.test(revoked.stderr), true, revoked.stderr);

  limit(4_096);
  for (const socket of flood) socket.destroy();
  const ask = (key: string) => async () => statusOf(await listModels({ url }, key));
  assert.equal(await eventually(ask(gone.key), (status) => status === 401), 401);
  assert.equal(await eventually(ask(kept.key), (status) => status === 'whole'), 'whole');
  assert.equal((await onKept()).kind, 'whole');
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: { pid: number }[] }>();
  assert.deepEqual(
    proxies.map((proxy) => proxy.pid),
    [pid],
  );
});
