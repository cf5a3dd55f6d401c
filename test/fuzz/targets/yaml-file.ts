/** Files for `flm apply`: a valid configuration, or faults with their places. What was accepted is accepted again as JSON. */
import assert from 'node:assert/strict';
import * as yaml from 'yaml';
import { parseYaml } from '../../../src/cli/yaml-file.ts';
import { parseConfigurationFile } from '../../../src/core/configuration/configuration-file.ts';
import { ProxyError } from '../../../src/core/errors.ts';
import type { FuzzTarget } from '../target.ts';

export const yamlFile: FuzzTarget = {
  name: 'yaml-file',
  about: 'files for apply: typed faults with their places, or the same configuration again',
  sources: ['src/cli/yaml-file.ts', 'src/core/configuration/configuration-file.ts', 'src/core/faults.ts'],
  tokens: [
    'keys:',
    'policy:',
    'engines:',
    'aliases:',
    'profiles:',
    '\n',
    '\n  ',
    '- ',
    ': ',
    '&a ',
    '*a',
    '<<: *a',
    '? ',
    '|',
    '>',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    '#',
    '---',
    '!!binary ',
    '!!js/function ',
    'null',
    'true',
    '1e400',
    'label: x',
    'allowIps: [10.0.0.0/8]',
    '__proto__:',
    'constructor:',
    'models: ["*"]',
    'url: http://127.0.0.1:1',
  ],
  seeds: [
    'keys:\n  - label: ci\n    models: ["qwen*"]\n    requestsPerMinute: 60\n',
    'policy:\n  allowIps: [10.0.0.0/8]\n  requestsPerMinute: 100\n',
    'engines:\n  - name: box\n    url: http://127.0.0.1:11434\naliases:\n  - name: fast\n    targets: [box/qwen]\n',
    'profiles:\n  home:\n    port: 8443\n    mode: https-local\n',
    'a: &a {b: 1}\nkeys: *a\n',
  ],
  maxLength: 1_024,
  check(input) {
    const text = input.toString('utf8');
    const file = parseYaml(yaml, text);
    if (Array.isArray(file)) {
      assert(file.length > 0, 'a refused file has faults');
      return;
    }
    const { value, placed } = file as Exclude<typeof file, readonly unknown[]>;
    try {
      const configuration = parseConfigurationFile(value);
      const again = parseYaml(yaml, yaml.stringify(configuration));
      assert(!Array.isArray(again), 'what was read can be written');
      assert.deepEqual(parseConfigurationFile((again as { value: unknown }).value), configuration);
    } catch (error) {
      if (!(error instanceof ProxyError)) throw error;
      assert.equal(error.code, 'APPLY_INVALID');
      const { faults } = error;
      assert(faults !== undefined && faults.length > 0, 'a refused file has faults');
      assert.equal(placed(faults).length, faults.length);
    }
  },
};
