/** The log of `flm proxy run` is stderr: JSON lines and nothing else, whatever becomes of its reader. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flmEntry, makeCli, noTerminal, type TestCli } from '../helpers/cli.ts';
import { createKey } from '../helpers/start-proxy.ts';

type LogLine = Readonly<Record<string, unknown>>;

function linesOf(text: string): readonly LogLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine);
}

const said = (text: string): readonly unknown[] => linesOf(text).map(({ msg }) => msg);

test('a proxy in the foreground writes JSON lines to stderr, warnings and its end as well, and nothing to stdout', async (t) => {
  const cli = makeCli(t, { NODE_OPTIONS: `--import=${warning}` });
  const running = cli.start('proxy', 'run', '--port', '0');
  await running.saw(/"msg":"started"/, 'stderr');
  await running.saw(/"msg":"a warning of Node"/, 'stderr');
  await running.saw(/"level":"warn".*No key can be used/, 'stderr');
  running.child.kill('SIGTERM');
  const ended = await running.ended;

  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(ended.stdout, '');
  assert.deepEqual(said(ended.stderr).slice(-2), ['stopping', 'stopped']);
});

test('the log goes to stdout if asked, errors of the command line as well, and then stderr stays empty', async (t) => {
  const cli = makeCli(t);
  const running = cli.start('proxy', 'run', '--port', '0', '--log-to', 'stdout');
  await running.saw(/"msg":"started"/);
  await running.saw(/"level":"warn".*No key can be used/);
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  assert.equal(ended.code, 0, ended.stdout);
  assert.equal(ended.stderr, '');
  assert.equal(said(ended.stdout).at(-1), 'stopped');

  for (const args of [
    ['--log-to=stdout', '--nonsense'],
    ['--log-to', 'stdout', '--json'],
  ]) {
    const wrong = await cli.run('proxy', 'run', ...args);
    assert.deepEqual([wrong.code, wrong.stderr], [1, '']);
    assert.equal(linesOf(wrong.stdout)[0]?.code, 'USAGE');
  }
  const elsewhere = await cli.run('proxy', 'run', '--log-to', 'file');
  assert.deepEqual([elsewhere.code, elsewhere.stdout], [1, '']);
  assert.match(elsewhere.stderr, /Allowed choices are stderr, stdout/);
});

/** Node warns once the command runs. */
const warning = `data:text/javascript,${encodeURIComponent("setTimeout(() => process.emitWarning('a warning of Node'), 50)")}`;

const mistakes: Readonly<Record<string, readonly [args: readonly string[], code: string, exit: number]>> = {
  'a flag that does not exist': [['--nonsense'], 'USAGE', 1],
  'a configuration that is not valid': [['--bind', '0.0.0.0'], 'PROXY_INVALID_CONFIG', 1],
  'a profile that does not exist': [['nothing'], 'PROFILE_NOT_FOUND', 1],
  'a client CA that cannot be read': [
    ['--mode', 'dev-selfsigned', '--client-ca', '/nowhere.pem'],
    'PROXY_CERT_FAILED',
    1,
  ],
};
for (const [name, [args, code, exit]] of Object.entries(mistakes)) {
  test(`a start that fails by ${name} is a line of the log and an exit status`, async (t) => {
    const ran = await makeCli(t).run('proxy', 'run', '--port', '0', ...args);

    assert.deepEqual([ran.code, ran.stdout], [exit, '']);
    const last = linesOf(ran.stderr).at(-1);
    assert.deepEqual([last?.level, last?.code], ['error', code]);
    assert.ok(String(last?.hint).length > 0);
  });
}

test('a reader of stderr that stalls costs neither memory without end nor the end of the proxy', async (t) => {
  const cli = makeCli(t);
  const { key } = await createKey(cli, 'k');
  const running = cli.start('proxy', 'run', '--port', '0', '--json');
  await running.saw(/\n/);
  const { url } = JSON.parse(running.stdout()) as { url: string };
  running.child.stderr?.pause();

  const headers = { authorization: `Bearer ${key}` };
  // A long path makes a long line: more than four megabytes of them.
  const path = `/v1/models?${'x'.repeat(10)}`;
  let lost = 0;
  while (lost === 0) {
    await Promise.all(
      Array.from({ length: 500 }, async () => (await fetch(`${url}${path}`, { headers })).text()),
    );
    lost = await linesLost(cli);
  }
  running.child.kill('SIGTERM');
  await once(running.child, 'exit');

  assert.equal(running.child.exitCode, 0);
  running.child.stderr?.resume();
  await running.ended;
});

/** As the metrics tell it; over the control socket, which asks for no key. */
async function linesLost(cli: TestCli): Promise<number> {
  const { request } = await import('node:http');
  const { readdirSync } = await import('node:fs');
  const folder = join(cli.home, 'run');
  const socketPath = join(folder, readdirSync(folder).find((name) => name.endsWith('.sock')) ?? '');
  const text = await new Promise<string>((resolve, reject) => {
    request({ socketPath, path: '/metrics' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      response.once('end', () => resolve(body));
    })
      .once('error', reject)
      .end();
  });
  return Number(/^flm_log_lines_lost_total (\d+)$/m.exec(text)?.[1]);
}

test('a log that is a file is appended to, with lines of JSON alone', async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'flm.log');
  const fd = openSync(file, 'a');
  const child = spawn(process.execPath, [flmEntry, 'proxy', 'run', '--port', '0', '--json'], {
    env: { PATH: '', HOME: cli.folder, FLM_HOME: cli.home, FLM_SETUP: 'off', FLM_DETECT_PORTS: '' },
    stdio: ['ignore', 'pipe', fd],
  });
  closeSync(fd);
  const exited = once(child, 'exit');
  await once(child.stdout ?? child, 'data');
  child.kill('SIGTERM');
  await exited;

  assert.equal(child.exitCode, 0);
  assert.ok(said(readFileSync(file, 'utf8')).includes('stopped'));
});

test('the log is readable on a terminal, and raw with --json or for a program', {
  skip: noTerminal,
}, async (t) => {
  const cli = makeCli(t);
  await cli.run('proxy', 'start', '--port', '0');
  await cli.run('proxy', 'stop');

  const terminal = await cli.startInTerminal('proxy', 'logs').ended;
  const raw = await cli.startInTerminal('proxy', 'logs', '--json').ended;
  const piped = await cli.run('proxy', 'logs');

  assert.match(terminal.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info {2}started proxy=px_/m);
  assert.ok(said(raw.stdout.replaceAll('\r', '')).includes('started'));
  assert.ok(said(piped.stdout).includes('started'));
});
