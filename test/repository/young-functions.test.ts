/**
 * V8 makes a function an old object if it is written as the value that is assigned to a property (`x.end = () => ...`), in all
 * stages of its compiler but the last. An old object keeps all that it reaches, here a whole request, until a full
 * collection. A function that has a name first (`const end = () => ...; x.end = end;`) is a young object. So is one that a class
 * field or an object literal begins with.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseSync, Visitor } from 'rolldown/utils';

const root = join(import.meta.dirname, '../..');
/** What runs for each request or connection. */
const hot = ['src/gateway', 'src/upstream', 'src/observe', 'src/core/security'];

/** The lines that assign a function to a property. */
function oldFunctions(file: string, source: string): readonly number[] {
  const lines: number[] = [];
  const visitor = new Visitor({
    AssignmentExpression({ left, right, start }) {
      const isFunction = right.type === 'ArrowFunctionExpression' || right.type === 'FunctionExpression';
      if (left.type === 'MemberExpression' && isFunction)
        lines.push(source.slice(0, start).split('\n').length);
    },
  });
  visitor.visit(parseSync(file, source).program);
  return lines;
}

test('code that runs for each request assigns no function to a property before it has a name', () => {
  const files = hot.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }));
  assert.ok(files.length > 100);
  const found = files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      oldFunctions(file, readFileSync(join(root, file), 'utf8')).map((line) => `${file}:${line}`),
    );
  assert.deepEqual(found, []);
});

test('a function that is assigned to a property is found in each of its forms', () => {
  const source = [
    'class A { #f; g = () => 1; constructor() { this.#f = () => 2; } }',
    'x.a = () => 3; x.b = async (y) => y; x.c ??= function () {};',
    'const named = () => 4; x.d = named; x.e = { f: () => 5 }; x.f = call(() => 6);',
  ].join('\n');
  assert.deepEqual(oldFunctions('example.ts', source), [1, 2, 2, 2]);
});
