import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly state: string;
}

test('a proxy that was started can be asked for, restarted and stopped', async (t) => {
  const cli = makeCli(t);

  const started = await startProxy(cli);
  const status = (await cli.run('proxy', 'status', '--json')).json<{ proxies: Proxy[] }>();
  const text = await cli.run('proxy', 'status');
  assert.match((await cli.run('proxy', 'logs', started.id)).stdout, /"started"/);
  const detail = await cli.run('status', 'default');
  const alone = (await cli.run('proxy', 'status', 'default', '--json')).json<{ proxies: Proxy[] }>();
  const restarted = (await cli.run('proxy', 'restart', '--json')).json<Proxy>();
  const stopped = await cli.run('proxy', 'stop', restarted.id, '--json');

  assert.deepEqual(
    status.proxies.map((p) => [p.id, p.pid, p.state]),
    [[started.id, started.pid, 'running']],
  );
  assert.deepEqual(
    alone.proxies.map((p) => p.id),
    [started.id],
  );
  assert.match(text.stdout, new RegExp(`^PROXY .*\\n${started.id} +running +default +http`));
  assert.match(text.stdout, /flm engine add URL/);
  assert.match(
    detail.stdout,
    new RegExp(`^${started.id} +running, profile default\\n +process +pid ${started.pid}, `),
  );
  assert.notEqual(restarted.pid, started.pid);
  assert.equal(restarted.port, started.port);
  assert.equal(stopped.json<{ stopped: Proxy[] }>().stopped[0]?.id, restarted.id);
  assert.match((await cli.run('proxy', 'logs')).stdout, /stopped/);
  assertMistake(await cli.run('proxy', 'logs', restarted.id), /There is no profile named px_/);
});

test('a health check by flm itself exits with 0 while a proxy serves, otherwise with 1', async (t) => {
  const cli = makeCli(t);

  const before = await cli.run('proxy', 'status', '--check');
  await cli.run('proxy', 'start', '--port', '0');
  const serving = await cli.run('proxy', 'status', '--check');
  const other = await cli.run('proxy', 'status', 'lab', '--check');
  await cli.run('proxy', 'stop');
  const after = await cli.run('proxy', 'status', 'default', '--check');

  assert.deepEqual(
    [before, serving, other, after].map(({ code }) => code),
    [1, 0, 1, 1],
  );
});

test('the view of a fleet says that this machine shares no database, and takes no proxy', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('proxy', 'status', '--fleet'), /shares no database with other machines/);
  assertMistake(await cli.run('status', 'lab', '--fleet'), /not several of them/);
});

test('a start that cannot be says why and leaves nothing', async (t) => {
  const cli = makeCli(t);
  const { port, id } = await startProxy(cli);

  assertMistake(await cli.run('proxy', 'start'), new RegExp(`already running as ${id}`));
  await cli.run('profile', 'save', 'lab', '--port', String(port));
  assertMistake(await cli.run('proxy', 'start', 'lab'), new RegExp(`Port ${port} .*${id}`));
  assertMistake(await cli.run('proxy', 'start', 'nothing'), /no profile named nothing/);
  assertMistake(await cli.run('proxy', 'start', '--bind', '0.0.0.0'), /a loopback address/);
  assertMistake(await cli.run('proxy', 'stop', 'lab'), /No proxy is running with the id or profile lab/);
  assertMistake(await cli.run('proxy', 'restart', 'lab'), /No proxy is running/);
  assertMistake(await cli.run('proxy', 'status', 'lab'), /No proxy is running with the id or profile lab/);
  assertMistake(await cli.run('proxy', 'logs', '--lines', 'x'), /--lines takes a number/);
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: Proxy[] }>();
  assert.deepEqual(
    proxies.map((p) => p.id),
    [id],
  );
});

test('a proxy in the foreground ends with a signal', async (t) => {
  const cli = makeCli(t);

  const running = cli.start('proxy', 'run', '--port', '0', '--json');
  await running.saw(/\n/);
  const { url } = JSON.parse(running.stdout()) as Proxy;
  assert.equal((await fetch(`${url}/health`)).status, 200);
  running.child.kill('SIGTERM');
  const ended = await running.ended;

  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });
});

test('a detached proxy that hears of a closed terminal still drains at the signal to end', async (t) => {
  const cli = makeCli(t);
  const { pid, url } = await startProxy(cli, '--demo');
  const { key } = await createKey(cli, 'laptop');
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], stream: true }),
  });
  assert.ok(response.body !== null);

  process.kill(pid, 'SIGHUP');
  let text = '';
  let told = false;
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    // The demo speaks at a human pace, so by then the two signals are no echo of each other.
    if (told || text.split('\n\n').length < 15) continue;
    told = true;
    process.kill(pid, 'SIGTERM');
  }

  assert.ok(told);
  assert.match(text, /data: \[DONE\]\n\n$/);
});
