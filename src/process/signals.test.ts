/** The first signal drains, the second exits immediately. A detached proxy survives the end of its terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { handleSignals } from './signals.ts';

function told(parts: { readonly detached: boolean }) {
  const source = new EventEmitter();
  const actions: string[] = [];
  const off = handleSignals(source, {
    detached: parts.detached,
    stop: (signal) => actions.push(`stop on ${signal}`),
    endNow: (code) => actions.push(`end with ${code}`),
  });
  return { send: (signal: string) => source.emit(signal, signal), actions, off, source };
}

test('the first signal stops, and any second one ends with its own number', () => {
  for (const [first, second, code] of [
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGINT', 'SIGINT', 130],
    ['SIGTERM', 'SIGINT', 130],
  ] as const) {
    const { send, actions } = told({ detached: true });
    send(first);
    assert.deepEqual(actions, [`stop on ${first}`]);
    send(second);
    assert.deepEqual(actions, [`stop on ${first}`, `end with ${code}`]);
  }
});

test('a terminal that closes stops what runs in it, and not what is detached from it', () => {
  const foreground = told({ detached: false });
  foreground.send('SIGHUP');
  assert.deepEqual(foreground.actions, ['stop on SIGHUP']);
  const detached = told({ detached: true });
  assert.equal(detached.send('SIGHUP'), true, 'somebody must listen, or Node ends the process');
  assert.deepEqual(detached.actions, []);
});

test('nothing is left on the emitter', () => {
  const { source, off } = told({ detached: true });
  off();
  assert.deepEqual(source.eventNames(), []);
});

test('a real process drains on the first signal and ends with 128 + n on the second', async () => {
  const module = new URL('./signals.ts', import.meta.url).href;
  const program = `
    import { handleSignals } from ${JSON.stringify(module)};
    const alive = setInterval(() => {}, 1000);
    handleSignals(process, {
      detached: true,
      stop: (signal) => console.log('draining on ' + signal),
      endNow: (code) => process.exit(code),
    });
    console.log('ready');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines = child.stdout.setEncoding('utf8');
  assert.match(String(await once(lines, 'data')), /ready/);
  child.kill('SIGHUP');
  child.kill('SIGTERM');
  assert.match(String(await once(lines, 'data')), /draining on SIGTERM/);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
});
