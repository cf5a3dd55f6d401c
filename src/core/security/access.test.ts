import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import type { EngineKind } from '../engine/engine-kind.ts';
import { engineKind } from '../engine/kinds.ts';
import { type BodyFacts, scopes } from '../engine/routes.ts';
import { denyAdmin, denyHazard, denyRoute, holdsScope } from './access.ts';
import type { ApiKey } from './api-key.ts';
import { compileKey } from './key-view.ts';

const key = (parts: Partial<ApiKey>) => compileKey(sampleKey({ scopes: [], ...parts }));

test('a scope is held by who has it, and a scope to read by who administers as well; nothing else is implied', () => {
  for (const held of scopes)
    for (const asked of scopes)
      assert.equal(
        holdsScope(key({ scopes: [held] }), asked),
        held === asked ||
          (held === 'engine:admin' && asked === 'engine:read') ||
          (held === 'admin' && asked === 'admin:read'),
        `${held} for ${asked}`,
      );
});

test('a route needs its scope and a place in the endpoints of the key', () => {
  const may = key({ scopes: ['inference'], endpoints: ['embeddings'] });
  assert.equal(denyRoute(may, 'embeddings', 'inference'), undefined);
  assert.deepEqual(denyRoute(may, 'completions', 'inference'), {
    code: 'ENDPOINT_DENIED',
    params: { route: 'completions' },
    rule: 'the endpoints of key key_1',
  });
  assert.deepEqual(denyRoute(may, 'embeddings', 'metrics')?.params, { scope: 'metrics' });
});

test('what a request would do beyond answering is for administrators', () => {
  const kind: EngineKind = {
    ...engineKind('ollama'),
    hazard: (_route, facts) => (facts.model === 'calm' ? undefined : { does: 'unload the model' }),
  };
  const facts = (model: string): BodyFacts => ({
    model,
    modelRange: undefined,
    stream: undefined,
    values: new Map(),
  });
  const plain = key({ scopes: ['inference', 'engine:read', 'metrics'] });
  assert.equal(denyHazard(plain, kind, 'ollama.chat', facts('calm'), undefined), undefined);
  assert.deepEqual(denyHazard(plain, kind, 'ollama.chat', facts('x'), undefined), {
    code: 'HAZARD_REFUSED',
    params: { hazard: 'unload the model' },
    rule: 'Ollama: would unload the model',
  });
  assert.equal(
    denyHazard(key({ scopes: ['engine:admin'] }), kind, 'ollama.chat', facts('x'), undefined),
    undefined,
  );
});

test('the admin API refuses a key without its scopes like a path that does not exist', () => {
  assert.equal(denyAdmin(key({ scopes: ['admin:read'] })), undefined);
  assert.equal(denyAdmin(key({ scopes: ['admin'], endpoints: ['embeddings'] })), undefined);
  const denial = denyAdmin(key({ scopes: ['inference', 'engine:admin', 'metrics'] }));
  assert.equal(denial?.code, 'ROUTE_UNKNOWN');
});
