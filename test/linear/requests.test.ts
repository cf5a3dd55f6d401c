/**
 * Everything that reads what clients send does work that grows with the size of the input and by a small factor, on the
 * inputs that are worst for it. Measured in steps, so that no load of the machine and no clock matters.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { AddressRules, parseAddress } from '../../src/core/security/address-rules.ts';
import { compileKey } from '../../src/core/security/key-view.ts';
import { LoginThrottle } from '../../src/core/security/login-throttle.ts';
import { OriginRules } from '../../src/core/security/origin-rules.ts';
import { makeAuth } from '../../src/gateway/auth.ts';
import { BodyChunks } from '../../src/gateway/body/body-chunks.ts';
import { JsonScanner } from '../../src/gateway/body/json-scanner.ts';
import { MultipartScanner } from '../../src/gateway/body/multipart.ts';
import { boundaryOf, readPartHead } from '../../src/gateway/body/multipart-head.ts';
import { scanPlan } from '../../src/gateway/body/scan-plan.ts';
import { Utf8Check } from '../../src/gateway/body/utf8-check.ts';
import { readClientHello } from '../../src/gateway/client-hello.ts';
import { preflightFields, readOrigin } from '../../src/gateway/cors.ts';
import { ForeignTokens } from '../../src/gateway/foreign-tokens.ts';
import { makeGuard } from '../../src/gateway/guard.ts';
import { HostAllowlist, parseHost } from '../../src/gateway/host-allowlist.ts';
import { readFastPathHead } from '../../src/gateway/http/fast-path-head.ts';
import { noPages, OpenPages } from '../../src/gateway/open-pages.ts';
import { plainParams } from '../../src/gateway/plain-refusal.ts';
import { passingQuery } from '../../src/gateway/query.ts';
import { router } from '../../src/gateway/router.ts';
import { assertLinear, countSteps } from '../helpers/count-steps.ts';
import { headOnlyExchange } from '../helpers/head-only-exchange.ts';
import { sampleKey } from '../helpers/key-samples.ts';

/** A head holds at most 16 KB. */
const headSizes = [1_000, 4_000, 16_000];
const bodySizes = [10_000, 100_000];

type Input = (size: number) => string;

/** `unit` over and over, to the size. */
const over =
  (unit: string, before = '', after = ''): Input =>
  (size) =>
    before + unit.repeat(Math.ceil(size / unit.length)) + after;

describe('the head of a request', () => {
  const heads: readonly Input[] = [
    over('a', 'GET /', ' HTTP/1.1\r\nHost: a\r\n\r\n'),
    over('a:\r\n', 'GET / HTTP/1.1\r\n', '\r\n'),
    over('host:a\r\n', 'GET / HTTP/1.1\r\n', '\r\n'),
    over(' ', 'GET / HTTP/1.1\r\nHost: ', '\r\n\r\n'),
    over('\t', 'GET / HTTP/1.1\r\nHost: a', '\r\n\r\n'),
    over('a', 'GET / HTTP/1.1\r\n'),
    over('\r\n', 'POST / HTTP/1.1\r\n'),
  ];
  for (const head of heads)
    test(`costs by its length: ${JSON.stringify(head(20))}`, () =>
      assertLinear(
        'a head',
        (size) => {
          const bytes = Buffer.from(head(size));
          return () => readFastPathHead(bytes, 0, 32_000);
        },
        { sizes: headSizes, fixed: 3_000, perUnit: 10 },
      ));
});

describe('the steps before a handler', () => {
  const guard = makeGuard({ hosts: new HostAllowlist(['a']), maxHeadFields: 100, draining: () => false });
  const paths: readonly Input[] = [
    over('a', '/'),
    over('/'),
    over('/a'),
    over('/.a'),
    over('/..a'),
    over('/%2e%2ea'),
    over('%2f%2e', '/'),
    over('%2', '/'),
    over('%', '/'),
    over('.', '/'),
    over('/%61', '/engine/a'),
    over('a/', '/v1/v1/'),
    over('?', '/'),
    over('a=b&', '/?'),
    over('%41', '/?', '\x7f'),
    over('a', 'http://'),
    over('/', 'http://a'),
    over('?', 'http://a'),
    over(':', 'http://'),
  ];
  for (const path of paths)
    test(`a target costs by its length: ${JSON.stringify(path(20))}`, () =>
      assertLinear(
        'a target',
        (size) => {
          const x = headOnlyExchange({ path: path(size), fields: ['Host', 'a'] });
          return () => {
            guard(x);
            router(x);
            passingQuery(x.query, ['a']);
          };
        },
        { sizes: headSizes, fixed: 5_000, perUnit: 60 },
      ));

  const values: readonly Input[] = [
    over('a'),
    over(' '),
    over(' ', 'a', 'a'),
    over('a.'),
    over('a..'),
    over('-', 'a'),
    over(':'),
    over(':', '[', ']'),
    over('1:', '[', ']'),
    over('1.'),
    over('%', 'fe80::1%'),
    over(','),
    over(', '),
    over('a,'),
    over('='),
    over('bearer '),
    over(' ', 'Bearer ', '!'),
    over('a=', 'Bearer '),
    over('=', 'Bearer a', '!'),
    over('://'),
    over('a.', 'https://'),
    over('-', 'https://a', '.b'),
    over('x-stainless-a,'),
    over('x-stainless-'),
    over(';', 'multipart/form-data'),
    over(' ', 'multipart/form-data;'),
    over(';a=b', 'multipart/form-data'),
    over('"', 'multipart/form-data; boundary='),
  ];
  const auth = makeAuth({
    clock: systemClock,
    throttle: new LoginThrottle(),
    foreign: new ForeignTokens(),
    temporary: { find: () => undefined },
    pages: new OpenPages(noPages, false),
    onRefused: () => {},
  });
  const readers: Readonly<Record<string, (value: string) => () => unknown>> = {
    'the host': (value) => () => parseHost(value),
    'the list of hosts': (value) => {
      const hosts = new HostAllowlist(['a.example', '*.b.example']);
      return () => hosts.answersFor(value);
    },
    'an address': (value) => () => parseAddress(value),
    'an origin': (value) => {
      const rules = new OriginRules(['https://a.example', 'https://*.b.example']);
      return () => rules.allows(value);
    },
    'the credentials': (value) => {
      const x = headOnlyExchange({ fields: ['Authorization', value, 'X-Api-Key', value, 'Api-Key', value] });
      return () => auth(x);
    },
    'one credential': (value) => {
      const x = headOnlyExchange({ fields: ['Authorization', value] });
      return () => auth(x);
    },
    'the guarded fields': (value) => {
      const names = ['Host', 'Authorization', 'Transfer-Encoding', 'Upgrade'];
      const all = names.map((name) =>
        headOnlyExchange({ fields: [...(name === 'Host' ? [] : ['Host', 'a']), name, value] }),
      );
      return () => all.forEach((x) => void guard(x));
    },
    'a preflight': (value) => {
      const fields = ['Origin', value, 'Access-Control-Request-Method', value];
      const x = headOnlyExchange({
        method: 'OPTIONS',
        fields: [...fields, 'Access-Control-Request-Headers', value],
        policy: { allowOrigins: ['https://*.b.example'] },
      });
      return () => {
        readOrigin(x);
        preflightFields(x);
      };
    },
    'the boundary of a form': (value) => () => boundaryOf(value),
    'a plain request on an HTTPS port': (value) => {
      const request = {
        bytes: Buffer.from(`GET / HTTP/1.1\r\n${value}\r\nHost: ${value}\r\nAuthorization: ${value}`),
        port: 1,
        hosts: new HostAllowlist([]),
        requestId: 'r',
        crossedNetwork: true,
      };
      return () => plainParams(request);
    },
  };
  for (const [what, reader] of Object.entries(readers))
    test(`${what}: costs by the length of the field`, () => {
      for (const value of values)
        assertLinear(`${what}: ${value(20)}`, (size) => reader(value(size)), {
          sizes: headSizes,
          fixed: 10_000,
          perUnit: 60,
        });
    });

  test('a key with globs costs by the globs and the length of the name', () => {
    const sample = sampleKey({ models: Array.from({ length: 100 }, () => '*a*a*a*a*a*b') });
    const key = compileKey(sample);
    assertLinear(
      'a name',
      (size) => {
        const name = 'a'.repeat(size);
        return () => key.mayUseModel(name);
      },
      { sizes: [100, 1_024], fixed: 20_000, perUnit: 200 },
    );
  });

  test('a list of addresses is searched by halves', () => {
    const rules = (count: number): AddressRules =>
      new AddressRules(Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.1`));
    const [few, many] = [rules(10), rules(1_000)];
    const address = parseAddress('10.1.7.2');
    assert.ok(address !== undefined);
    assert.ok(countSteps(() => many.matches(address)) < countSteps(() => few.matches(address)) + 100);
  });
});

describe('a body', () => {
  const plan = scanPlan(['options.num_ctx', 'tools[].type', 'messages', 'input']);
  const bodies: readonly Input[] = [
    over(' ', '{', '"model":"m"}'),
    over(' ', '', '{}'),
    over(' ', '{}'),
    over('x', '{"a":"', '"}'),
    over('\\u0061', '{"a":"', '"}'),
    over('\\"', '{"a":"', '"}'),
    over('"a":0,', '{', '"b":0}'),
    over('"model ":0,', '{', '"b":0}'),
    over('"\\u006dodel2":0,', '{', '"b":0}'),
    over('"é":0,', '{', '"b":0}'),
    over('1,', '{"a":[', '1]}'),
    over('[],', '{"tools":[', '1]}'),
    over('{"type":"a"},', '{"tools":[', '1]}'),
    over('{"type":"\\u0061"},', '{"tools":[', '1]}'),
    over('1', '{"a":', '}'),
    over('1', '{"options":{"num_ctx":', '}}'),
    over('x', '{"options":{"num_ctx":"', '"}}'),
    over('{"a":', '{"a":'),
    over('x', '{"', '":1}'),
    over('\\u006d', '{"', '":1}'),
    over('\u{1f600}', '{"a":"', '"}'),
  ];
  /** Steps of reading a body in pieces of one size. */
  function read(bytes: Buffer, pieceBytes: number, write: (b: Buffer, from: number, to: number) => unknown) {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (write(bytes, at, Math.min(bytes.length, at + pieceBytes)) !== undefined) return;
    }
  }
  for (const body of bodies)
    test(`of JSON costs by its length, however it is cut: ${JSON.stringify(body(20))}`, () => {
      for (const pieceBytes of [1, 7, 65_536])
        assertLinear(
          `JSON in pieces of ${pieceBytes}`,
          (size) => {
            const bytes = Buffer.from(body(size));
            return () => {
              const scanner = new JsonScanner(plan);
              read(bytes, pieceBytes, (b, from, to) => scanner.write(b, from, to));
              scanner.end();
              scanner.facts();
            };
          },
          { sizes: bodySizes, fixed: 20_000, perUnit: pieceBytes === 1 ? 80 : 30 },
        );
    });

  const part = (name: string): string => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n`;
  const forms: readonly Input[] = [
    over('x', `${part('model')}\r\n`, '\r\n--B--'),
    over('x', `${part('file')}\r\n`, '\r\n--B--'),
    over('-', `${part('file')}\r\n`, '\r\n--B--'),
    over('\r\n-', `${part('file')}\r\n`, '\r\n--B--'),
    over('\r\n--', `${part('file')}\r\n`, '\r\n--B--'),
    over('\r\n--A', `${part('file')}\r\n`, '\r\n--B--'),
    over('\r', part('a')),
    over('a:b\r\n', part('a')),
    over(' ', `${part('a')}x: `, '\x01'),
    over(';a=b', `${part('a')}x: y`),
    over(`${part('a')}\r\n1\r\n`, '', '--B--'),
  ];
  for (const form of forms)
    test(`of a form costs by its length, however it is cut: ${JSON.stringify(form(20))}`, () => {
      for (const pieceBytes of [1, 7, 65_536])
        assertLinear(
          `a form in pieces of ${pieceBytes}`,
          (size) => {
            const bytes = Buffer.from(form(size));
            return () => {
              const scanner = MultipartScanner.open('multipart/form-data; boundary=B', ['prompt']);
              assert.ok(scanner instanceof MultipartScanner);
              read(bytes, pieceBytes, (b, from, to) => scanner.write(b, from, to));
            };
          },
          { sizes: bodySizes, fixed: 100_000, perUnit: 60 },
        );
    });

  test('a boundary of its own repetition costs by the length of the form', () => {
    const boundary = 'a'.repeat(69);
    for (const unit of [`--${'a'.repeat(68)}`, `\r\n--${'a'.repeat(68)}`, '--a', '-'])
      assertLinear(
        `a form of ${unit}`,
        (size) => {
          const bytes = Buffer.from(
            `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${over(unit)(size)}`,
          );
          return () => {
            const scanner = MultipartScanner.open(`multipart/form-data; boundary=${boundary}`, []);
            assert.ok(scanner instanceof MultipartScanner);
            scanner.write(bytes, 0, bytes.length);
          };
        },
        { sizes: bodySizes, fixed: 20_000, perUnit: 30 },
      );
  });

  const partHeads: readonly Input[] = [
    over('a:b\r\n', 'Content-Disposition: form-data; name="a"\r\n', 'x: y'),
    over(' ', 'Content-Disposition: form-data;', 'x'),
    over(' ', 'Content-Disposition: form-data', 'x'),
    over('; a=b', 'Content-Disposition: form-data'),
    over("a'", "Content-Disposition: form-data; name*=utf-8'"),
    over(' ', 'Content-Type: x', 'y\x01'),
    over(';charset=', 'Content-Type: text/plain'),
    over('; ', 'Content-Type: text/plain; charset=utf-8'),
    over('a', 'Content-Type: '),
  ];
  for (const head of partHeads)
    test(`the head of a part costs by its length: ${JSON.stringify(head(20))}`, () =>
      assertLinear('the head of a part', (size) => () => readPartHead(head(size)), {
        sizes: headSizes,
        fixed: 5_000,
        perUnit: 60,
      }));

  test('the check of UTF-8 and the gathering of pieces cost by the bytes and the pieces', () => {
    for (const pieceBytes of [1, 3, 5_000])
      assertLinear(
        `pieces of ${pieceBytes}`,
        (size) => {
          const bytes = Buffer.from(over('é😀y')(size));
          return () => {
            const check = new Utf8Check();
            const pieces = new BodyChunks();
            read(bytes, pieceBytes, (b, from, to) => {
              pieces.add(b.subarray(from, to));
              return check.take(b, from, to) ? undefined : false;
            });
            pieces.all();
          };
        },
        { sizes: bodySizes, fixed: 60_000, perUnit: pieceBytes === 1 ? 60 : 30 },
      );
  });
});

describe('the first message of a TLS connection', () => {
  const extension = (type: number, data: Buffer): Buffer =>
    Buffer.concat([Buffer.of(type >> 8, type & 255, data.length >> 8, data.length & 255), data]);
  const hello = (extensions: Buffer): Buffer => {
    const body = Buffer.concat([
      Buffer.alloc(34),
      Buffer.of(0, 0, 0, 0),
      Buffer.of(extensions.length >> 8, extensions.length & 255),
      extensions,
    ]);
    const message = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 255), body]);
    return Buffer.concat([Buffer.of(0x16, 3, 1, message.length >> 8, message.length & 255), message]);
  };
  const hellos: Readonly<Record<string, (size: number) => Buffer>> = {
    'empty extensions': (size) => hello(Buffer.concat(Array(size >> 2).fill(extension(99, Buffer.alloc(0))))),
    'lists of protocols': (size) => hello(extension(16, Buffer.alloc(size, 0))),
    'many such lists': (size) => hello(Buffer.concat(Array(size >> 4).fill(extension(16, Buffer.alloc(12))))),
    'many names': (size) => hello(Buffer.concat(Array(size >> 4).fill(extension(0, Buffer.alloc(12))))),
  };
  for (const [name, make] of Object.entries(hellos))
    test(`costs by its length: ${name}`, () =>
      assertLinear(
        name,
        (size) => {
          const bytes = make(size);
          return () => readClientHello(bytes);
        },
        { sizes: [1_000, 16_000], fixed: 3_000, perUnit: 20 },
      ));
});
