/**
 * Forms: what is read from the plain ones, that all readers read alike, and that every other one is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import type { BodyFacts } from '../../core/engine/routes.ts';
import { replaceModel } from './model-edit.ts';
import { MultipartScanner } from './multipart.ts';

const plainType = 'multipart/form-data; boundary=B';

function scan(
  body: string | Buffer,
  contentType = plainType,
  pieceBytes = Number.POSITIVE_INFINITY,
): BodyFacts | string {
  const bytes = Buffer.from(body);
  const scanner = MultipartScanner.open(contentType, ['language', 'n']);
  if ('reason' in scanner) return scanner.reason;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    const fault = scanner.write(piece, 0, piece.length);
    if (fault !== undefined) return fault.reason;
  }
  return scanner.end()?.reason ?? scanner.facts();
}

function accepted(body: string | Buffer, contentType?: string, pieceBytes?: number): BodyFacts {
  const facts = scan(body, contentType, pieceBytes);
  if (typeof facts === 'string') assert.fail(`refused: ${facts}`);
  return facts;
}

function refused(body: string | Buffer, reason: RegExp, contentType?: string): void {
  for (const pieceBytes of [Number.POSITIVE_INFINITY, 1]) {
    const fault = scan(body, contentType, pieceBytes);
    assert.ok(typeof fault === 'string', `accepted: ${JSON.stringify(body.toString().slice(0, 200))}`);
    assert.match(fault, reason);
  }
}

const field = (name: string, value: string) =>
  `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const part = (head: string, value = 'x') => `--B\r\n${head}\r\n\r\n${value}\r\n`;
const form = (...parts: readonly string[]) => `${parts.join('')}--B--\r\n`;

const file =
  '--B\r\nContent-Disposition: form-data; name="file"; filename="talk.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--\r\n--b\r\0\r\n';

test('the model is reported with its position in bytes, and other wanted fields as JSON text', () => {
  const body = form(
    file,
    field('model', 'whisper-é'),
    field('n', '2'),
    field('language', 'e"n'),
    field('other', 'x'),
  );
  for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 2, 3, 64]) {
    const facts = accepted(body, plainType, pieceBytes);
    assert.equal(facts.model, 'whisper-é');
    assert.ok(facts.modelRange !== undefined);
    assert.equal(Buffer.from(body).toString('utf8', ...facts.modelRange), 'whisper-é');
    assert.equal(facts.stream, undefined);
    assert.deepEqual(Object.fromEntries(facts.values), { n: ['2'], language: ['"e\\"n"'] });
  }
});

test('another name in the place of the model changes nothing else', () => {
  for (const name of ['whisper-1', '']) {
    const body = Buffer.from(form(file, field('model', name), field('n', '2')));
    const { modelRange } = accepted(body);
    assert.ok(modelRange !== undefined);
    for (let cut = 0; cut <= body.length; cut++) {
      const edited = Buffer.concat(
        replaceModel([body.subarray(0, cut), body.subarray(cut)], modelRange, 'big', 'multipart'),
      );
      assert.equal(edited.toString(), form(file, field('model', 'big'), field('n', '2')));
    }
  }
});

test('stream is what engines take for a boolean, anything else is refused', () => {
  const stream = (value: string) => accepted(form(field('stream', value))).stream;
  for (const value of ['true', 'True', '1', 'on', 'yes']) assert.equal(stream(value), true);
  for (const value of ['false', 'FALSE', '0', 'off', '']) assert.equal(stream(value), false);
  for (const value of ['2', 'null', ' true', 'true\r\n', 'x'.repeat(300)])
    refused(form(field('stream', value)), /"stream" is not/);
});

test('the ways in which browsers, curl, SDKs and .NET write a form are read', () => {
  const heads = [
    'Content-Disposition: form-data; name="model"',
    'content-disposition:form-data;name="model"',
    'Content-Disposition: form-data; name=model',
    'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model',
    'Content-Disposition: form-data; name="model"\r\nContent-Type: text/plain\r\nContent-Length: 1',
    'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: 8bit',
  ];
  for (const head of heads) assert.equal(accepted(form(part(head, 'a'))).model, 'a', head);
  const files = [
    "Content-Disposition: form-data; name=file; filename=talk.wav; filename*=utf-8''talk%20%C3%A9.wav",
    'Content-Disposition: form-data; name="file"; filename="my model=x; name=y.wav"',
    'Content-Disposition: form-data; name="file"; filename="%22é%22.wav"',
    'Content-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream',
  ];
  for (const head of files) assert.equal(accepted(form(part(head), field('model', 'a'))).model, 'a', head);
  assert.equal(accepted('--B--').model, undefined);
  assert.equal(accepted('--B--\r\n').model, undefined);
});

test('boundaries are read as RFC 2046 has them, in quotes or not', () => {
  const with_ = (boundary: string) => form(field('model', 'a')).replaceAll('--B', `--${boundary}`);
  const types: readonly (readonly [string, string])[] = [
    ['----WebKitFormBoundary7MA4YWxkTrZu0gW', 'boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW'],
    ['a b', 'boundary="a b"'],
    ["'()+_,-./:=?", `boundary="'()+_,-./:=?"`],
    ['=_a/b', 'boundary==_a/b'],
    ['x'.repeat(70), `Boundary=${'x'.repeat(70)}`],
    ['B', 'charset=utf-8; boundary=B'],
    ['B', 'boundary="B" ; charset=UTF-8'],
  ];
  for (const [boundary, parameter] of types) {
    assert.equal(accepted(with_(boundary), `multipart/form-data; ${parameter}`).model, 'a', parameter);
    assert.equal(accepted(with_(boundary), `Multipart/Form-Data;${parameter}`).model, 'a', parameter);
  }
});

test('a content type without one plain boundary is refused', () => {
  const parameters = [
    ...[
      '',
      'boundary',
      'boundary=',
      'boundary=""',
      'boundary="B',
      'boundary=B"',
      'boundary=B x',
      'boundary="B" x',
      'boundary=B, x',
    ],
    ...[
      'boundary=B; boundary=B',
      'boundary=B; Boundary=C',
      'boundary="a\\"b"',
      'boundary="B "',
      'boundary=é',
      'boundary="a\tb"',
    ],
    ...[
      `boundary=${'x'.repeat(71)}`,
      `boundary=${'x'.repeat(1_000_000)}`,
      "boundary*=utf-8''B",
      'boundary*0=B',
      'boundary =B',
      'boundary= B',
    ],
    ...[
      'boundary=B; charset=utf-16',
      'boundary=B; charset=cp037',
      'boundary=B; x=y',
      'boundary=B;',
      ';boundary=B',
      'x; boundary=B',
      "boundary='B'x=",
    ],
  ].filter((parameter) => parameter !== "boundary='B'x=");
  for (const parameter of parameters)
    refused('--B--', /no plain boundary/, `multipart/form-data; ${parameter}`);
  for (const type of [
    'multipart/mixed; boundary=B',
    'multipart/form-data',
    'multipart/form-datax; boundary=B',
    ' multipart/form-data; boundary=B',
  ]) {
    refused('--B--', /no plain boundary/, type);
  }
});

test('two models, or one that another reader could take for a model, are refused', () => {
  const second = (head: string) =>
    form(field('model', 'cheap'), part(`Content-Disposition: form-data; ${head}`, 'big'));
  refused(second('name="model"'), /names "model" twice/);
  refused(second('name=model'), /names "model" twice/);
  refused(second('name="Model"'), /"model" in another spelling/);
  refused(second('name="model "'), /"model" in another spelling/);
  refused(second('name="\u017ftream"'), /"stream" in another spelling/);
  refused(second('name="LANGUAGE"'), /"language" in another spelling/);
  refused(second('name="_charset_"'), /names a charset/);
  refused(second('name="model"; filename="x"'), /names "model" twice/);
  refused(form(part('Content-Disposition: form-data; name="model"; filename="x"')), /"model" is a file/);
  refused(
    form(part('Content-Disposition: form-data; name="model"; filename*=utf-8\'\'x')),
    /"model" is a file/,
  );
  for (const head of [
    ...[
      "name*=utf-8''model",
      'name="x"; name*=utf-8\'\'model',
      'name*0="mo"; name*1="del"',
      'name="x"; name="model"',
      'name="x"; Name="model"',
    ],
    ...[
      'name="mod\\el"',
      'name="x\\"; name=\\"model"',
      'filename="x\\"; name=\\"model"; name="y"',
      "name='model'",
      'name=mod%65l',
      'name="model',
    ],
    ...[
      'name=model"',
      'name="mo" "del"',
      'name="model"x',
      'name="x"; x="model"',
      'name',
      'name=',
      'name = "model"',
      'name="model";',
      '; name="model"',
    ],
    ...['name="model\t"', 'name="mo\x01del"', 'name="x", name="model"'],
  ].filter((h) => h !== "name='model'")) {
    refused(second(head), /no plain name|malformed field|another spelling/);
  }
});

test('a model that is not plain text of at most 1024 bytes is refused', () => {
  assert.equal(accepted(form(field('model', 'x'.repeat(1024)))).model?.length, 1024);
  refused(form(field('model', 'x'.repeat(1025))), /longer than 1024 bytes/);
  refused(form(field('model', 'x'.repeat(100_000))), /longer than 1024 bytes/);
  for (const value of ['a\0b', 'a\nb', 'a\r\nb', '\ta'])
    refused(form(field('model', value)), /not plain text/);
  refused(Buffer.from(form(field('model', 'é')), 'latin1'), /not plain text/);
});

test('a part whose head or coding could be read in two ways is refused', () => {
  const name = 'Content-Disposition: form-data; name="model"';
  refused(form(part(`${name}\r\n${name}`)), /two fields content-disposition/);
  refused(
    form(part(`${name}\r\ncontent-disposition: form-data; name="x"`)),
    /two fields content-disposition/,
  );
  refused(form(part(`${name}\r\nContent-Transfer-Encoding: quoted-printable`, '=62ig')), /transfer encoding/);
  refused(form(part(`${name}\r\nContent-Transfer-Encoding: base64`)), /transfer encoding/);
  refused(form(part(`${name}\r\nContent-Type: text/plain; charset=utf-16`)), /not UTF-8/);
  refused(form(part(`${name}\r\nContent-Type: text/plain; charset=utf-8; charset=utf-7`)), /not UTF-8/);
  refused(form(part('Content-Type: text/plain')), /no plain Content-Disposition/);
  refused(form(part('Content-Disposition: attachment; name="model"')), /no plain Content-Disposition/);
  refused(form(part('Content-Disposition: form-data')), /no plain name/);
  for (const head of [
    ...[
      `${name}\r\n folded: x`,
      `${name}\r\n\tx`,
      `Content-Disposition : form-data; name="model"`,
      ` ${name}`,
      `${name}\n`,
      `${name}\nX: y`,
    ],
    ...[`${name}\rX: y`, `X\0: y\r\n${name}`, `X: a\0b\r\n${name}`, `nonsense\r\n${name}`, `: x\r\n${name}`],
  ]) {
    refused(form(part(head)), /malformed field/);
  }
});

test('a form that does not begin, go on and end with its boundary exactly is refused', () => {
  const good = field('model', 'a');
  refused('', /it is empty/);
  refused(`preamble\r\n${form(good)}`, /does not begin with its boundary/);
  refused(`\r\n${form(good)}`, /does not begin with its boundary/);
  refused('--C--', /does not begin with its boundary/);
  refused('{"model":"a"}', /does not begin with its boundary/);
  refused(good, /last boundary is missing/);
  refused('--B', /last boundary is missing/);
  refused(good.slice(0, -2), /last boundary is missing/);
  refused(`${good}--B-`, /last boundary is missing/);
  refused(`${good}--B--\r`, /bytes after its last boundary/);
  refused(`${good}--B--\n`, /bytes after its last boundary/);
  refused(`${good}--B--\r\n\r\n`, /bytes after its last boundary/);
  refused(`${form(good)}${form(field('model', 'b'))}`, /bytes after its last boundary/);
  refused(`${good}--B \r\n${field('n', '1')}--B--`, /boundary is malformed/);
  refused(`${good}--Bx\r\n--B--`, /boundary is malformed/);
  refused(`${good}--B\n${field('n', '1')}--B--`, /boundary is malformed/);
  refused(`${good}--B-x`, /boundary is malformed/);
  refused('--B\r\n--B--', /malformed field|last boundary is missing/);
  refused(form('--B\r\n\r\nheadless\r\n'), /malformed field/);
});

test('a value that holds the boundary where some readers would see it is refused', () => {
  const inner = (line: string) =>
    form(field('x', `${line}--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nbig`));
  for (const before of ['', 'a', 'a\n', 'a\r', '\n', '-', '\r\n-', '\r\n '])
    refused(inner(before), /contains the boundary/);
  refused(form(field('x', 'a--B--')), /contains the boundary/);
  refused(form(field('x', '\r\r\n\n--B')), /contains the boundary/);
  refused(form(part('--B: x\r\nContent-Disposition: form-data; name="x"')), /malformed field/);
  for (const value of ['-B', '--', '-', '\r\n', '\r\n-', '\r\n--', '\r\n--A', '\r', '']) {
    assert.equal(
      accepted(form(field('x', value), field('model', value === '' ? 'm' : 'a'))).model,
      value === '' ? 'm' : 'a',
    );
    assert.equal(accepted(form(field('model', `a${value.trim()}`)), plainType, 1).model, `a${value.trim()}`);
  }
  // A boundary that begins like itself.
  const dashed = [field('x', 'a---'), field('y', 'a\r\n---B\r\n-'), field('model', '---')];
  const body = `${dashed.map((text) => text.replace('--B', '----B')).join('')}----B--`;
  assert.equal(accepted(body, 'multipart/form-data; boundary=--B').model, '---');
});

test('parts and heads are limited', () => {
  const parts = (count: number) => form(...Array.from({ length: count }, (_, i) => field(`x${i}`, '')));
  accepted(parts(1000));
  refused(parts(1001), /more than 1000 parts/);
  const padded = (bytes: number) =>
    form(part(`X: ${'x'.repeat(bytes)}\r\nContent-Disposition: form-data; name="model"`));
  accepted(padded(16_000));
  refused(padded(17_000), /head of a part is too long/);
  refused(`--B\r\n${'X: y\r\n'.repeat(1_000_000)}`, /head of a part is too long/);
});

// CVE-2024-8984: dashes behind the boundary cost another gateway quadratic time.
test('two megabytes of near boundaries are read', () => {
  const longest = '-'.repeat(69);
  const fill = (text: string) => text.repeat(Math.ceil(2e6 / text.length));
  const cases: readonly (readonly [string, string])[] = [
    ['B', fill('-')],
    ['B', fill('\r')],
    ['B', fill('\r\n')],
    ['B', fill('\r\n--')],
    ['B', fill('x\r')],
    ['B', fill(`${'x'.repeat(65)}\r`)],
    [`${longest}B`, fill('-')],
    [`${longest}B`, fill(`\r\n--${longest}`)],
    [`${longest}B`, fill('\r\n----')],
  ];
  for (const [boundary, filling] of cases) {
    const body = form(field('x', filling), field('model', 'a'))
      .replaceAll('--B\r', `--${boundary}\r`)
      .replace('--B--', `--${boundary}--`);
    assert.equal(accepted(body, `multipart/form-data; boundary=${boundary}`, 65_536).model, 'a');
  }
  assert.match(String(scan(`--B${fill('-')}`)), /bytes after its last boundary/);
});

const longType = 'multipart/form-data; boundary=form-7';

test("what Node's own reader of forms makes of a form is what is read here", async () => {
  const name = fc.oneof(
    fc.constantFrom('model', 'n', 'language', 'file', 'prompt'),
    fc.string({ unit: 'grapheme-ascii', maxLength: 10 }),
  );
  const plain = name.filter(
    (n) => !/["\\\r\n%]/.test(n) && (n === n.trim().toLowerCase() || !/^(model|n|language)$/i.test(n.trim())),
  );
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.constantFrom('\r\n', '\r\n--', '--form-7', '\r', '-'),
    fc.string({ unit: 'binary-ascii' }),
  );
  const forms = fc.uniqueArray(fc.record({ name: plain, value: text, isFile: fc.boolean() }), {
    maxLength: 6,
    selector: (p) => p.name,
  });
  const property = fc.asyncProperty(forms, fc.integer({ min: 1, max: 100 }), async (fields, pieceBytes) => {
    const heads = fields.map((f) =>
      f.isFile && f.name === 'file' ? `${f.name}"; filename="a b.wav` : f.name,
    );
    const parts = heads.map((head, i) => field(head, fields[i]?.value ?? '').replace('--B', '--form-7'));
    const body = Buffer.from(`${parts.join('')}--form-7--\r\n`);
    const facts = scan(body, longType, pieceBytes);
    if (typeof facts === 'string') {
      // A value may hold the boundary, or a model what is not plain.
      assert.match(facts, /boundary|not plain text/);
      return;
    }
    const read = await new Response(body, { headers: { 'content-type': longType } }).formData();
    assert.equal(facts.model, read.get('model') ?? undefined);
    for (const wanted of ['n', 'language']) {
      const value = read.get(wanted);
      const told: string | undefined = facts.values.get(wanted)?.[0];
      if (value === null) assert.equal(told, undefined);
      else
        assert.equal(
          String(JSON.parse(told as string)),
          /^-?[0-9]/.test(told as string) ? String(Number(value)) : value,
        );
    }
  });
  await fc.assert(property, {
    numRuns: 125 * moreRuns,
    interruptAfterTimeLimit: 8000 * moreRuns,
    markInterruptAsFailure: false,
  });
});

test('bytes changed at will are never read otherwise than by Node', async () => {
  const byte = fc.oneof(fc.constantFrom(...Buffer.from('\r\n-B:;="\\ \tmM\0%*')), fc.nat(255));
  const change = fc.record({ at: fc.nat(), remove: fc.nat(2), insert: fc.array(byte, { maxLength: 2 }) });
  const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (edits) => {
    let bytes = Buffer.from(form(file, field('model', 'cheap'), field('n', '2')));
    for (const edit of edits) {
      const from = edit.at % bytes.length;
      bytes = Buffer.concat([
        bytes.subarray(0, from),
        Buffer.from(edit.insert),
        bytes.subarray(from + edit.remove),
      ]);
    }
    const facts = scan(bytes);
    if (typeof facts === 'string') return;
    const response = new Response(bytes, { headers: { 'content-type': plainType } });
    // Node refuses some that other readers take, as a name without quotes.
    const read = await response.formData().catch(() => undefined);
    if (read === undefined) return;
    const named = [...read.keys()].filter((key) => key.toLowerCase() === 'model');
    assert.ok(named.length <= 1);
    assert.equal(facts.model, read.get('model') ?? undefined);
  });
  await fc.assert(property, {
    numRuns: 500 * moreRuns,
    interruptAfterTimeLimit: 8000 * moreRuns,
    markInterruptAsFailure: false,
  });
});
