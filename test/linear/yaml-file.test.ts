/** Parsing a YAML file costs work in proportion to its length, whatever the file contains. Counted in steps, not in time. */
import { test } from 'node:test';
import * as yaml from 'yaml';
import { parseYaml } from '../../src/cli/yaml-file.ts';
import { assertLinear } from '../helpers/count-steps.ts';

test('parsing costs steps in proportion to the length of the text', () => {
  const texts: readonly ((size: number) => string)[] = [
    (size) => Array.from({ length: size / 10 }, (_, i) => `k${i}: 1`).join('\n'),
    (size) => `{${Array.from({ length: size / 10 }, (_, i) => `"k${i}":1`).join()}}`,
    (size) => 'a: 1\n'.repeat(size / 5),
    (size) => '- 1\n'.repeat(size / 4),
    (size) => `"${'\\x'.repeat(size / 2)}"`,
    (size) => `a: "${'b\n'.repeat(size / 2)}"`,
    (size) => ' '.repeat(size),
    (size) => '#\n'.repeat(size / 2),
    (size) => '!a '.repeat(size / 3),
  ];
  for (const text of texts)
    assertLinear(JSON.stringify(text(50)), (size) => () => parseYaml(yaml, text(size)), {
      sizes: [2_000, 20_000],
      fixed: 50_000,
      perUnit: 300,
    });
});
