/** Code of PostgreSQL, Valkey, telemetry and encryption is never read where it is not used: `import()` alone loads it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const src = join(import.meta.dirname, '../../src');
/** Files that belong to an optional part. */
const optional =
  /(^|\/)(store\/postgres\/|valkey\/|telemetry\/|archive\/age\.ts$|app\/postgres-tools\.ts$)|^(pg|iovalkey|age-encryption)$/;

test('code of optional parts is loaded by import() only, or as types', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const parts = files.filter((name) => optional.test(name));
  assert.ok(parts.length > 10, 'the pattern matches the files');
  const loaded = files
    .filter((name) => !optional.test(name))
    .flatMap((name) => {
      const text = readFileSync(join(src, name), 'utf8');
      const imports = text.matchAll(
        /^(?:import|export) (?!type\b)[^;]*?from '([^']+)';|^import '([^']+)';/gms,
      );
      return [...imports]
        .map(([, from, alone]) =>
          (from ?? alone ?? '')
            .replace('./postgres-tools', 'app/postgres-tools')
            .replace('./age', 'archive/age'),
        )
        .filter((from) => optional.test(from))
        .map((from) => `${name} imports ${from}`);
    });
  assert.deepEqual(loaded, []);
});
