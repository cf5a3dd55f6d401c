import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertMistake, makeCli, processesOf, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
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

test('of starts of a profile at the same moment, one starts a proxy and the others report it', async (t) => {
  const cli = makeCli(t);

  const starts = await Promise.all(Array.from({ length: 3 }, () => cli.run('proxy', 'start', '--port', '0')));
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: Proxy[] }>();

  assert.equal(proxies.length, 1);
  assert.equal(starts.filter(({ code }) => code === 0).length, 1);
  for (const ran of starts.filter(({ code }) => code !== 0))
    assertMistake(ran, new RegExp(`already (running|starting) as ${proxies[0]?.id}`));
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

const noProc = existsSync('/proc/self/environ') ? false : 'looks at /proc';

/** A data folder in which the profile `default` has run, and so has a log. */
async function cliAfterRun(t: TestContext): Promise<TestCli> {
  const cli = makeCli(t);
  await startProxy(cli);
  await cli.run('proxy', 'stop');
  return cli;
}

test('a start that is refused ends the process that it spawned early, and makes no log', {
  skip: noProc,
}, async (t) => {
  const cli = await cliAfterRun(t);
  const logs = (): readonly string[] =>
    readdirSync(join(cli.home, 'logs')).map((name) => readFileSync(join(cli.home, 'logs', name), 'utf8'));
  const before = logs();

  for (const words of [['--port', 'x'], ['--bind', '0.0.0.0'], ['--nonsense'], ['nothing'], ['--help']]) {
    for (const command of [
      ['proxy', 'start'],
      ['up', '--detach'],
    ]) {
      await cli.run(...command, ...words);
      await eventually(
        () => processesOf(cli.home),
        (pids) => pids.length === 0,
      );
    }
  }
  assert.deepEqual(logs(), before);
});

test('a proxy logs to the log of its profile, also where an option hides the name of the profile', {
  skip: noProc,
}, async (t) => {
  const cli = await cliAfterRun(t);
  const before = readFileSync(join(cli.home, 'logs/default.log'), 'utf8');
  await cli.run('profile', 'save', 'lab', '--port', '0');

  const lab = (
    await cli.run('proxy', 'start', '--engine', 'http://127.0.0.1:9', 'lab', '--json')
  ).json<Proxy>();
  await eventually(
    () => processesOf(cli.home),
    (pids) => pids.length === 1,
  );

  assert.deepEqual(processesOf(cli.home), [lab.pid]);
  // A proxy writes its log a moment later.
  await eventually(
    () => readFileSync(join(cli.home, 'logs/lab.log'), 'utf8'),
    (log) => log.includes('"started"'),
  );
  assert.equal(readFileSync(join(cli.home, 'logs/default.log'), 'utf8'), before);
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
