/** What docs/security.md says that a key may ask of an engine is what the code lets through. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { engineKind, engineKindNames } from '../../src/core/engine/kinds.ts';
import { probePaths, routes } from '../../src/gateway/routes.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');

/** The cells of the table that begins with this head. */
function table(head: string): readonly (readonly string[])[] {
  const lines = page.slice(page.indexOf(head)).split('\n').slice(2);
  const rows = lines.slice(0, lines.indexOf(''));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const endpoints = (cell: string | undefined): readonly string[] =>
  [...(cell ?? '').matchAll(/`([A-Z]+ \/[^`]*)`/g)].map((match) => match[1] as string);

test('security.md lists exactly the reads that the code allows', () => {
  const reads = routes
    .filter((row) => row.scope === 'inference' && !probePaths.has(row.pattern))
    .filter((row) => row.method === 'GET' || row.id === 'ollama.show')
    .map((row) => `${row.method} ${row.pattern}`);
  assert.deepEqual(
    table('| read | answer |')
      .flatMap(([read]) => endpoints(read))
      .toSorted(),
    reads.toSorted(),
  );
});

test("security.md lists exactly the endpoints of an engine's own API that need less than engine:admin", () => {
  const listed = new Map(
    table('| kind | scope | endpoints below').map(([kind, scope, list]) => [
      `${kind} ${scope}`,
      endpoints(list),
    ]),
  );
  let rows = 0;
  for (const name of engineKindNames) {
    const { title, native } = engineKind(name);
    for (const scope of new Set(native.map((rule) => rule.scope))) {
      const allowed = native
        .filter((rule) => rule.scope === scope)
        .map((rule) => `${rule.method} ${rule.path}`);
      assert.deepEqual(
        [...(listed.get(`${title} \`${scope}\``) ?? [])].toSorted(),
        allowed.toSorted(),
        title,
      );
      rows += 1;
    }
  }
  assert.equal(listed.size, rows, 'no row too many');
});
