import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSteps } from '../../../test/helpers/count-steps.ts';
import type { FieldPlace } from '../../core/engine/routes.ts';
import { JsonScanner } from './json-scanner.ts';
import { insertField, insertModel, nameModel, replaceModel } from './model-edit.ts';
import { scanPlan } from './scan-plan.ts';

/** Every way to take a body apart in two pieces, and one in single bytes. */
function cuts(text: string): readonly (readonly Buffer[])[] {
  const bytes = Buffer.from(text);
  const pieces: Buffer[][] = [[...bytes].map((byte) => Buffer.of(byte))];
  for (let at = 0; at <= bytes.length; at++) pieces.push([bytes.subarray(0, at), bytes.subarray(at)]);
  return pieces;
}

function joined(body: readonly Buffer[]): string {
  return Buffer.concat(body).toString();
}

/** As the scanner of the body finds it. */
function placeIn(body: readonly Buffer[]): FieldPlace | undefined {
  const scanner = new JsonScanner(scanPlan([]));
  for (const piece of body) assert.equal(scanner.write(piece, 0, piece.length), undefined);
  assert.equal(scanner.end(), undefined);
  return scanner.facts().fieldPlace;
}

test('a model is replaced where it stands, however the body is cut', () => {
  const text = '{"é":1,"model" : "alias" , "b":2}';
  const from = Buffer.byteLength('{"é":1,"model" : ');
  for (const body of cuts(text)) {
    const edited = replaceModel(body, [from, from + 7], 'org/"real" é', 'json');
    assert.equal(joined(edited), '{"é":1,"model" : "org/\\"real\\" é" , "b":2}');
  }
});

test('a model at the very end of a body is replaced too', () => {
  for (const body of cuts('model=x'))
    assert.equal(joined(replaceModel(body, [6, 7], 'long', 'multipart')), 'model=long');
});

test('an empty value of a form is replaced too', () => {
  for (const body of cuts('ab')) assert.equal(joined(replaceModel(body, [1, 1], 'X', 'multipart')), 'aXb');
});

test('every field that names the model gets the name of the engine, however the body is cut', () => {
  const table: readonly (readonly [sent: string, got: string])[] = [
    ['{"model":"M","name":"M"}', '{"model":"id","name":"id"}'],
    ['{"name":"M", "x":1,"model" :"M" }', '{"name":"id", "x":1,"model" :"id" }'],
    ['{"name":"M"}', '{"model":"id","name":"id"}'],
    ['{"x":1,"name":"id"}', '{"model":"id","x":1,"name":"id"}'],
    ['{"name":"M","model":""}', '{"name":"id","model":"id"}'],
    ['{"name":null,"model":"M"}', '{"name":null,"model":"id"}'],
    ['{"name":null}', '{"model":"id","name":null}'],
    ['{"name":"\\u004d","model":"id"}', '{"name":"id","model":"id"}'],
    ['{"model":"id","name":"id"}', '{"model":"id","name":"id"}'],
    ['{"model":"id","y":"M"}', '{"model":"id","y":"M"}'],
  ];
  for (const [sent, got] of table) {
    for (const body of cuts(sent)) {
      const scanner = new JsonScanner(scanPlan(['name']));
      for (const piece of body) assert.equal(scanner.write(piece, 0, piece.length), undefined);
      assert.equal(scanner.end(), undefined);
      const edited = nameModel(body, scanner.facts(), 'id', 'json');
      assert.equal(joined(edited), got, sent);
      assert.equal(edited === body, sent === got, 'the same body where nothing changes');
    }
  }
});

test('a body without a model gets one first, and loses nothing', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{}', '{"model":"m"}'],
    [' \n{ \t}', ' \n{"model":"m" \t}'],
    ['{"a":{}}', '{"model":"m","a":{}}'],
    ['{ "a":1 } ', '{"model":"m", "a":1 } '],
  ];
  for (const [text, expected] of cases) {
    for (const body of cuts(text)) {
      assert.equal(joined(insertModel(body, 'm', placeIn(body))), expected);
      assert.doesNotThrow(() => JSON.parse(expected));
    }
  }
});

test('a form without a model gets a first part, in its own boundary', () => {
  const boundary = `--${'B'.repeat(70)}`;
  const text = `${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n${boundary}--\r\n`;
  for (const body of cuts(text)) {
    assert.equal(
      joined(insertModel(body, 'é', undefined)),
      `${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\né\r\n${text}`,
    );
  }
});

test('an edit costs by the pieces of a body, not by its bytes', () => {
  const blanks = (bytes: number): readonly Buffer[] =>
    Array.from({ length: 100 }, () => Buffer.alloc(bytes / 100, ' '));
  const edits: readonly ((body: readonly Buffer[]) => unknown)[] = [
    (body) => insertModel(body, 'm', { at: 1, empty: false }),
    (body) => insertModel(body, 'm', { at: 90, empty: true }),
    (body) => insertModel(body, 'm', undefined),
    (body) => insertField(body, '"a":1', { at: 1, empty: false }),
    (body) => replaceModel(body, [5, 9], 'm', 'json'),
  ];
  for (const edit of edits) {
    const [small, large] = [blanks(10_000), blanks(10_000_000)] as const;
    const steps = countSteps(() => edit(large));
    assert.ok(steps < 2_000, String(steps));
    assert.equal(
      steps,
      countSteps(() => edit(small)),
    );
  }
});
