import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialectOfPath, dialectOfTarget, meantRoute } from './advice.ts';
import { routes } from './routes.ts';

const meant = (path: string): string | undefined => meantRoute(path)?.path;

test('a path behind a wrong base URL is known by the route that it ends in', () => {
  for (const [path, right] of [
    ['/v1/v1/messages', '/v1/messages'],
    ['/v1/v1/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/api/chat', '/api/chat'],
    ['//api/chat', '/api/chat'],
    ['/v1//models', '/v1/models'],
    ['/api/api/tags', '/api/tags'],
    ['/api/v1/chat/completions', '/v1/chat/completions'],
    ['/api/v1/messages', '/v1/messages'],
    ['/api/chat/completions', '/v1/chat/completions'],
    ['/chat/completions', '/v1/chat/completions'],
    ['/messages', '/v1/messages'],
    ['/models/org/m', '/v1/models/org/m'],
    ['/openai/v1/responses', '/v1/responses'],
    ['/openai/deployments/gpt/chat/completions', '/v1/chat/completions'],
    ['/anthropic/v1/messages', '/v1/messages'],
    ['/ollama/api/generate', '/api/generate'],
    ['/v1/chat/completions/chat/completions', '/v1/chat/completions'],
    ['/v1/chat/completions/models', '/v1/models'],
    ['/v1/messages/v1/messages', '/v1/messages'],
    ['/v1/models/', '/v1/models'],
    ['/V1/Chat/Completions', '/v1/chat/completions'],
    ['/API/tags', '/api/tags'],
    ['/v1/health', '/health'],
    ['/v1/engine/e/props', '/engine/e/props'],
  ] as const)
    assert.equal(meant(path), right, path);
});

test('a path that ends in no route is not guessed at', () => {
  for (const path of [
    '/',
    '//',
    '/v1',
    '/nothing',
    '/v1/nothing',
    '/v1beta/models/x:generateContent',
    '/x'.repeat(300),
  ])
    assert.equal(meant(path), undefined, path);
});

test('the dialect of a path is that of its route, or of what it looks like', () => {
  for (const row of routes) {
    const path = row.pattern.replace('{id}', 'a').replace('{rest}', 'b');
    assert.equal(dialectOfPath(path), row.dialect, path);
    if (path !== '/') assert.equal(dialectOfPath(`/v1${path}`), row.dialect, `/v1${path}`);
  }
  for (const [path, dialect] of [
    ['/api', 'ollama'],
    ['/v1/api/nothing', 'ollama'],
    ['//api/nothing', 'ollama'],
    ['/api/v1/nothing', 'openai'],
    ['/v1/v1/messages/batches', 'anthropic'],
    ['/anthropic/v1/complete', 'anthropic'],
    ['/ollama', 'ollama'],
    ['/apix', 'openai'],
    ['/nothing', 'openai'],
    ['', 'openai'],
  ] as const)
    assert.equal(dialectOfPath(path), dialect, path);
  assert.equal(dialectOfTarget('/v1/messages?beta=true'), 'anthropic');
  assert.equal(dialectOfTarget('http://localhost/api/chat'), 'ollama');
});
