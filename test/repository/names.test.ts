import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedNames } from '../../scripts/names.ts';

test('two files that export a type of one name are reported, and names that stay inside a file are not', () => {
  const sources = [
    { file: 'src/a.ts', text: 'export interface Reply { a: 1 }\nexport type Kind = 1;\ninterface Local {}' },
    { file: 'src/b.ts', text: 'export class Reply {}\nexport type Kind = 2;\ninterface Local {}' },
    { file: 'src/c.ts', text: 'export abstract class Kind {}\nexport { Reply } from "./a.ts";' },
  ];
  assert.deepEqual(sharedNames(sources), [
    'Reply is exported by src/a.ts and src/b.ts',
    'Kind is exported by src/a.ts and src/b.ts and src/c.ts',
  ]);
});
