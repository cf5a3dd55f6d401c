/** Request bodies: what the scanner accepts, JSON.parse accepts too, with the same model and flags; the cuts do not matter. */
import assert from 'node:assert/strict';
import type { BodyFacts } from '../../../src/core/engine/routes.ts';
import { JsonScanner } from '../../../src/gateway/body/json-scanner.ts';
import { insertModel, replaceModel } from '../../../src/gateway/body/model-edit.ts';
import { scanPlan } from '../../../src/gateway/body/scan-plan.ts';
import { textBytesOf } from '../../helpers/text-bytes.ts';
import { type FuzzTarget, piecesOf } from '../target.ts';

const plan = scanPlan(['max_tokens', 'prompt', 'options', 'options.num_ctx', 'tools[].type']);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const watched = ['model', 'stream', 'max_tokens', 'prompt', 'options', 'tools'];

/** As Go's encoding/json compares names: long s and the Kelvin sign are letters too. */
const folded = (name: string): string => name.toLowerCase().replaceAll('\u017f', 's');

function scan(pieces: readonly Buffer[]): BodyFacts | string {
  const scanner = new JsonScanner(plan);
  for (const piece of pieces) {
    const fault = scanner.write(piece, 0, piece.length);
    if (fault !== undefined) return fault.reason;
  }
  return scanner.end()?.reason ?? scanner.facts();
}

export const jsonBody: FuzzTarget = {
  name: 'json-body',
  about: 'the body scanner beside JSON.parse, in any pieces, and the edits of the model',
  sources: ['src/gateway/body/', 'src/gateway/text-byte-counter.ts'],
  tokens: [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    '\\"',
    '\\u0061',
    '\\ud83d\\ude00',
    '\\ud800',
    'true',
    'false',
    'null',
    '-0.5e+1',
    '"model"',
    '"Model"',
    '"\\u006dodel"',
    '"stream":true',
    '"max_tokens":',
    '"prompt"',
    '"options":{"num_ctx":1}',
    '"tools":[{"type":"function"}]',
    '"num_ctx"',
    '"type"',
    '\xc3\xa9',
    '\xed\xa0\x80',
    '\xf0\x9f\x98\x80',
    '\xc5\xbf',
    '"\xc5\xbftream":true',
    '\xef\xbb\xbf',
    `"${'a'.repeat(70)}"`,
  ],
  seeds: [
    '{}',
    '{"model":"m"}',
    '{"model":"a\\u00e9","stream":true,"max_tokens":5,"messages":[{"role":"user","content":"hello \\"you\\""}]}',
    '{"prompt":["a",1],"options":{"num_ctx":4096},"tools":[{"type":"function"},{"type":"x"}],"model":"m","stream":null}',
  ],
  check(input) {
    const pieces = piecesOf(input);
    const facts = scan([Buffer.from(input)]);
    const cut = scan(pieces);
    assert.equal(typeof cut, typeof facts, 'the cuts decide whether a body is accepted');
    if (typeof facts === 'string') return;
    assert(textBytesOf(pieces) <= input.length, 'more bytes of text than bytes');
    assert.deepEqual(cut, facts, 'the cuts decide what is read');
    // Throws if JSON.parse refuses it.
    const parsed = JSON.parse(utf8.decode(input)) as Record<string, unknown>;
    assert(typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed));
    assert.equal(facts.model, Object.hasOwn(parsed, 'model') ? parsed.model : undefined);
    assert.equal(facts.stream, Object.hasOwn(parsed, 'stream') ? (parsed.stream ?? undefined) : undefined);
    for (const name of Object.keys(parsed))
      assert(watched.includes(name) || !watched.includes(folded(name)), `Go reads ${name} as another name`);
    const { modelRange } = facts;
    const edited = Buffer.concat(
      modelRange === undefined
        ? insertModel(pieces, 'other', facts.fieldPlace)
        : replaceModel(pieces, modelRange, 'other', 'json'),
    );
    assert.deepEqual(JSON.parse(edited.toString()), { ...parsed, model: 'other' });
  },
};
