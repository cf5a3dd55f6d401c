import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkLayers } from '../../scripts/layers.ts';

const root = join(import.meta.dirname, '../..');
const fixture = join(root, 'test/fixtures/layers');

test('the layer check sees every way to break a rule', () => {
  assert.deepEqual(checkLayers(fixture).violations, [
    'src/cli/broken.ts: does not parse: Unexpected token',
    'src/core/reaches-out.ts: core may not use node:fs',
    'src/core/reaches-out.ts: core may not use the package pino',
    'src/core/reaches-out.ts: core may not know gateway: ../gateway/serves.ts',
    'src/core/reaches-out.ts: core may not know store: ../store/row.ts',
    'src/core/reaches-out.ts: core may not know store: ../store/row.ts',
    'src/core/reaches-out.ts: core may not know store: ../store/row.ts',
    'src/core/reaches-out.ts: core may not know app: ../app/graph.ts',
    'src/core/reaches-out.ts: core may not know store: ../store/row.ts',
    'src/gateway/serves.ts: may not be an HTTP client: request',
    'src/gateway/serves.ts: may not be an HTTP client: http.get',
    'src/gateway/serves.ts: may not be an HTTP client: fetch',
    'src/misc/anything.ts: no rule for src/misc (scripts/layers.ts)',
    'src/upstream/client.ts: upstream may not use the package undici',
    'src/upstream/client.ts: ./gone.ts leads nowhere',
    'src/web/page.ts: web may know only types of core: ../core/count.ts',
    'cycle: src/cli/a.ts -> src/cli/b.ts -> src/cli/a.ts',
  ]);
});

test('the layer check looks at every source file', () => {
  assert.equal(checkLayers(root).modules, globSync('src/**/*.{ts,tsx}', { cwd: root }).length);
});
