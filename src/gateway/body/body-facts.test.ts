import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyFactsCollector, isPlainText, maxModelBytes } from './body-facts.ts';

const place = { at: 1, empty: false };

function model(token: string, escaped = token.includes('\\')): BodyFactsCollector | string {
  const facts = new BodyFactsCollector();
  const bytes = Buffer.from(`xx${token}`);
  return facts.takeModel(bytes, 2, bytes.length, escaped, 40, 40 + bytes.length - 2) ?? facts;
}

test('the model is what the token says, and where it stands', () => {
  const found = model('"a\\u002fb é"');
  assert.ok(found instanceof BodyFactsCollector);
  assert.equal(found.facts(place).model, 'a/b é');
  assert.deepEqual(found.facts(place).modelRange, [40, 53]);
});

test('a model that engines could read in different ways is a fault', () => {
  assert.equal(model('12'), '"model" is not a string');
  assert.equal(model('null'), '"model" is not a string');
  assert.equal(model('"a\\u0000"'), '"model" is not plain text');
  assert.equal(model('"a\\ud83d"'), '"model" is not plain text');
  assert.equal(model('"a\\u007f"'), '"model" is not plain text');
  assert.ok(model(`"${'x'.repeat(maxModelBytes)}"`) instanceof BodyFactsCollector);
  assert.match(String(model(`"${'x'.repeat(maxModelBytes + 1)}"`)), /longer than 1024/);
  assert.match(String(model(`"${'é'.repeat(maxModelBytes / 2 + 1)}"`)), /longer than 1024/);
});

test('the stream flag is true, false, or nothing said', () => {
  const stream = (text: string): boolean | string | undefined => {
    const facts = new BodyFactsCollector();
    return facts.takeStream(text.charCodeAt(0)) ?? facts.facts(place).stream;
  };
  assert.equal(stream('true'), true);
  assert.equal(stream('false'), false);
  assert.equal(stream('null'), undefined);
  assert.match(String(stream('"true"')), /not true or false/);
  assert.match(String(stream('1')), /not true or false/);
});

test('values have one text each: escapes undone, numbers as written, what is long only named', () => {
  const facts = new BodyFactsCollector();
  const take = (path: string, token: string, tooLong = false): string | undefined => {
    const bytes = Buffer.from(token);
    return facts.takeValue(path, bytes, 0, bytes.length, token.includes('\\'), tooLong);
  };
  take('keep_alive', '-1.50');
  take('type', '"\\u006dcp"');
  take('prompt', '"long', true);
  assert.match(take('options', '12345', true) ?? '', /"options" is too long/);
  assert.deepEqual(Object.fromEntries(facts.facts(place).values), {
    keep_alive: ['-1.50'],
    type: ['"mcp"'],
    prompt: ['"..."'],
  });
});

test('below an array each different value stands once, up to a limit', () => {
  const facts = new BodyFactsCollector();
  for (let i = 0; i < 1000; i++) assert.equal(facts.report('tools[].type', '"function"'), undefined);
  for (let i = 1; i < 64; i++) assert.equal(facts.report('tools[].type', `"${i}"`), undefined);
  assert.match(facts.report('tools[].type', '"one more"') ?? '', /more than 64/);
  assert.equal(facts.facts(place).values.get('tools[].type')?.length, 64);
});

test('plain text has neither control characters nor half of a surrogate pair', () => {
  for (const name of ['', 'a b', 'org/model:tag@sha', 'é😀']) assert.ok(isPlainText(name));
  for (const name of ['\n', 'a\u0000', '\u007f', '\ud800', 'a\udc00b']) assert.ok(!isPlainText(name));
});
