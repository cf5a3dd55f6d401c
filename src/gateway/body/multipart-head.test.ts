import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundaryOf, readPartHead } from './multipart-head.ts';

test('the boundary is read in the forms that clients write', () => {
  const cases: Readonly<Record<string, string>> = {
    'multipart/form-data; boundary=----WebKitFormBoundaryx1': '----WebKitFormBoundaryx1',
    'multipart/form-data; boundary="a b"': 'a b',
    'Multipart/Form-Data;BOUNDARY=x': 'x',
    'multipart/form-data; boundary=a:b/c=d?e': 'a:b/c=d?e',
    'multipart/form-data; charset=utf-8; boundary=x': 'x',
    'multipart/form-data; boundary="x"; charset="UTF-8"': 'x',
  };
  for (const [type, boundary] of Object.entries(cases)) assert.equal(boundaryOf(type), boundary, type);
});

test('what another reader could take for another boundary is none', () => {
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary=x; boundary=y',
    'multipart/form-data; boundary=x; Boundary=x',
    'multipart/form-data; boundary="x\\"y"',
    'multipart/form-data; boundary="x',
    'multipart/form-data; boundary="x "',
    "multipart/form-data; boundary*=utf-8''x",
    'multipart/form-data; boundary=x; charset=utf-16',
    'multipart/form-data; boundary=x; more=y',
    'multipart/form-data boundary=x',
    'multipart/mixed; boundary=x',
    'xmultipart/form-data; boundary=x',
    `multipart/form-data; boundary=${'x'.repeat(71)}`,
    `multipart/form-data; boundary=x${' '.repeat(2000)}`,
    'multipart/form-data; boundary=x, multipart/form-data; boundary=y',
    'multipart/form-data; boundary=\u00e9',
  ])
    assert.equal(boundaryOf(type), undefined, type);
});

const disposition = 'Content-Disposition: form-data; ';

test("a part's name is read, and whether it is a file", () => {
  assert.deepEqual(readPartHead(`${disposition}name="model"`), { name: 'model', isFile: false });
  assert.deepEqual(readPartHead(`${disposition}name=model`), { name: 'model', isFile: false });
  assert.deepEqual(readPartHead(`${disposition}name="file"; filename="a.wav"\r\nContent-Type: audio/wav`), {
    name: 'file',
    isFile: true,
  });
  assert.deepEqual(readPartHead(`${disposition}name="f"; filename="x"; filename*=UTF-8''na%C3%AFve.wav`), {
    name: 'f',
    isFile: true,
  });
  const utf8 = Buffer.from('é').toString('latin1');
  assert.deepEqual(readPartHead(`${disposition}name="${utf8}"`), { name: 'é', isFile: false });
});

test('what readers take in different ways is a fault', () => {
  for (const head of [
    '',
    'Content-Type: text/plain',
    `${disposition}filename="a"`,
    `${disposition}name="a"; name="b"`,
    `${disposition}name="mo\\del"`,
    `${disposition}name*=utf-8''model`,
    `${disposition}name="a"; x=y`,
    `${disposition}name="a"\r\n${disposition}name="b"`,
    `${disposition}name="a"\r\n folded`,
    `${disposition}name="a"\nX: y`,
    `Content-Disposition : form-data; name="a"`,
    'Content-Disposition: attachment; name="a"',
    `${disposition}name="a"\r\nContent-Transfer-Encoding: base64`,
    `${disposition}name="a"\r\nContent-Type: text/plain; charset=utf-16`,
    `${disposition}name="a"\r\nContent-Type: text/plain; charset=utf-8; charset=utf-7`,
  ]) {
    assert.ok('reason' in readPartHead(head), JSON.stringify(head));
  }
});
