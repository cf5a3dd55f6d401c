import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addConfigFlags, type ConfigFlags, number, overridesOf } from './config-flags.ts';

function overrides(...argv: readonly string[]): object {
  const command = addConfigFlags(new Command('x'));
  command.parse(argv, { from: 'user' });
  return overridesOf(command.opts<ConfigFlags>());
}

test('flags become the part of a configuration that they name, and nothing else', () => {
  assert.deepEqual(overrides(), {});
  assert.deepEqual(
    overrides(
      ...['--mode', 'local-http', '--bind', '127.0.0.1', '--bind', '::1', '--port', '0', '--grace', '1.5'],
      ...[
        '--engine',
        'http://a',
        '--engine',
        'http://b',
        '--public-host',
        'x.example.org',
        '--heartbeat',
        '20',
      ],
      ...['--allow-insecure-bind', '--demo', '--admin'],
    ),
    {
      mode: 'local-http',
      bind: ['127.0.0.1', '::1'],
      port: 0,
      engines: [{ url: 'http://a' }, { url: 'http://b' }],
      publicHosts: ['x.example.org'],
      allowInsecureBind: true,
      graceMs: 1500,
      heartbeatMs: 20_000,
      demo: true,
      admin: true,
    },
  );
});

test('what is no number is left for the schema to name', () => {
  assert.deepEqual(overrides('--port', 'x', '--grace', 'long'), { port: 'x', graceMs: 'long' });
  assert.deepEqual(['1', '-1', '1.5', '1e3', '0x10', ' 1', ''].map(number), [
    1,
    -1,
    1.5,
    '1e3',
    '0x10',
    ' 1',
    '',
  ]);
  assert.equal(number(undefined), undefined);
});
