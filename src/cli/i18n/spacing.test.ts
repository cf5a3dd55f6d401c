import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, 'ja');

/** Keys on a line of their meanings stand apart: `q 終了`. */
const apart = /^ {2}keys(?:WithoutRequest)?: /;

test('Japanese texts have no space beside Latin letters or values, and no full-width letters or digits', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
  assert.ok(files.length > 20);
  for (const file of files)
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      if (apart.test(line) || /^\s*(?:\/\/|\/?\*)/.test(line)) continue;
      const place = `${file}: ${line.trim()}`;
      assert.doesNotMatch(line, /[\u3040-\u30ff\u4e00-\u9fff] +[A-Za-z0-9`${]/, place);
      assert.doesNotMatch(line, /[A-Za-z0-9`}] +[\u3040-\u30ff\u4e00-\u9fff]/, place);
      assert.doesNotMatch(line, /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/, place);
      assert.doesNotMatch(line, /[、。] +[\u3040-\u30ff\u4e00-\u9fff]/, place);
    }
});
