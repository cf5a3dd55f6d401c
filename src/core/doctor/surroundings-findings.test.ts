import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closingSteps } from './closing-steps.ts';
import { clockFindings, httpPortFindings, nameFindings, portFindings } from './surroundings-findings.ts';

const name = { profile: 'public', name: 'llm.example.org' };

test('a domain that leads here is right, one without an address or to another machine is named', () => {
  const codes = (addresses: readonly string[], own: readonly string[]): readonly string[] =>
    nameFindings([{ ...name, addresses }], own).map(({ code, severity }) => `${code} ${severity}`);

  assert.deepEqual(codes(['8.8.8.8'], ['8.8.8.8', '10.0.0.2']), []);
  assert.deepEqual(codes([], ['8.8.8.8']), ['NAME_UNRESOLVED warning']);
  assert.deepEqual(codes(['1.1.1.1'], ['8.8.8.8']), ['NAME_ELSEWHERE warning']);
  // Behind a router, no address of the machine is public.
  assert.deepEqual(codes(['1.1.1.1'], ['192.168.1.2']), ['NAME_ELSEWHERE notice']);
});

test('a clock that is a minute off is named with its engine, and a slow answer is none', () => {
  const found = clockFindings(
    [
      { engine: 'near', aheadMs: -10_000 },
      { engine: 'far', aheadMs: -3_600_000 },
    ],
    'linux',
  );

  assert.deepEqual(
    found.map(({ code, subject }) => [code, subject]),
    [['CLOCK_DIFFERS', 'far']],
  );
  assert.match(found[0]?.message ?? '', /by 3600 s/);
});

test('the clock of a database is held to seconds, and the command sets the clock of this system', () => {
  const codes = (aheadMs: number): readonly string[] =>
    clockFindings([{ engine: undefined, aheadMs }], 'linux').map(({ code }) => code);
  const command = (platform: NodeJS.Platform): string | undefined =>
    clockFindings([{ engine: undefined, aheadMs: 10_000 }], platform)[0]?.command;

  assert.deepEqual([codes(-4_000), codes(-6_000)], [[], ['CLOCK_DIFFERS']]);
  assert.equal(command('linux'), 'sudo timedatectl set-ntp true');
  assert.equal(command('darwin'), 'sudo sntp -sS time.apple.com');
  assert.equal(command('win32'), 'w32tm /resync');
});

test('the port of http-01 is named when another program has it, or the running proxy does not', () => {
  const common = { profile: 'public', port: 80 };
  const [held, closed, saved] = httpPortFindings(
    [
      { ...common, isRunning: true, holder: 'nginx (pid 812)' },
      { ...common, isRunning: true, holder: undefined },
      { ...common, isRunning: false, holder: '' },
    ],
    'linux',
  );

  assert.deepEqual([held?.code, held?.severity], ['HTTP_PORT_HELD', 'warning']);
  assert.match(held?.message ?? '', /^Port 80, .* is in use by nginx \(pid 812\), /);
  assert.equal(held?.command, 'flm proxy restart public --acme-challenge tls-alpn-01');
  assert.deepEqual([closed?.code, closed?.severity], ['HTTP_PORT_CLOSED', 'warning']);
  assert.equal(closed?.command, 'sudo sysctl net.ipv4.ip_unprivileged_port_start=80');
  assert.deepEqual([saved?.code, saved?.severity], ['HTTP_PORT_HELD', 'notice']);
  assert.match(saved?.message ?? '', /is in use, so .* stop the program that uses it, /);
});

test('a port that another program holds is named with the program, where it is known', () => {
  const [known, unknown] = portFindings([
    { profile: 'a', port: 8484, holder: 'nginx (pid 812)' },
    { profile: 'b', port: 8443, holder: '' },
  ]);

  assert.match(known?.message ?? '', /^Port 8484 of profile a is in use by nginx \(pid 812\), /);
  assert.match(unknown?.message ?? '', /^Port 8443 of profile b is in use, /);
});

test('the steps that close an engine are those of its system, and of Docker', () => {
  const steps = (platform: NodeJS.Platform, kind: 'ollama' | 'vllm' = 'ollama', port = 11434): string =>
    closingSteps({ kind, port, platform }).join('\n');

  assert.match(
    steps('linux'),
    /systemctl edit ollama[\s\S]*OLLAMA_HOST=127\.0\.0\.1:11434[\s\S]*-p 127\.0\.0\.1:11434:11434/,
  );
  // The port of the container is the one of the engine.
  assert.match(steps('linux', 'ollama', 9000), /-p 127\.0\.0\.1:9000:11434/);
  assert.match(steps('darwin'), /launchctl setenv/);
  assert.match(steps('win32'), /setx OLLAMA_HOST/);
  assert.match(steps('win32', 'vllm'), /localport=11434/);
  assert.match(steps('darwin', 'vllm'), /plist/);
  assert.match(steps('linux', 'vllm'), /systemctl edit --full UNIT/);
});
