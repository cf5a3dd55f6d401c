import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AcmeFailure } from './acme-failure.ts';
import { authorizationIn, directoryIn, orderIn, problemIn } from './acme-responses.ts';

const url = 'https://ca.example/x';
const known = [
  'status',
  'identifier',
  'value',
  'challenges',
  'type',
  'url',
  'token',
  'error',
  'detail',
  'meta',
];
const more = [
  'authorizations',
  'finalize',
  'newNonce',
  'newAccount',
  'newOrder',
  'subproblems',
  'certificate',
];

/** JSON of the names that are read, with anything below them. */
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom(null, true, 7, '', 'valid', 'urn:ietf:params:acme:error:dns', url, 'http://['),
    fc.string(),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...known, ...more), tie('tree'), { maxKeys: 6 }),
  ),
}));

test('any response is parsed, or reported as no response of an ACME server', () => {
  const texts = fc.oneof(
    tree.map((value) => JSON.stringify(value)),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 400, max: 599 }), (text, status) => {
      const answer = { status, headers: {}, text };
      for (const read of [directoryIn, orderIn, authorizationIn]) {
        try {
          read(url, answer);
        } catch (error) {
          assert.ok(error instanceof AcmeFailure, String(error));
        }
      }
      const { type, detail } = problemIn(answer);
      assert.equal(typeof type, 'string');
      assert.equal(typeof detail, 'string');
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 5_000 },
  );
});

test('of a problem with several parts the first one with a domain is reported', () => {
  const text = JSON.stringify({
    type: 'urn:ietf:params:acme:error:compound',
    detail: 'several',
    subproblems: [
      {
        type: 'urn:ietf:params:acme:error:caa',
        detail: 'CAA forbids it',
        identifier: { type: 'dns', value: 'b.example.org' },
      },
    ],
  });
  assert.deepEqual(problemIn({ status: 403, headers: {}, text }), {
    type: 'caa',
    detail: 'CAA forbids it',
    domain: 'b.example.org',
  });
});

test('parts of parts, however deep, are not read', () => {
  const depth = 9_000;
  const text = `${'{"type":"a","subproblems":['.repeat(depth)}${']}'.repeat(depth)}`;
  assert.equal(problemIn({ status: 400, headers: {}, text }).type, 'a');
});

test('a token that could lead anywhere else is none', () => {
  const challenge = (token: string): object => ({ type: 'http-01', url, token, status: 'pending' });
  const text = JSON.stringify({
    status: 'pending',
    identifier: { type: 'dns', value: 'a.example.org' },
    challenges: ['../../etc/passwd-and-more', 'short', 'a b'.repeat(10), 'A-z_0'.repeat(5)].map(challenge),
  });
  assert.deepEqual(
    authorizationIn(url, { status: 200, headers: {}, text }).challenges.map((c) => c.token),
    ['A-z_0'.repeat(5)],
  );
});
