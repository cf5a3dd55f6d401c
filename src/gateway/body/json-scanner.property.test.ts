/**
 * The scanner beside JSON.parse, on anything: it never accepts what JSON.parse refuses, and what both accept they read
 * alike, in whatever pieces it came.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import type { BodyFacts } from '../../core/engine/routes.ts';
import { JsonScanner } from './json-scanner.ts';
import { insertModel, replaceModel } from './model-edit.ts';
import { foldName, scanPlan } from './scan-plan.ts';

const capped = { interruptAfterTimeLimit: 8000 * moreRuns, markInterruptAsFailure: false } as const;
const watched = ['max_tokens', 'prompt', 'options', 'options.num_ctx', 'tools[].type', 'messages[]'];
const plan = scanPlan(watched);

/** Names that are watched, nearly, or not at all. */
const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'model',
      'stream',
      'max_tokens',
      'prompt',
      'options',
      'num_ctx',
      'tools',
      'type',
      'messages',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('Model', 'ſtream', 'mode', '__proto__', 'to\u212aens', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.nat(600).map((length) => 'x'.repeat(length)),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(true, false, null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
const object = fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true });
/** An object whose watched fields are most often as they should be. */
const request = fc
  .tuple(object, fc.string({ unit: 'grapheme', maxLength: 20 }), fc.option(fc.boolean()))
  .map(([rest, model, stream]) => ({ ...rest, model, stream }));

const cuts = fc.array(fc.nat(), { maxLength: 6 });

/** JSON text in one of the many forms that mean the same: blanks between tokens, characters as escapes. */
function spell(body: unknown, blank: string, escapeEvery: number): string {
  const json = JSON.stringify(body, undefined, blank);
  if (escapeEvery === 0) return json;
  let letters = 0;
  return json.replaceAll(/"(?:[^"\\]|\\.)*"/g, (token) =>
    token.replaceAll(/\\u[0-9a-f]{4}|\\.|[a-z]/g, (part) => {
      if (part.length > 1 || letters++ % escapeEvery !== 0) return part;
      return `\\u${part.charCodeAt(0).toString(16).padStart(4, '0')}`;
    }),
  );
}

function pieces(bytes: Buffer, at: readonly number[]): Buffer[] {
  const borders = [0, ...at.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return borders.slice(1).map((border, i) => Buffer.from(bytes.subarray(borders[i] as number, border)));
}

function scan(body: readonly Buffer[]): BodyFacts | string {
  const scanner = new JsonScanner(plan);
  for (const piece of body) {
    const fault = scanner.write(piece, 0, piece.length);
    if (fault !== undefined) return fault.reason;
  }
  return scanner.end()?.reason ?? scanner.facts();
}

// --- the oracle: what should be reported, from the parsed object

interface Expected {
  readonly model: string | undefined;
  readonly stream: boolean | undefined;
  readonly values: Record<string, readonly string[]>;
}

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Undefined where the body must be refused. */
function expected(body: unknown): Expected | undefined {
  if (!isObject(body)) return undefined;
  const levels: [Json, readonly string[]][] = [
    [body, ['model', 'stream', 'max_tokens', 'prompt', 'options', 'tools', 'messages']],
  ];
  if (Object.hasOwn(body, 'options') && isObject(body.options)) levels.push([body.options, ['num_ctx']]);
  const tools = Object.hasOwn(body, 'tools') && Array.isArray(body.tools) ? body.tools.filter(isObject) : [];
  for (const tool of tools) levels.push([tool, ['type']]);
  for (const [level, names] of levels) {
    if (Object.keys(level).some((key) => !names.includes(key) && names.includes(foldName(key))))
      return undefined;
  }
  const { model, stream } = body;
  if (Object.hasOwn(body, 'model')) {
    if (typeof model !== 'string' || Buffer.byteLength(model) > 1024) return undefined;
    if (/[\x00-\x1f\x7f]/.test(model) || !model.isWellFormed()) return undefined;
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') return undefined;

  const values: Record<string, string[]> = {};
  const note = (path: string, level: Json, key: string) => {
    if (!Object.hasOwn(level, key)) return;
    const shown = show(level[key]);
    values[path] ??= [];
    if (!values[path].includes(shown)) values[path].push(shown);
  };
  note('max_tokens', body, 'max_tokens');
  note('prompt', body, 'prompt');
  note('options', body, 'options');
  if (isObject(body.options)) note('options.num_ctx', body.options, 'num_ctx');
  for (const tool of tools) note('tools[].type', tool, 'type');
  return {
    model: Object.hasOwn(body, 'model') ? (model as string) : undefined,
    stream: typeof stream === 'boolean' ? stream : undefined,
    values,
  };
}

function show(v: unknown): string {
  if (Array.isArray(v)) return v.length === 0 ? '[]' : '[...]';
  if (isObject(v)) return Object.keys(v).length === 0 ? '{}' : '{...}';
  return JSON.stringify(v);
}

/** The first two messages, read from the places that the scanner reports. */
function messagesOf(bytes: Buffer, { firstMessages: places }: BodyFacts): readonly unknown[] {
  if (places === undefined) return [];
  const { from, firstEnd, secondEnd } = places;
  const ranges = [[from, firstEnd], ...(secondEnd === undefined ? [] : [[firstEnd + 1, secondEnd]])];
  return ranges.map((range) => JSON.parse(bytes.toString('utf8', ...range)));
}

function firstMessages(body: Json): readonly unknown[] {
  return Object.hasOwn(body, 'messages') && Array.isArray(body.messages) ? body.messages.slice(0, 2) : [];
}

/** Texts near the limit may be told either way, since escapes count; so both sides are made short. */
function shorten(values: Iterable<readonly [string, readonly string[]]>): Json {
  return Object.fromEntries(
    [...values].map(([path, texts]) => [
      path,
      [
        ...new Set(
          texts.map((t) => (t.startsWith('"') && (t === '"..."' || Buffer.byteLength(t) > 40) ? 'long' : t)),
        ),
      ],
    ]),
  );
}

test('what is reported is what JSON.parse reads, in whatever pieces and spelling it came', () => {
  const blanks = fc.constantFrom('', ' ', '\t', '  ');
  const property = fc.property(
    fc.oneof(request, object),
    cuts,
    blanks,
    fc.nat(3),
    (body, at, blank, escapeEvery) => {
      const json = spell(body, blank, escapeEvery);
      const bytes = Buffer.from(json);
      // A lone surrogate cannot be written in UTF-8; JSON.stringify escapes it, so nothing is lost.
      const parsed: unknown = JSON.parse(bytes.toString());
      const facts = scan(pieces(bytes, at));
      const wanted = expected(parsed);
      if (wanted === undefined) return assert.equal(typeof facts, 'string');
      if (typeof facts === 'string') assert.fail(`refused: ${facts}`);
      assert.equal(facts.model, wanted.model);
      assert.equal(facts.stream, wanted.stream);
      assert.deepEqual(shorten(facts.values), shorten(Object.entries(wanted.values)));
      if (facts.modelRange === undefined) assert.equal(wanted.model, undefined);
      else assert.equal(JSON.parse(bytes.toString('utf8', ...facts.modelRange)), wanted.model);
      assert.deepEqual(messagesOf(bytes, facts), firstMessages(parsed as Json));
    },
  );
  fc.assert(property, { ...capped, numRuns: 750 * moreRuns });
});

test('bytes changed at will are never accepted where JSON.parse refuses them, nor read otherwise', () => {
  const byte = fc.oneof(
    fc.constantFrom(...Buffer.from('"\\{}[]:,u0-.eE \0\x1f\x7f\x80\xc3\xed', 'latin1')),
    fc.nat(255),
  );
  const change = fc.record({ at: fc.nat(), remove: fc.nat(2), insert: fc.array(byte, { maxLength: 2 }) });
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });
  const property = fc.property(request, changes, cuts, (body, edits, at) => {
    let bytes = Buffer.from(JSON.stringify(body));
    for (const edit of edits) {
      const from = edit.at % bytes.length;
      bytes = Buffer.concat([
        bytes.subarray(0, from),
        Buffer.from(edit.insert),
        bytes.subarray(from + edit.remove),
      ]);
    }
    const facts = scan(pieces(bytes, at));
    if (typeof facts === 'string') return;
    const parsed = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    ) as Json;
    assert.equal(facts.model, Object.hasOwn(parsed, 'model') ? parsed.model : undefined);
    const stream = Object.hasOwn(parsed, 'stream') ? parsed.stream : undefined;
    assert.equal(facts.stream, stream ?? undefined);
  });
  fc.assert(property, { ...capped, numRuns: 1_250 * moreRuns });
});

test('tokens put together at will are accepted just where JSON.parse accepts them', () => {
  const tokens = [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"a"',
    '"b\\n"',
    '1',
    '-0.5e+1',
    '01',
    'true',
    'null',
    ' ',
    '\n',
    '"',
    '\\',
    'é',
    '-',
  ];
  const soup = fc.array(fc.constantFrom(...tokens), { maxLength: 12 });
  const property = fc.property(soup, fc.nat(4), cuts, (parts, form, at) => {
    const inner = parts.join('');
    const json = [`{"x":${inner}}`, `{"x":[${inner}]}`, `{${inner}}`, `{"x":"${inner}"}`, inner][
      form
    ] as string;
    let valid = true;
    try {
      valid = isObject(JSON.parse(json));
    } catch {
      valid = false;
    }
    assert.equal(typeof scan(pieces(Buffer.from(json), at)) !== 'string', valid, json);
  });
  fc.assert(property, { ...capped, numRuns: 1_250 * moreRuns });
});

test('another name in the place of the model changes nothing else', () => {
  const property = fc.property(
    request,
    fc.string({ unit: 'grapheme' }),
    cuts,
    fc.nat(3),
    (body, other, at, escapeEvery) => {
      const bytes = Buffer.from(spell(body, ' ', escapeEvery));
      const came = pieces(bytes, at);
      const facts = scan(came);
      fc.pre(typeof facts !== 'string');
      assert.ok(facts.modelRange !== undefined);
      const edited = Buffer.concat(replaceModel(came, facts.modelRange, other, 'json'));
      const [from, to] = facts.modelRange;
      const rest = edited.length - (bytes.length - to);
      assert.deepEqual(edited.subarray(0, from), bytes.subarray(0, from));
      assert.equal(JSON.parse(edited.toString('utf8', from, rest)), other);
      assert.deepEqual(edited.subarray(rest), bytes.subarray(to));
    },
  );
  fc.assert(property, { ...capped, numRuns: 250 * moreRuns });
});

test('a name put into a body without one is read by JSON.parse, and nothing else changes', () => {
  const property = fc.property(object, fc.constantFrom('', ' '), cuts, (body, blank, at) => {
    const { model: _, ...rest } = body;
    const json = ` ${JSON.stringify(rest, undefined, blank)}`;
    const came = pieces(Buffer.from(json), at);
    const facts = scan(came);
    fc.pre(typeof facts !== 'string');
    const edited = Buffer.concat(insertModel(came, 'engine/model', facts.fieldPlace));
    assert.deepEqual(JSON.parse(edited.toString()), { ...(JSON.parse(json) as Json), model: 'engine/model' });
    assert.equal(edited.toString().replace(/"model":"engine\/model",?/, ''), json);
  });
  fc.assert(property, { ...capped, numRuns: 250 * moreRuns });
});
