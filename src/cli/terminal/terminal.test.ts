import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Environment } from '../../core/environment.ts';
import { makeTerminal } from './terminal.ts';

/** Streams of which some are terminals, and what was written to each. */
function streams(terminals: { readonly out: boolean; readonly talk: boolean }) {
  const make = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY });
  const [stdin, stdout, stderr] = [make(false), make(terminals.out), make(terminals.talk)];
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return {
    // Only what a terminal here asks of them.
    streams: { stdin, stdout, stderr } as unknown as Parameters<typeof makeTerminal>[0],
    out: () => text(stdout),
    talk: () => text(stderr),
  };
}

function painted(terminals: { out: boolean; talk: boolean }, environment: Environment): readonly string[] {
  const made = streams(terminals);
  const terminal = makeTerminal(made.streams, environment);
  terminal.out(terminal.paint('red', 'result'));
  terminal.talk(terminal.paint('red', 'talk'));
  return [made.out(), made.talk()];
}

const red = (text: string): string => `\x1b[31m${text}\x1b[39m\n`;

test('colours stand where a person reads, and nowhere else', () => {
  assert.deepEqual(painted({ out: true, talk: true }, {}), [red('result'), red('talk')]);
  assert.deepEqual(painted({ out: false, talk: true }, {}), ['result\n', 'talk\n']);
  assert.deepEqual(painted({ out: true, talk: false }, {}), [red('result'), 'talk\n']);
});

test('NO_COLOR with any value, and a dumb terminal, keep colours away', () => {
  const both = { out: true, talk: true };
  assert.deepEqual(painted(both, { NO_COLOR: '1' }), ['result\n', 'talk\n']);
  assert.deepEqual(painted(both, { TERM: 'dumb' }), ['result\n', 'talk\n']);
  assert.deepEqual(painted(both, { NO_COLOR: '' }), [red('result'), red('talk')]);
});
