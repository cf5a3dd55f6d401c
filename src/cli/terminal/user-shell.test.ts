import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportLine, requestCommand, userShell } from './user-shell.ts';

const request = {
  url: 'http://127.0.0.1:8484/v1/chat/completions',
  body: `{"content":"It's me"}`,
  key: undefined,
  authorityFile: undefined,
  clientCertificate: false,
};

test('the key is set in the words of the shell, and the request takes it from there', () => {
  for (const [platform, login, set, used] of [
    ['linux', '/bin/bash', 'export FLM_API_KEY=flm_a', 'Bearer $FLM_API_KEY'],
    ['darwin', '/opt/homebrew/bin/fish', 'set -gx FLM_API_KEY flm_a', 'Bearer $FLM_API_KEY'],
    ['win32', undefined, "$env:FLM_API_KEY = 'flm_a'", 'Bearer $env:FLM_API_KEY'],
    ['linux', undefined, 'export FLM_API_KEY=flm_a', 'Bearer $FLM_API_KEY'],
  ] as const) {
    const shell = userShell(platform, { SHELL: login });
    assert.equal(exportLine(shell, 'FLM_API_KEY', 'flm_a'), set);
    assert.ok(requestCommand(shell, request).includes(used));
  }
});

test('quotes in a body and in a file name survive the shell', () => {
  const posix = requestCommand('posix', { ...request, authorityFile: "/home/o'neil/ca.crt" });
  assert.ok(posix.includes(`-d '{"content":"It'\\''s me"}'`), posix);
  assert.ok(posix.includes(`--cacert '/home/o'\\''neil/ca.crt'`), posix);
  assert.ok(requestCommand('powershell', request).includes(`-Body '{"content":"It''s me"}'`));
});
