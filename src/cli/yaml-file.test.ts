import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Fault, ProxyError } from '../core/errors.ts';
import { judged } from './yaml-file.ts';

const invalid = (faults: readonly Fault[]) => new ProxyError('PROFILE_INVALID', { faults });

/** `field@line:column` of each fault that a judge with these faults leaves. */
async function places(text: string, ...fields: readonly string[]): Promise<readonly string[]> {
  try {
    await judged(text, invalid, () => {
      throw invalid(fields.map((field) => ({ field, value: '', allowed: '' })));
    });
  } catch (error) {
    assert.ok(error instanceof ProxyError);
    return error.faults.map((f) => `${f.field}@${f.line}:${f.column}`);
  }
  return [];
}

test('a fault has the place of its field, or of as much of the way as there is, in the order of the file', async () => {
  const text = 'a: 1\nb:\n  - x: 2\n    y: &p {q: 1}\n  - *p\n';
  assert.deepEqual(await places(text, 'b.0.y.q', 'b.0.x', 'a'), ['a@1:1', 'b.0.x@3:5', 'b.0.y.q@4:12']);
  assert.deepEqual(await places(text, 'b.0.none', 'b.7', 'c.d'), ['c.d@1:1', 'b.7@2:1', 'b.0.none@3:5']);
  assert.deepEqual(await places(text, 'b.1.q'), ['b.1.q@4:12']);
});

test('JSON is read as well', async () => {
  assert.deepEqual(await judged('{"a": [1, null, "x"]}', invalid, (value) => value), { a: [1, null, 'x'] });
  assert.deepEqual(await places('{\n  "a": {"b": 1}\n}', 'a.b'), ['a.b@2:9']);
});

test('aliases that multiply without end, unknown tags and second documents are refused', async () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]\n`;
  for (const text of [bomb, 'a: !!js/function x', 'a: 1\n---\na: 2\n', 'a: *none']) {
    await assert.rejects(
      judged(text, invalid, (value) => value),
      (error: unknown) => error instanceof ProxyError && error.code === 'PROFILE_INVALID',
      text,
    );
  }
});

test('a number that looks like a word stays what YAML 1.2 says that it is', async () => {
  const value = await judged('a: no\nb: 010\nc: 1_000\nd: 2027-01-01\n', invalid, (v) => v);
  assert.deepEqual(value, { a: 'no', b: 10, c: '1_000', d: '2027-01-01' });
});

/** What is said about a text that is no document. */
async function refusal(text: string): Promise<string> {
  try {
    await judged(text, invalid, (value) => value);
  } catch (error) {
    assert.ok(error instanceof ProxyError);
    return error.message;
  }
  return 'accepted';
}

test('a name that stands twice is refused where it stands again, at any depth', async () => {
  assert.match(await refusal('a: 1\nb: {c: 1, "c": 2}\n'), /the file \(line 2, column 11\).*must be unique/);
  assert.match(await refusal('1: a\n"1": b\n'), /line 2, column 1\).*must be unique/);
  assert.equal(await refusal('a: {x: 1}\nb: {x: 1}\n'), 'accepted');
});

test('a text of very many values, or of very deep ones, is refused for that', async () => {
  assert.match(await refusal(`a: [${'1,'.repeat(60_000)}]`), /it holds too many values/);
  assert.match(await refusal(`a: ${'['.repeat(40_000)}${']'.repeat(40_000)}`), /it is nested too deep/);
});

test('of many mistakes in the form the first fifty are listed, and the others counted', async () => {
  const said = await refusal('a: !x 1\n'.replace('a', '"\\q"').repeat(200));
  assert.equal(said.match(/^ {2}the file/gm)?.length, 50);
  assert.match(said, /\n {2}and \d+ more$/);
});
