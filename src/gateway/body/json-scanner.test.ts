/**
 * The scanner on its own: what it reports, what it refuses. That it agrees with JSON.parse on anything at all is
 * json-scanner.property.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyFacts } from '../../core/engine/routes.ts';
import { JsonScanner } from './json-scanner.ts';
import { scanPlan } from './scan-plan.ts';

const plan = scanPlan([
  'max_tokens',
  'stream_options.include_usage',
  'tools[].type',
  'keep_alive',
  'options',
  'options.num_ctx',
  'prompt',
  'messages',
]);

function scan(body: string | Buffer, pieceBytes = Number.POSITIVE_INFINITY): BodyFacts | string {
  const bytes = Buffer.from(body);
  const scanner = new JsonScanner(plan);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    // Each piece in a buffer of its own, so that nothing can be read from the one before.
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    const fault = scanner.write(piece, 0, piece.length);
    if (fault !== undefined) return fault.reason;
  }
  return scanner.end()?.reason ?? scanner.facts();
}

function accepted(body: string | Buffer, pieceBytes?: number): BodyFacts {
  const facts = scan(body, pieceBytes);
  if (typeof facts === 'string') assert.fail(`refused: ${facts}`);
  return facts;
}

function refused(body: string | Buffer, reason: RegExp): void {
  for (const pieceBytes of [Number.POSITIVE_INFINITY, 1]) {
    const fault = scan(body, pieceBytes);
    assert.ok(typeof fault === 'string', `accepted: ${body.toString().slice(0, 80)}`);
    assert.match(fault, reason);
  }
}

test('the model is reported unescaped, with its position in bytes', () => {
  const body = Buffer.from('{ "é": 1, "m\\u006fdel" : "llama\\/3\\u002e2:é" }');
  for (const pieceBytes of [Number.POSITIVE_INFINITY, 7, 1]) {
    const { model, modelRange } = accepted(body, pieceBytes);
    assert.equal(model, 'llama/3.2:é');
    assert.ok(modelRange !== undefined);
    assert.equal(body.toString('utf8', ...modelRange), '"llama\\/3\\u002e2:é"');
  }
});

test('the bytes before the part that is read count for nothing', () => {
  const buffer = Buffer.from('##{"model":"a"}##');
  const scanner = new JsonScanner(plan);
  assert.equal(scanner.write(buffer, 2, buffer.length - 2), undefined);
  assert.equal(scanner.end(), undefined);
  assert.deepEqual(scanner.facts().modelRange, [9, 12]);
});

test('watched values are reported as JSON text, containers by whether they are empty', () => {
  const { values, stream } = accepted(
    `{"stream":null,"max_tokens":1e2,"keep_alive":"\\u0030s","prompt":"","messages":[{"role":"user"}],
      "stream_options":{"include_usage":true,"x":{"include_usage":false}},"options":{"num_ctx":-0.5}}`,
  );
  assert.equal(stream, undefined);
  assert.deepEqual(Object.fromEntries(values), {
    max_tokens: ['1e2'],
    keep_alive: ['"0s"'],
    prompt: ['""'],
    messages: ['[...]'],
    'stream_options.include_usage': ['true'],
    options: ['{...}'],
    'options.num_ctx': ['-0.5'],
  });
  assert.deepEqual(Object.fromEntries(accepted('{"options":{ },"messages":[\n],"prompt":null}').values), {
    options: ['{}'],
    messages: ['[]'],
    prompt: ['null'],
  });
});

test('a string of up to 256 bytes is reported whole, a longer one as an ellipsis', () => {
  const text = (body: string) => accepted(body).values.get('prompt');
  assert.deepEqual(text(`{"prompt":"${'x'.repeat(256)}"}`), [`"${'x'.repeat(256)}"`]);
  assert.deepEqual(text(`{"prompt":"${'x'.repeat(257)}"}`), ['"..."']);
  assert.deepEqual(text(`{"prompt":"${'x'.repeat(1e6)}"}`), ['"..."']);
});

test('a watched number of more than 256 digits is refused, since its value would go unseen', () => {
  refused(`{"keep_alive":0.${'0'.repeat(300)}}`, /"keep_alive" is too long/);
  accepted(`{"temperature":0.${'0'.repeat(300)}}`);
});

test('members of array elements are reported once for each different value', () => {
  const tools = (types: readonly string[]) =>
    `{"tools":[${types.map((t) => `{"type":"${t}"}`).join()},5,[{"type":"no"}]]}`;
  const many = [...Array<string>(5000).fill('function'), 'mcp', 'function'];
  assert.deepEqual(accepted(tools(many)).values.get('tools[].type'), ['"function"', '"mcp"']);
  const different = Array.from({ length: 65 }, (_, i) => `t${i}`);
  refused(tools(different), /"tools\[\]\.type" has more than 64 different values/);
});

test('a container of the other kind holds nothing that is watched', () => {
  assert.equal(
    accepted('{"tools":{"type":"mcp"},"options":[{"num_ctx":1}],"stream_options":1,"model":"a"}').values.size,
    1,
  );
});

test('a value that is not watched is not taken for the watched one beside it', () => {
  const { model, values } = accepted(
    '{"stream_options":"x","y":"include_usage","tools":[1],"z":{"a":2},"model":"m"}',
  );
  assert.equal(model, 'm');
  assert.equal(values.size, 0);
});

// E1 and its kin: the last of two wins in most engines, the first in some.
test('a watched name that stands twice, or that Go would take for a watched one, is refused', () => {
  refused('{"model":"cheap","model":"big"}', /names "model" twice/);
  refused('{"model":"cheap","m\\u006Fdel":"big"}', /names "model" twice/);
  refused('{"model":"cheap","Model":"big"}', /"model" in another spelling/);
  refused('{"MODEL":"big"}', /"model" in another spelling/);
  refused('{"m\\u004fdel":"big"}', /"model" in another spelling/);
  refused('{"\\u017Ftream":true}', /"stream" in another spelling/);
  refused('{"ſtream":true}', /"stream" in another spelling/);
  refused('{"\u212aeep_alive":0}', /"keep_alive" in another spelling/);
  refused('{"\\u212aeep_alive":0}', /"keep_alive" in another spelling/);
  refused('{"options":{},"options":{"num_ctx":1}}', /names "options" twice/);
  refused('{"Options":{"num_ctx":1}}', /"options" in another spelling/);
  refused('{"options":{"NUM_CTX":1}}', /"num_ctx" in another spelling/);
  refused('{"options":{"num_ctx":1,"num_ctx":2}}', /names "num_ctx" twice/);
  refused('{"tools":[{"type":"function"},{"type":"function","type":"mcp"}]}', /names "type" twice/);
  refused('{"tools":[{"Type":"mcp"}]}', /"type" in another spelling/);
});

test('names that are not watched, or not at that place, may be anything', () => {
  const { model } = accepted(
    `{"x":1,"x":2,"keep\u007falive":1,"modell":"b","mode":1,"":2,"${'m'.repeat(5000)}":3,"\\u006dodel ":4,
      "metadata":{"model":"c","Model":"d","model":"e"},"messages":[{"model":1,"Stream":2}],"model":"a"}`,
  );
  assert.equal(model, 'a');
});

test('names that mean something to JavaScript are names like others', () => {
  const { model, values } = accepted(
    '{"__proto__":{"model":"x"},"constructor":1,"toString":2,"hasOwnProperty":3,"model":"a"}',
  );
  assert.equal(model, 'a');
  assert.equal(values.size, 0);
});

test('a model that is not plain text of at most 1024 bytes is refused', () => {
  for (const value of ['null', '5', 'true', '["a"]', '{"a":1}', '{}', '[]']) {
    refused(`{"model":${value}}`, /"model" is not a string/);
  }
  accepted(`{"model":"${'x'.repeat(1024)}"}`);
  accepted(`{"model":"${'\\u0078'.repeat(1024)}"}`, 100);
  refused(`{"model":"${'x'.repeat(1025)}"}`, /"model" is longer than 1024 bytes/);
  refused(`{"model":"${'é'.repeat(513)}"}`, /"model" is longer than 1024 bytes/);
  refused(`{"model":"${'\\u0078'.repeat(1025)}"}`, /"model" is longer than 1024 bytes/);
  refused(`{"model":"${'x'.repeat(100_000)}"}`, /"model" is longer than 1024 bytes/);
  refused('{"model":"cheap\\u0000big"}', /"model" is not plain text/);
  refused('{"model":"\\ud800"}', /"model" is not plain text/);
  assert.equal(accepted('{"model":"\\ud83d\\ude00"}').model, '\u{1f600}');
  assert.equal(accepted('{"model":""}').model, '');
});

test('stream is true, false or not said', () => {
  assert.equal(accepted('{"stream":true}').stream, true);
  assert.equal(accepted('{"stream":false}', 1).stream, false);
  assert.equal(accepted('{"stream":null}').stream, undefined);
  assert.equal(accepted('{}').stream, undefined);
  for (const value of ['1', '0', '"true"', '"t"', '[]', '{}', '-1', '12345678']) {
    refused(`{"stream":${value}}`, /"stream" is not true or false/);
  }
});

// E3.
test('128 levels are read, more are refused, however many', () => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)},"model":"m"}`;
  assert.equal(accepted(nested(128)).model, 'm');
  refused(nested(129), /deeper than 128 levels/);
  refused(`{"a":${'{"a":'.repeat(5000)}`, /deeper than 128 levels/);
  assert.match(String(scan('['.repeat(5_000_000))), /not a JSON object/);
  assert.match(String(scan(`{"a":${'['.repeat(5_000_000)}`)), /deeper than 128 levels/);
});

// E6.
test('what is not one object in UTF-8 is refused', () => {
  refused('', /it is empty/);
  for (const body of [' \n', '[]', '"model"', 'null', '5', 'model=a', '<x/>'])
    refused(body, /not a JSON object/);
  refused(Buffer.from('\ufeff{"model":"a"}'), /not a JSON object/);
  refused(Buffer.from('{"model":"a"}', 'utf16le'), /control character/);
  refused(Buffer.from('\ufeff{"model":"a"}', 'utf16le'), /not UTF-8/);
  refused('{"model":"a"}{"model":"b"}', /bytes after the end/);
  refused('{"model":"a"}x', /bytes after the end/);
  refused('{"model":"a"}\0', /control character/);
  refused('{"model":"a"', /it is incomplete/);
  refused('{"model":"a', /it is incomplete/);
  assert.equal(accepted('\t\r\n {"model":"a"}\r\n\t ').model, 'a');
});

test('bytes that are not UTF-8 are refused wherever they stand', () => {
  const bad: readonly (readonly number[])[] = [
    [0x80],
    [0xc0, 0xaf],
    [0xc3],
    [0xe0, 0x80, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80, 0xaf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf8, 0x88, 0x80, 0x80],
    [0xff],
    [0xe2, 0x82],
  ];
  for (const bytes of bad) {
    for (const pad of ['', 'x'.repeat(10_000)]) {
      const body = Buffer.concat([Buffer.from(`{"a":"${pad}`), Buffer.from(bytes), Buffer.from('"}')]);
      for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 3, 4096]) {
        assert.match(String(scan(body, pieceBytes)), /not UTF-8/, `${bytes} in pieces of ${pieceBytes}`);
      }
    }
  }
});

test('a control character in a long string is found in any of its bytes', () => {
  for (let at = 0; at < 40; at++) {
    for (const control of [0x00, 0x0a, 0x1f]) {
      const text = Buffer.alloc(9000, 'x');
      text[8192 - 20 + at] = control;
      const body = Buffer.concat([Buffer.from('{"a":"'), text, Buffer.from('"}')]);
      assert.match(String(scan(body)), /control character/, `at ${at}`);
    }
  }
});

test('each control character is found in each part of a very long string', () => {
  const length = 100_003;
  for (let control = 0; control < 0x20; control++) {
    for (const at of [0, 17, 2_040, 2_070, 5_000, 8_300, 60_001, length - 5]) {
      const text = Buffer.alloc(length, 'x\u00e9');
      text[at] = control;
      // Otherwise a character would be cut in two.
      if (at % 3 === 1) text[at + 1] = 0x78;
      if (at % 3 === 2) text[at - 1] = 0x78;
      const body = Buffer.concat([Buffer.from('{"a":"'), text.subarray(0, length - 1), Buffer.from('y"}')]);
      for (const pieceBytes of [length * 2, 20_000, 33_000])
        assert.match(String(scan(body, pieceBytes)), /control character/, `${control} at ${at}`);
    }
  }
});

test('a very long string ends at its quote and keeps its escapes, wherever they are', () => {
  for (const at of [16, 2_045, 2_064, 2_065, 6_100, 6_161, 14_400, 40_000, 99_990]) {
    for (const escaped of ['\\"', '\\\\', '\\n', '\\u0022']) {
      const text = 'x'.repeat(at) + escaped + '\u3042'.repeat(300) + escaped;
      assert.equal(accepted(`{"a":"${text}","model":"m"}`).model, 'm', `${escaped} at ${at}`);
      for (const pieceBytes of [100, 4_099, 20_000, 65_536])
        assert.equal(accepted(`{"a":"${text}","model":"m"}`, pieceBytes).model, 'm', `${escaped} at ${at}`);
    }
    refused(`{"a":"${'x'.repeat(at)}\\x","model":"m"}`, /unknown escape/);
  }
});

test('a string ends at its quote, in whichever byte and after however many backslashes', () => {
  for (let length = 0; length < 40; length++) {
    for (const end of ['', '\\"', '\\\\', '\\\\\\"', '\\u0022', 'é', '\u{1f600}']) {
      const body = `{"a":"${'x'.repeat(length)}${end}${'y'.repeat(length % 7)}","model":"m"}`;
      // Buffers may begin at any address.
      for (let shift = 0; shift < 4; shift++) {
        const buffer = Buffer.concat([Buffer.alloc(shift), Buffer.from(body)]).subarray(shift);
        const scanner = new JsonScanner(plan);
        assert.equal(scanner.write(buffer, 0, buffer.length), undefined);
        assert.equal(scanner.end(), undefined);
        assert.equal(scanner.facts().model, 'm');
      }
    }
  }
});

// E5, in the manner of JSONTestSuite: each in the place of a value.
test('values that are not JSON are refused', () => {
  const bad =
    `-|+1|-01|01|0x1|1.|.5|1.e5|1e|1e+|1eE2|- 1|--1|1 000|1_000|Infinity|-Infinity|NaN|nan|0.1.2|1a|-a|0e|0e+|0E.|2.e3
    |tru|trueX|True|TRUE|nul|nulll|fals|undefined|'a'|"|"a|"a"b"|"\\x"|"\\u00A"|"\\u"|"\\u00G0"|"\\uD8"|"\\a"|"\\'"|"\\"|"\\\\"\\"
    |[|[1|[1,|[1,]|[,1]|[,]|[1,,2]|[1 2]|[1;2]|]|[}|[1}|["a":1]|[1:2]|{|{"a"|{"a":|{"a":1,|{"a":1,}|{,}|{,"a":1}|{a:1}|{'a':1}|{1:1}
    |{"a" 1}|{"a",1}|{"a":1 "b":2}|{"a":1;"b":2}|{"a"::1}|{"a":}|{:1}|{"a":1]|{null:1}|{"a"}|{[1]:1}|{{}:1}|{"a":1}}|/**/1|1/**/|//|#|,|:|*|$|<.>
    |1,|"a",|[],|[]]|\u00a01|1\u00a0|\ufeff1|\u20601|é|\u2028`
      .split('|')
      .map((text) => text.replace(/\n\s*$/, ''));
  for (const value of [...bad, '', ' ', '\f1', '\v1', '"\t"', '"\n"', '"\x1f"', '"\0"', '\0']) {
    for (const body of [`{"a":${value}}`, `{"a":[1,${value}]}`, `{"prompt":${value}}`]) {
      assert.throws(() => JSON.parse(body));
      refused(body, /./);
    }
  }
});

test('values that are JSON are accepted', () => {
  const good = [
    ...[
      '0',
      '-0',
      '1',
      '-1',
      '123456789012345678901234567890',
      '0.5',
      '-0.0',
      '1e400',
      '1E5',
      '1e+5',
      '1e-5',
      '0e0',
      '0E+1',
    ],
    ...[
      '1.5e300',
      '-9.9E-9',
      'true',
      'false',
      'null',
      '""',
      '"\\u0000"',
      '"\\ud800"',
      '"\\uDFAA\\uD800"',
      '"\\uFFFF"',
      '"\x7f"',
    ],
    ...[
      '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
      '"\u2028\u2029"',
      '"\u{10ffff}"',
      '[]',
      '[[]]',
      '{}',
      '{"":0}',
      '{"a":{},"a":[]}',
      '[1,\n2 ,\t3]',
    ],
    ...['{ "a" : [ { } , [ ] ] }', `"${'\\\\'.repeat(5000)}"`, `"${'x'.repeat(5000)}\\n"`],
  ];
  for (const value of good) {
    for (const body of [
      `{"a":${value},"model":"m"}`,
      `{"a":[${value},${value}],"model":"m"}`,
      `{"a":\r\n${value}\t,"model":"m"}`,
    ]) {
      JSON.parse(body);
      for (const pieceBytes of [Number.POSITIVE_INFINITY, 1, 2])
        assert.equal(accepted(body, pieceBytes).model, 'm');
    }
  }
});

test('a fault tells the byte at which it was seen, counted from the beginning of the body', () => {
  for (const pieceBytes of [Number.POSITIVE_INFINITY, 4, 1]) {
    assert.equal(scan('{"a":1,"b":01}', pieceBytes), 'a number begins with a zero (byte 12)');
  }
});

// E9, and 2026-21717: names that collide in a hash table are not put into one.
test('two hundred thousand names like integers are read', () => {
  const body = Buffer.from(
    `{${Array.from({ length: 200_000 }, (_, i) => `"${i * 65_536}":0`).join()},"model":"m"}`,
  );
  assert.equal(accepted(body).model, 'm');
});

test('twenty megabytes of escapes, of one string, or of different tools are read', () => {
  const bodies = [
    `{"a":"${'\\"'.repeat(1e7)}"}`,
    `{"a":"${'x'.repeat(2e7)}"}`,
    `{"a":"${`${'x'.repeat(15)}\\"`.repeat(1e6)}"}`,
    `{"tools":[${Array.from({ length: 1e6 }, (_, i) => `{"type":"${i % 64}"}`).join()}]}`,
  ];
  for (const body of bodies) accepted(body);
});
