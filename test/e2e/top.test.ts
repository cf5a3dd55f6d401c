/** `flm top` in a terminal: what it shows, how it cancels, and that the terminal comes back on every way out. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { makeCli, noTerminal } from '../helpers/cli.ts';
import { hold, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const entered = '\x1b[?1049h';
const left = '\x1b[?25h\x1b[?1049l';

/** A proxy with a request that streams until the client or an administrator ends it. */
async function fixture(t: Parameters<typeof makeCli>[0]) {
  const engine = await startChatEngine(['m'], () => [
    sseHead,
    chatDelta({ content: 'It begins' }),
    hold(new Promise(() => {})),
  ]);
  t.after(() => engine.close());
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--engine', engine.url);
  const { key } = await createKey(cli, 'laptop');
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] }),
  });
  return { cli, response };
}

test('top shows the running request and cancels it after a question', { skip: noTerminal }, async (t) => {
  const { cli, response } = await fixture(t);
  const top = cli.startInTerminal('top');
  const type = (text: string): void => void top.child.stdin?.write(text);
  await top.saw(/>\S* laptop +m +.*streaming/);

  type('c');
  await top.saw(/Cancel the request of laptop \(m\)\?/);
  type('n');
  await top.saw(/Not cancelled\./);
  type('c');
  await top.saw(/Not cancelled\.[\s\S]*Cancel the request of laptop/);
  type('y');
  await top.saw(/Cancelled the request of laptop\./);
  assert.match(await response.text(), /request_cancelled|REQUEST_CANCELLED/);
  await top.saw(/No request runs/);
  type('q');

  const { code, stdout } = await top.ended;
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(entered), JSON.stringify(stdout.slice(0, 40)));
  assert.ok(stdout.endsWith(left), JSON.stringify(stdout.slice(-40)));
});

for (const [way, leave] of [
  ['Ctrl-C', '\x03'],
  ['Escape', '\x1b'],
] as const)
  test(`${way} gives the terminal back`, { skip: noTerminal }, async (t) => {
    const top = makeCli(t).startInTerminal('top');
    await top.saw(/No proxy is running/);
    top.child.stdin?.write(leave);

    const { code, stdout } = await top.ended;
    assert.equal(code, 0);
    assert.ok(stdout.endsWith(left), JSON.stringify(stdout.slice(-40)));
  });

for (const end of ['SIGTERM', 'error'] as const)
  test(`an end by ${end} gives the terminal back`, { skip: noTerminal }, async () => {
    const module = join(import.meta.dirname, '../../src/cli/terminal/full-screen.ts');
    const program = `
      const { openFullScreen } = await import('${module}');
      const screen = openFullScreen(process.stdin, process.stdout, { onKey() {}, onResize() {} });
      screen.draw(['shown']);
      process.on('SIGTERM', () => process.exit(143));
      setImmediate(() => { ${end === 'error' ? "throw new Error('a fault')" : "process.kill(process.pid, 'SIGTERM')"} });
      setInterval(() => {}, 1000);`;
    const words = `'${process.execPath}' --input-type=module --eval '${program.replaceAll("'", "'\\''")}' 2>/dev/null`;
    const child = spawn('/usr/bin/script', ['-qefc', words, '/dev/null'], {
      env: { TERM: 'xterm', SHELL: '/bin/sh' },
    });
    let shown = '';
    for await (const bytes of child.stdout) shown += String(bytes);

    assert.match(shown, /shown/);
    assert.ok(shown.endsWith(left), JSON.stringify(shown.slice(-60)));
  });

test('without a terminal top prints the state once, and as JSON', async (t) => {
  const { cli, response } = await fixture(t);

  const text = await cli.run('top');
  const json = (await cli.run('top', '--json')).json<{ proxies: object[]; requests: { state: string }[] }>();

  assert.match(text.stdout, /^flm top {2}1 proxy, 1 running/);
  assert.match(text.stdout, /^> laptop +m /m);
  assert.ok(!text.stdout.includes('\x1b'));
  assert.deepEqual([json.proxies.length, json.requests.map((r) => r.state)], [1, ['streaming']]);
  await response.body?.cancel();
});
